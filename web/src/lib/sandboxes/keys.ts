// Single keys of the list, for those whose hands stay on the keyboard.

export type ListKey = 'next' | 'previous' | 'choose' | 'create' | 'search';
const keys: Record<string, ListKey> = { j: 'next', k: 'previous', x: 'choose', c: 'create', '/': 'search' };

/** What is meant, or null: while something is written, a menu or a dialog is open, or with other keys it means something else. */
export function listKey(event: KeyboardEvent): ListKey | null {
	if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
	const element = event.target as HTMLElement | null;
	if (element?.closest?.('input:not([type=checkbox]), textarea, select, [contenteditable], [role="menu"], [role="dialog"], [role="listbox"], [data-keeps-keys]')) return null;
	if (document.querySelector('[role="dialog"], [role="menu"]')) return null;
	return keys[event.key] ?? null;
}

/** The row after or before the one with the focus; the first where none has it. */
export function moveFocus(table: HTMLElement, step: 1 | -1) {
	const rows = [...table.querySelectorAll<HTMLElement>('tbody tr[tabindex]')];
	const at = rows.indexOf(document.activeElement?.closest('tr') as HTMLElement);
	const to = at < 0 ? rows.findIndex((row) => row.tabIndex === 0) : Math.min(Math.max(at + step, 0), rows.length - 1);
	rows[Math.max(to, 0)]?.focus();
}

/** Chooses the row with the focus, or no longer. */
export function toggleFocused(table: HTMLElement) {
	const row = document.activeElement?.closest('tr');
	if (row && table.contains(row)) row.querySelector<HTMLInputElement>('input[type=checkbox]')?.click();
}
