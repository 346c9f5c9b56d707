import { expect, it } from 'vitest';
import { meaning } from './keys';

const key = (name: string, ...held: string[]) => ({
	key: name,
	ctrlKey: held.includes('ctrl'),
	shiftKey: held.includes('shift'),
	metaKey: held.includes('meta'),
	altKey: held.includes('alt')
});

it('leaves Ctrl C to the shell unless something is chosen', () => {
	expect(meaning(key('c', 'ctrl'), false)).toBeNull();
	expect(meaning(key('c', 'ctrl'), true)).toBe('copy');
	expect(meaning(key('C', 'ctrl', 'shift'), true)).toBe('copy');
	expect(meaning(key('C', 'ctrl', 'shift'), false)).toBeNull();
});
it('pastes by Ctrl Shift V, Cmd V and Shift Insert, and leaves Ctrl V to the shell', () => {
	expect(meaning(key('V', 'ctrl', 'shift'), false)).toBe('paste');
	expect(meaning(key('v', 'meta'), false)).toBe('paste');
	expect(meaning(key('Insert', 'shift'), false)).toBe('paste');
	expect(meaning(key('v', 'ctrl'), false)).toBeNull();
});
