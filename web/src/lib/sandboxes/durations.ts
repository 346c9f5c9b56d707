// Times of limits as the command line takes them: seconds, or like 90s, 15m, 1h, 7d, or never.
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** In seconds, 0 for never; null when it is no time. */
export function parseDuration(text: string): number | null {
	const trimmed = text.trim().toLowerCase();
	if (trimmed === 'never' || trimmed === '0') return 0;
	const match = /^(\d{1,9})\s*([smhd]?)$/.exec(trimmed);
	if (!match) return null;
	return Number(match[1]) * (UNITS[match[2] || 's'] ?? 1);
}

/** The shortest that parseDuration() understands: "90s", "15m", "never". */
export function durationText(seconds: number): string {
	if (seconds <= 0) return 'never';
	const unit = ['d', 'h', 'm'].find((one) => seconds % UNITS[one]! === 0) ?? 's';
	return `${seconds / UNITS[unit]!}${unit}`;
}

export const LONGEST_TIMEOUT = 7 * 86_400;
export const LONGEST_LIFETIME = 365 * 86_400;

/** What is wrong with it, or null. */
export function durationProblem(text: string, longest: number): string | null {
	if (!text.trim()) return null;
	const seconds = parseDuration(text);
	if (seconds === null) return 'Write a time like 90s, 15m, 1h or 7d, or never.';
	return seconds > longest ? `At most ${durationText(longest)}, or never.` : null;
}
