import { describe, expect, it } from 'vitest';
import { newTag, shellsOf } from './shells';

describe('shellsOf', () => {
	it('finds terminals among what runs, the oldest first', () => {
		const found = shellsOf([{ pid: 30, tag: 'term-b' }, { pid: 9 }, { pid: 12, tag: 'server' }, { pid: 20, tag: 'pty-1f0c9a3e' }, { pid: 3, tag: 'terminal' }, { pid: 31, tag: 'term-b' }]);
		expect(found).toEqual([
			{ tag: 'pty-1f0c9a3e', pid: 20 },
			{ tag: 'term-b', pid: 30 }
		]);
	});
	it('makes tags that the API takes and that are found again', () => {
		const tag = newTag();
		expect(tag).toMatch(/^term-[0-9a-f]{10}$/);
		expect(shellsOf([{ pid: 1, tag }])).toHaveLength(1);
		expect(newTag()).not.toBe(tag);
	});
});
