import { describe, expect, it } from 'vitest';
import { EventParser } from './events';

describe('a stream of events', () => {
	const text = ': hello\r\nid: 7\r\nevent: changed\r\ndata: {"a":1}\r\ndata: second\r\n\r\nretry: 250\n\ndata:bare\n\n';
	const expected = [
		{ event: 'changed', data: '{"a":1}\nsecond', id: '7' },
		{ event: 'message', data: 'bare', id: '7' }
	];

	it('is taken apart', () => {
		const parser = new EventParser();
		expect(parser.feed(text)).toEqual(expected);
		expect(parser.retry).toBe(250);
		expect(parser.lastId).toBe('7');
	});
	it('may come in any pieces', () => {
		for (let size = 1; size < 9; ++size) {
			const parser = new EventParser();
			const found = [];
			for (let at = 0; at < text.length; at += size) found.push(...parser.feed(text.slice(at, at + size)));
			expect(found).toEqual(expected);
		}
	});
	it('keeps what has no end yet', () => {
		const parser = new EventParser();
		expect(parser.feed('data: half')).toEqual([]);
		expect(parser.feed('\n')).toEqual([]);
		expect(parser.feed('\n')).toEqual([{ event: 'message', data: 'half', id: '' }]);
	});
});
