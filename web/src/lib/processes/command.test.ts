import { describe, expect, it } from 'vitest';
import { Decoder, LineParser, MOST_SHOWN, append } from './command';

describe('the output of a command', () => {
	it('comes in any pieces of lines', () => {
		const parser = new LineParser();
		expect(parser.feed('{"a":')).toEqual([]);
		expect(parser.feed('1}\n{"b":2}\n\n{')).toEqual(['{"a":1}', '{"b":2}']);
		expect(parser.feed('}\n')).toEqual(['{}']);
	});
	it('may part a character, in each output by itself', () => {
		const decoder = new Decoder();
		expect(decoder.take(Uint8Array.of(0x61, 0xc3), 'stdout').text).toBe('a');
		expect(decoder.take(Uint8Array.of(0x62), 'stderr').text).toBe('b');
		expect(decoder.take(Uint8Array.of(0xbc), 'stdout').text).toBe('ü');
	});
	it('is put together where it is of the same output', () => {
		let pieces = append([], { from: 'stdout', text: 'a' });
		pieces = append(pieces, { from: 'stdout', text: 'b' });
		pieces = append(pieces, { from: 'stderr', text: 'c' });
		expect(pieces).toEqual([
			{ from: 'stdout', text: 'ab' },
			{ from: 'stderr', text: 'c' }
		]);
	});
	it('is cut at its beginning when it is very long', () => {
		let pieces = append([], { from: 'stderr', text: 'lost' });
		pieces = append(pieces, { from: 'stdout', text: 'x'.repeat(MOST_SHOWN - 1) });
		pieces = append(pieces, { from: 'stdout', text: 'yz' });
		expect(pieces.map((piece) => piece.from)).toEqual(['stdout']);
		expect(pieces[0]!.text).toHaveLength(MOST_SHOWN);
		expect(pieces[0]!.text.endsWith('xyz')).toBe(true);
	});
});
