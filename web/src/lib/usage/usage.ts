// What a team has used and may use, in the form that the page shows.
import type { Schemas } from '$lib/api/client';
import { bytes } from '$lib/ui/format';

export type Usage = Schemas['TeamUsage'];
export type RangeId = '7d' | '30d' | '90d' | 'own';
export const RANGES: readonly { value: RangeId; label: string }[] = [
	{ value: '7d', label: 'Last 7 days' },
	{ value: '30d', label: 'Last 30 days' },
	{ value: '90d', label: 'Last 90 days' },
	{ value: 'own', label: 'Own range' }
];
export const MOST_DAYS = 92;

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;
const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);

/** The first and the last day (UTC) of a range that ends today. */
export function daysOf(range: Exclude<RangeId, 'own'>, now: number): { from: string; to: string } {
	const days = { '7d': 7, '30d': 30, '90d': 90 }[range];
	return { from: dayOf(now - (days - 1) * DAY_MS), to: dayOf(now) };
}

/** What is wrong with a range of one's own. */
export function rangeProblem(from: string, to: string): string {
	const start = Date.parse(from);
	const end = Date.parse(to);
	if (Number.isNaN(start) || Number.isNaN(end)) return 'Give both days.';
	if (end < start) return 'The last day is before the first.';
	if ((end - start) / DAY_MS + 1 > MOST_DAYS) return `Take ${MOST_DAYS} days at most.`;
	return '';
}

export interface Day {
	date: string;
	/** vCPU-hours. */
	cpu: number;
	/** GiB-hours. */
	memory: number;
}

/** A value for each day, as the API leaves days without use out. */
export function filled(usage: Usage): Day[] {
	const known = new Map(usage.points.map((point) => [point.date, point]));
	const days: Day[] = [];
	for (let at = Date.parse(usage.from); at <= Date.parse(usage.to); at += DAY_MS) {
		const point = known.get(dayOf(at));
		days.push({ date: dayOf(at), cpu: (point?.cpu_minutes ?? 0) / 60, memory: (point?.ram_mb_minutes ?? 0) / 1024 / 60 });
	}
	return days;
}

export const total = (days: readonly Day[], what: 'cpu' | 'memory') => days.reduce((sum, day) => sum + day[what], 0);

/** "12", "1.5", "0.04": as much as it takes to tell it from nothing. */
export function hours(value: number): string {
	if (value === 0) return '0';
	if (value < 0.01) return '< 0.01';
	return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 2 : 0 });
}

export interface QuotaLine {
	id: keyof Schemas['Quota'];
	label: string;
	used: string;
	/** Empty: there is none. */
	limit: string;
	/** From 0 to 1, of those with a limit. */
	share: number | null;
}

export const QUOTA_LABELS: Record<keyof Schemas['Quota'], string> = {
	sandboxes: 'Sandboxes',
	vcpus: 'vCPUs',
	memory_mb: 'Memory',
	disk_mb: 'Disk',
	creates_per_minute: 'Creations in a minute'
};

export function quotaLines(quota: Schemas['QuotaAndUse']): QuotaLine[] {
	const ids = Object.keys(QUOTA_LABELS) as (keyof Schemas['Quota'])[];
	return ids.map((id) => {
		const text = (value: number) => (id.endsWith('_mb') ? bytes(value * MIB) : value.toLocaleString('en'));
		const limit = quota.limits[id] ?? null;
		const used = quota.used[id];
		const share = limit === null ? null : limit === 0 ? (used > 0 ? 1 : 0) : Math.min(1, used / limit);
		return { id, label: QUOTA_LABELS[id], used: text(used), limit: limit === null ? '' : text(limit), share };
	});
}
