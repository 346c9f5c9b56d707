// For libraries that make <style> elements, which the content security policy forbids (xterm does). While `make` runs, elements
// of that name are stand-ins: what is written to one becomes a constructed style sheet of the document, and goes with it.

class StandIn {
	private readonly sheet = new CSSStyleSheet();
	readonly element: HTMLElement;

	constructor(create: (name: string) => HTMLElement) {
		this.element = create('wrenn-style');
		this.element.hidden = true;
		const remove = this.element.remove.bind(this.element);
		const write = (text: unknown) => {
			this.sheet.replaceSync(String(text ?? ''));
			const others = document.adoptedStyleSheets.filter((one) => one !== this.sheet);
			document.adoptedStyleSheets = [...others, this.sheet];
		};
		for (const name of ['textContent', 'innerText', 'innerHTML']) {
			Object.defineProperty(this.element, name, { set: write, get: () => '', configurable: true });
		}
		this.element.remove = () => {
			document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== this.sheet);
			remove();
		};
	}
}

/** Runs `make`, which has to make its elements at once. `terminal.open(element)` is such a function. */
export function adoptingStyles<T>(make: () => T): T {
	const create = document.createElement.bind(document);
	document.createElement = ((name: string, options?: ElementCreationOptions) =>
		name.toLowerCase() === 'style' ? new StandIn(create).element : create(name, options)) as typeof document.createElement;
	try {
		return make();
	} finally {
		// What was the document's own again.
		Reflect.deleteProperty(document, 'createElement');
	}
}
