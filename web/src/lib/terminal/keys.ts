// Which keys are the page's own in a terminal: copying and pasting. All others are the shell's.

type Key = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'shiftKey' | 'metaKey' | 'altKey'>;

/** 'paste' leaves the key to the browser, which pastes. */
export function meaning(key: Key, hasSelection: boolean): 'copy' | 'paste' | null {
	const letter = key.key.toLowerCase();
	if (key.altKey) return null;
	if (letter === 'c' && ((key.ctrlKey && key.shiftKey) || (key.metaKey && hasSelection))) return hasSelection ? 'copy' : null;
	// As in most terminals of today: with something chosen, Ctrl C copies it; else it is the interrupt.
	if (letter === 'c' && key.ctrlKey && hasSelection) return 'copy';
	if (letter === 'v' && (key.metaKey || key.ctrlKey)) return key.ctrlKey && !key.shiftKey ? null : 'paste';
	if (key.key === 'Insert' && key.shiftKey) return 'paste';
	return null;
}
