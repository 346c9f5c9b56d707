// The API's points as lines of charts.
import type { Schemas } from '$lib/api/client';

export type Points = Schemas['SandboxMetrics']['points'];
export type Range = '5m' | '10m' | '1h' | '6h' | '24h';
export const RANGES: readonly Range[] = ['5m', '10m', '1h', '6h', '24h'];

/** So far apart are points of a range, in seconds. */
export function stepOf(range: Range): number {
	return { '5m': 5, '10m': 5, '1h': 60, '6h': 300, '24h': 300 }[range];
}

type Values = (number | null)[];
export interface Lines {
	/** Seconds since 1970. */
	times: number[];
	/** Percent of all its vCPUs. */
	cpu: Values;
	/** Bytes. */
	memory: Values;
	disk: Values;
	/** Bytes a second. */
	received: Values;
	sent: Values;
}

/** A counter's growth by the second; null where it began anew, as it does with another machine. */
function rate(before: number, now: number, seconds: number): number | null {
	return now >= before && seconds > 0 ? (now - before) / seconds : null;
}

/** Where more than two points are missing, there is a gap: nothing was measured, and no line says that it was. */
export function linesOf(points: Points, step: number): Lines {
	const lines: Lines = { times: [], cpu: [], memory: [], disk: [], received: [], sent: [] };
	const push = (time: number, values: [number | null, number | null, number | null, number | null, number | null]) => {
		lines.times.push(time);
		(['cpu', 'memory', 'disk', 'received', 'sent'] as const).forEach((name, index) => lines[name].push(values[index]!));
	};
	points.forEach((point, index) => {
		const before = points[index - 1];
		const seconds = before ? point.timestamp_unix - before.timestamp_unix : 0;
		if (before && seconds <= 0) return;
		const isGap = seconds > step * 2.5;
		if (before && isGap) push(before.timestamp_unix + step, [null, null, null, null, null]);
		const known = before && !isGap ? before : null;
		push(point.timestamp_unix, [
			point.cpu_pct,
			point.mem_bytes,
			point.disk_bytes,
			known ? rate(known.net_rx_bytes, point.net_rx_bytes, seconds) : null,
			known ? rate(known.net_tx_bytes, point.net_tx_bytes, seconds) : null
		]);
	});
	return lines;
}
