// Which entries are seen, and in which order.
import type { Entry } from './api';

export type SortBy = 'name' | 'size' | 'modified';
export interface Order {
	by: SortBy;
	direction: 'asc' | 'desc';
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** Folders first; equals by their names. */
export function arrange(entries: readonly Entry[], order: Order, showHidden: boolean): Entry[] {
	const sign = order.direction === 'asc' ? 1 : -1;
	const isFolder = (entry: Entry) => entry.type === 'directory';
	return entries
		.filter((entry) => showHidden || !entry.name.startsWith('.'))
		.sort((a, b) => {
			if (isFolder(a) !== isFolder(b)) return isFolder(a) ? -1 : 1;
			if (order.by === 'size' && a.size !== b.size) return sign * (a.size - b.size);
			if (order.by === 'modified' && a.modified_at !== b.modified_at) return sign * (a.modified_at - b.modified_at);
			return (order.by === 'name' ? sign : 1) * collator.compare(a.name, b.name);
		});
}

export function nextOrder(order: Order, by: SortBy): Order {
	if (order.by !== by) return { by, direction: by === 'name' ? 'asc' : 'desc' };
	return { by, direction: order.direction === 'asc' ? 'desc' : 'asc' };
}

export interface Range {
	first: number;
	/** One after the last. */
	end: number;
}

const BEYOND = 8;

/** Of the rows that a list of `height` shows when it is scrolled to `top`, with some beyond either end. */
export function rangeOf(count: number, row: number, top: number, height: number): Range {
	const first = Math.max(0, Math.min(Math.floor(top / row) - BEYOND, count - 1));
	return { first: Math.max(0, first), end: Math.min(count, Math.ceil((top + height) / row) + BEYOND) };
}
