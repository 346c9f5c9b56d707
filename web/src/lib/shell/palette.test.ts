import { describe, expect, it } from 'vitest';
import { find, fit } from './palette';

const command = (label: string, detail = '') => ({ id: label, label, detail, run: () => {} });

describe('the command palette', () => {
	it('prefers beginnings, then words, then letters that lie apart', () => {
		const found = find([command('Audit log'), command('All sandboxes'), command('Sandboxes'), command('Switch and box')], 'sandbox');
		expect(found.map((one) => one.label)).toEqual(['Sandboxes', 'All sandboxes', 'Switch and box']);
	});
	it('finds by the detail, after the labels', () => {
		const found = find([command('cl-1', 'web worker'), command('Web')], 'web');
		expect(found.map((one) => one.label)).toEqual(['Web', 'cl-1']);
	});
	it('finds nothing where letters are missing', () => {
		expect(fit('xyz', 'Sandboxes')).toBeNull();
		expect(find([command('Usage')], 'q')).toEqual([]);
	});
	it('shows the first ones while nothing is typed', () => {
		expect(find([command('B'), command('A')], ' ').map((one) => one.label)).toEqual(['B', 'A']);
	});
});
