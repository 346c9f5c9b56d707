// What the command palette finds, and in which order.

export interface Command {
	id: string;
	label: string;
	/** Behind the label, in small letters. */
	detail: string;
	run: () => void;
}

const MOST = 12;

/** How well `text` fits: the lower the better, null not at all. Letters of the query may lie apart. */
export function fit(query: string, text: string): number | null {
	const wanted = query.trim().toLowerCase();
	const within = text.toLowerCase();
	if (!wanted) return 0;
	const at = within.indexOf(wanted);
	if (at === 0) return 0;
	if (at > 0) return within[at - 1] === ' ' || within[at - 1] === '-' ? 1 : 2;
	let from = 0;
	for (const letter of wanted.replaceAll(' ', '')) {
		from = within.indexOf(letter, from) + 1;
		if (from === 0) return null;
	}
	return 3 + from / 1000;
}

/** The best ones first; equals as they came. */
export function find(commands: readonly Command[], query: string): Command[] {
	return commands
		.map((command) => ({ command, score: fit(query, command.label) ?? add(fit(query, command.detail), 4) }))
		.filter((one): one is { command: Command; score: number } => one.score !== null)
		.sort((one, other) => one.score - other.score)
		.slice(0, MOST)
		.map((one) => one.command);
}

const add = (score: number | null, more: number) => (score === null ? null : score + more);
