import { describe, expect, it } from 'vitest';
import { nextSort, sortRows } from './table';
import type { Column } from './table';

interface Row {
	name: string;
	size?: number | null;
}
const columns: Column<Row>[] = [
	{ id: 'name', label: 'Name', sortBy: (row) => row.name },
	{ id: 'size', label: 'Size', sortBy: (row) => row.size },
	{ id: 'plain', label: 'Plain' }
];
const rows: Row[] = [{ name: 'b10', size: 2 }, { name: 'B9', size: null }, { name: 'a', size: 10 }];
const names = (list: Row[]) => list.map((row) => row.name);

describe('rows of a table', () => {
	it('are sorted as people would', () => {
		expect(names(sortRows(rows, columns, { column: 'name', direction: 'asc' }))).toEqual(['a', 'B9', 'b10']);
	});
	it('have those without a value last', () => {
		expect(names(sortRows(rows, columns, { column: 'size', direction: 'asc' }))).toEqual(['b10', 'a', 'B9']);
		expect(names(sortRows(rows, columns, { column: 'size', direction: 'desc' }))).toEqual(['a', 'b10', 'B9']);
	});
	it('stay as they came without an order', () => {
		expect(sortRows(rows, columns, null)).toEqual(rows);
		expect(sortRows(rows, columns, { column: 'plain', direction: 'asc' })).toEqual(rows);
	});
	it('go up, down, and back', () => {
		const up = nextSort(null, 'name');
		const down = nextSort(up, 'name');
		expect([up?.direction, down?.direction, nextSort(down, 'name')]).toEqual(['asc', 'desc', null]);
		expect(nextSort(down, 'size')).toEqual({ column: 'size', direction: 'asc' });
	});
});
