/** Puts text into the clipboard. Whether that went. */
export async function copyText(text: string): Promise<boolean> {
	try {
		if (navigator.clipboard) {
			await navigator.clipboard.writeText(text);
			return true;
		}
	} catch {
		// The other way may be allowed.
	}
	// Pages that came by plain HTTP have no clipboard but this.
	const area = document.createElement('textarea');
	area.value = text;
	area.className = 'fixed -left-full';
	area.setAttribute('readonly', '');
	const had = document.activeElement;
	// A dialog keeps the focus within.
	(had?.closest('[role="dialog"]') ?? document.body).append(area);
	area.select();
	const went = document.execCommand('copy');
	area.remove();
	if (had instanceof HTMLElement) had.focus();
	return went;
}
