import { describe, expect, it } from 'vitest';
import { daysOf, filled, hours, quotaLines, rangeProblem, total } from './usage';

describe('usage', () => {
	it('counts today into a range', () => {
		expect(daysOf('7d', Date.parse('2026-03-03T23:59:00Z'))).toEqual({ from: '2026-02-25', to: '2026-03-03' });
		expect(daysOf('90d', Date.parse('2026-03-31T00:00:00Z'))).toEqual({ from: '2026-01-01', to: '2026-03-31' });
	});
	it('knows ranges that the API refuses', () => {
		expect(rangeProblem('2026-01-01', '2026-04-02')).toBe('');
		expect(rangeProblem('2026-01-01', '2026-04-03')).toContain('92');
		expect(rangeProblem('2026-01-02', '2026-01-01')).toContain('before');
		expect(rangeProblem('', '2026-01-01')).toContain('both');
	});
	it('puts days without use back', () => {
		const days = filled({ from: '2026-02-27', to: '2026-03-01', points: [{ date: '2026-02-28', cpu_minutes: 90, ram_mb_minutes: 1024 * 30 }] });
		expect(days).toEqual([
			{ date: '2026-02-27', cpu: 0, memory: 0 },
			{ date: '2026-02-28', cpu: 1.5, memory: 0.5 },
			{ date: '2026-03-01', cpu: 0, memory: 0 }
		]);
		expect(total(days, 'cpu')).toBe(1.5);
	});
	it('tells little from nothing', () => {
		expect([0, 0.001, 0.25, 1.5, 1234.5].map(hours)).toEqual(['0', '< 0.01', '0.25', '1.5', '1,235']);
	});
	it('says how much of a quota is used', () => {
		const lines = quotaLines({
			limits: { sandboxes: 10, vcpus: null, memory_mb: 4096, disk_mb: 0, creates_per_minute: 5 },
			used: { sandboxes: 5, vcpus: 3, memory_mb: 8192, disk_mb: 0, creates_per_minute: 0 }
		});
		expect(lines.map((line) => [line.used, line.limit, line.share])).toEqual([
			['5', '10', 0.5],
			['3', '', null],
			['8 GiB', '4 GiB', 1],
			['0 B', '0 B', 0],
			['0', '5', 0]
		]);
	});
});
