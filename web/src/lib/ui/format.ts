// Times, sizes and durations in words.

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
	['year', 31_536_000],
	['month', 2_592_000],
	['day', 86_400],
	['hour', 3600],
	['minute', 60],
	['second', 1]
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });

/** "5 min. ago", "in 2 hr.", "now". */
export function relativeTime(at: number, now: number): string {
	const seconds = Math.round((at - now) / 1000);
	if (Math.abs(seconds) < 5) return 'just now';
	for (const [unit, size] of UNITS) {
		// An age is in whole units; what is 90 days off is three months off at once, and not two from the first second on.
		if (Math.abs(seconds) >= size) return relative.format(seconds > 0 ? Math.round(seconds / size) : Math.trunc(seconds / size), unit);
	}
	return 'just now';
}

/** In the viewer's zone, to the second, with the zone's name. */
export function exactTime(at: number): string {
	return new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' }).format(at);
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const CLOCK_SECONDS = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** At an axis whose marks are so many seconds apart: "14:05", "14:05:30" or "28 Nov", in the viewer's zone. */
export function axisTime(at: number, apart: number): string {
	return (apart >= 86_400 ? DAY : apart >= 60 ? CLOCK : CLOCK_SECONDS).format(at);
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** "512 MiB", "1.5 GiB". */
export function bytes(count: number): string {
	let value = Math.abs(count);
	let unit = 0;
	while (value >= 1024 && unit < SIZES.length - 1) {
		value /= 1024;
		++unit;
	}
	const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
	return `${count < 0 ? '-' : ''}${value.toFixed(digits)} ${SIZES[unit]}`;
}

/** "45 s", "5 min", "2 h 5 min", "3 d". */
export function duration(seconds: number): string {
	const whole = Math.round(seconds);
	if (whole < 60) return `${whole} s`;
	const minutes = Math.floor(whole / 60);
	if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
	const hours = Math.floor(minutes / 60);
	if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
	return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${Math.floor(hours / 24)} d`;
}

/** "1 sandbox", "3 sandboxes". */
export function count(number: number, one: string, many = `${one}s`): string {
	return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}
