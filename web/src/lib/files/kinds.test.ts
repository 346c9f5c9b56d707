import { describe, expect, it } from 'vitest';
import { hexOf, imageTypeOf, languageOf, textOf } from './kinds';

describe('kinds of files', () => {
	it('are told by their names', () => {
		expect(languageOf('Dockerfile')).toBe('dockerfile');
		expect(languageOf('main.PY')).toBe('python');
		expect(languageOf('.bashrc')).toBe('shell');
		expect(languageOf('LICENSE')).toBeNull();
		expect(imageTypeOf('a.b.JPG')).toBe('image/jpeg');
		expect(imageTypeOf('png')).toBeNull();
	});
	it('are text when they are UTF-8 without a zero byte', () => {
		expect(textOf(new TextEncoder().encode('grün\n'))).toBe('grün\n');
		expect(textOf(Uint8Array.of(0x61, 0, 0x62))).toBeNull();
		expect(textOf(Uint8Array.of(0xff, 0xfe))).toBeNull();
		// What is saved has the mark that was read.
		expect(textOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa');
	});
	it('are shown as bytes', () => {
		expect(hexOf(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0x41))).toBe('00000000  7f 45 4c 46 02 01 01 00  41                       |.ELF....A|');
		expect(hexOf(new Uint8Array(17)).split('\n')).toHaveLength(2);
		expect(hexOf(new Uint8Array(0))).toBe('');
	});
});
