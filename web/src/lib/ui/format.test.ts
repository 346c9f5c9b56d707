import { describe, expect, it } from 'vitest';
import { axisTime, bytes, count, duration, relativeTime } from './format';

describe('words for numbers', () => {
	it.each([
		[0, '0 B'],
		[1023, '1023 B'],
		[1536, '1.5 KiB'],
		[512 * 2 ** 20, '512 MiB'],
		[123.4 * 2 ** 30, '123 GiB']
	])('%d bytes are %s', (value, words) => expect(bytes(value)).toBe(words));
	it.each([
		[45, '45 s'],
		[300, '5 min'],
		[61, '1 min 1 s'],
		[7500, '2 h 5 min'],
		[259200, '3 d']
	])('%d seconds are %s', (value, words) => expect(duration(value)).toBe(words));
	it('counts', () => {
		expect(count(1, 'sandbox', 'sandboxes')).toBe('1 sandbox');
		expect(count(1200, 'key')).toBe('1,200 keys');
	});
	it('tells how long ago', () => {
		const now = Date.UTC(2026, 0, 2);
		expect(relativeTime(now - 2000, now)).toBe('just now');
		expect(relativeTime(now - 300_000, now)).toBe('5 min. ago');
		expect(relativeTime(now - 90_000_000, now)).toBe('yesterday');
		expect(relativeTime(now + 7_200_000, now)).toBe('in 2 hr.');
		expect(relativeTime(now + 90 * 86_400_000 - 60_000, now)).toBe('in 3 mo.');
		expect(relativeTime(now - 50 * 86_400_000, now)).toBe('last mo.');
	});
	it('tells the time at an axis', () => {
		const at = Date.UTC(2026, 10, 28, 12, 30, 15);
		expect(axisTime(at, 30)).toMatch(/^\d\d:\d\d:15$/);
		expect(axisTime(at, 600)).toMatch(/^\d\d:\d\d$/);
		expect(axisTime(at, 86_400)).toMatch(/^2[89] Nov$/);
	});
});
