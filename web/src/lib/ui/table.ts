// What a Table is told about its columns, and the order of its rows.

export interface Column<Row> {
	/** Unique among the columns. */
	id: string;
	label: string;
	/** What rows are sorted by; without it the column cannot be. */
	sortBy?: (row: Row) => string | number | null | undefined;
	align?: 'left' | 'right';
	/** On screens narrower than this it is left out. */
	from?: 'sm' | 'md' | 'lg' | 'xl';
	/** Tailwind classes of its cells: widths above all. */
	class?: string;
	/** Says nothing to the eye: columns of buttons. */
	hideLabel?: boolean;
}

export interface Sort {
	column: string;
	direction: 'asc' | 'desc';
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** A new list; rows without a value come last in either direction, and equals keep their order. */
export function sortRows<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sort: Sort | null): Row[] {
	const by = columns.find((column) => column.id === sort?.column)?.sortBy;
	if (!sort || !by) return [...rows];
	const sign = sort.direction === 'asc' ? 1 : -1;
	return [...rows].sort((one, other) => {
		const a = by(one) ?? null;
		const b = by(other) ?? null;
		if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
		if (typeof a === 'number' && typeof b === 'number') return sign * (a - b);
		return sign * collator.compare(String(a), String(b));
	});
}

/** Up, then down, then as the rows came. */
export function nextSort(sort: Sort | null, column: string): Sort | null {
	if (sort?.column !== column) return { column, direction: 'asc' };
	return sort.direction === 'asc' ? { column, direction: 'desc' } : null;
}
