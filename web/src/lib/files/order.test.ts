import { describe, expect, it } from 'vitest';
import type { Entry } from './api';
import { arrange, nextOrder, rangeOf } from './order';

const entry = (name: string, more: Partial<Entry> = {}): Entry => ({
	name, path: `/${name}`, type: 'file', size: 1, mode: 420, permissions: '-rw-r--r--', owner: 'user', group: 'user', modified_at: 0, ...more
});
const names = (entries: Entry[]) => entries.map((one) => one.name);

describe('the list of a folder', () => {
	const all = [entry('b10'), entry('b9', { size: 5, modified_at: 7 }), entry('.hidden'), entry('z', { type: 'directory' }), entry('a', { type: 'directory' })];
	it('has folders first, numbers in their order, and hidden ones when they are asked for', () => {
		expect(names(arrange(all, { by: 'name', direction: 'asc' }, false))).toEqual(['a', 'z', 'b9', 'b10']);
		expect(names(arrange(all, { by: 'name', direction: 'desc' }, true))).toEqual(['z', 'a', 'b10', 'b9', '.hidden']);
	});
	it('is sorted by size and by time', () => {
		expect(names(arrange(all, { by: 'size', direction: 'desc' }, false))).toEqual(['a', 'z', 'b9', 'b10']);
		expect(names(arrange(all, { by: 'modified', direction: 'asc' }, false))).toEqual(['a', 'z', 'b10', 'b9']);
		expect(nextOrder({ by: 'name', direction: 'asc' }, 'size')).toEqual({ by: 'size', direction: 'desc' });
		expect(nextOrder({ by: 'size', direction: 'desc' }, 'size').direction).toBe('asc');
	});
	it('draws what is seen, and a little more', () => {
		expect(rangeOf(10_000, 34, 34_000, 500)).toEqual({ first: 992, end: 1023 });
		expect(rangeOf(3, 34, 0, 500)).toEqual({ first: 0, end: 3 });
		expect(rangeOf(0, 34, 0, 500)).toEqual({ first: 0, end: 0 });
		// A list that has become shorter than it was scrolled.
		expect(rangeOf(5, 34, 9000, 500)).toEqual({ first: 4, end: 5 });
	});
});
