import { describe, expect, it } from 'vitest';
import { withChange, withPage } from './changes';
import { filtersFrom, isAmong, isFiltered, isFound, noFilters, queryOf, searchOf } from './filters';
import { sandboxNamed } from './test_sandbox';

const params = (text: string) => new URLSearchParams(text);

describe('filters in the address', () => {
	it('come back as they went', () => {
		const filters = { search: 'web 7', states: ['running', 'paused'] as const, template: 'my app', labels: ['user=ann', 'run=a&b=c'] };
		const text = searchOf({ ...filters, states: [...filters.states] });
		expect(filtersFrom(params(text.slice(1)))).toEqual(filters);
	});
	it('are no more than is understood', () => {
		expect(filtersFrom(params('status=running,nonsense,running&label=bare&label==x&label=a=&other=1'))).toEqual({ search: '', states: ['running'], template: '', labels: ['a='] });
	});
	it('leave the rest of the address alone', () => {
		expect(searchOf({ ...noFilters, template: 'minimal' }, params('q=old&status=error&view=wide'))).toBe('?view=wide&template=minimal');
		expect(searchOf(noFilters)).toBe('');
	});
	it('know whether there are any', () => {
		expect(isFiltered(noFilters)).toBe(false);
		for (const one of [{ search: 'a' }, { template: 'a' }, { labels: ['a=b'] }, { states: ['error' as const] }]) expect(isFiltered({ ...noFilters, ...one })).toBe(true);
	});
	it('are asked of the API but for what is searched', () => {
		expect(queryOf({ search: 'x', states: ['error', 'stopped'], template: 'a', labels: ['b=c'] })).toEqual({ status: 'error,stopped', template: 'a', label: ['b=c'] });
		expect(queryOf(noFilters)).toEqual({});
	});
});

describe('a sandbox', () => {
	const one = sandboxNamed('cl-0abc', { template: 'web', labels: { user: 'Ann', run: '7' } });
	it('is among those that the API would answer', () => {
		expect(isAmong(one, noFilters)).toBe(true);
		expect(isAmong({ ...one, status: 'stopped' }, noFilters)).toBe(false);
		expect(isAmong({ ...one, status: 'stopped' }, { ...noFilters, states: ['stopped'] })).toBe(true);
		expect(isAmong(one, { ...noFilters, states: ['paused'] })).toBe(false);
		expect(isAmong(one, { ...noFilters, template: 'we' })).toBe(false);
		expect(isAmong(one, { ...noFilters, labels: ['user=Ann', 'run=7'] })).toBe(true);
		expect(isAmong(one, { ...noFilters, labels: ['user=Ann', 'run=8'] })).toBe(false);
	});
	it('is found by words', () => {
		for (const search of ['', '0ABC', 'user=ann', 'ann 7', 'WEB']) expect(isFound(one, search), search).toBe(true);
		for (const search of ['0abd', 'ann 8']) expect(isFound(one, search), search).toBe(false);
	});
});

describe('a list that changes', () => {
	const at = (id: string, second: number) => sandboxNamed(id, { created_at: `2026-01-01T00:00:0${second}Z` });
	const list = [at('c', 5), at('b', 3), at('a', 1)];
	const ids = (rows: readonly { id: string }[]) => rows.map((row) => row.id).join('');

	it('takes a new one where it belongs', () => {
		expect(ids(withChange(list, at('n', 9), noFilters, false))).toBe('ncba');
		expect(ids(withChange(list, at('n', 4), noFilters, false))).toBe('cnba');
		expect(ids(withChange(list, at('bb', 3), noFilters, false))).toBe('cbbba');
		expect(ids(withChange(list, at('n', 0), noFilters, false))).toBe('cban');
	});
	it('leaves an older one to the pages that were not loaded', () => {
		expect(withChange(list, at('n', 0), noFilters, true)).toBe(list);
	});
	it('has the newest state, in the same place', () => {
		const next = withChange(list, { ...at('b', 3), status: 'paused' }, noFilters, false);
		expect([ids(next), next[1]!.status]).toEqual(['cba', 'paused']);
	});
	it('loses what ended or fits no more', () => {
		expect(ids(withChange(list, { ...at('b', 3), status: 'stopped' }, noFilters, false))).toBe('ca');
		expect(ids(withChange(list, at('b', 3), { ...noFilters, labels: ['x=y'] }, false))).toBe('ca');
		expect(withChange(list, { ...at('z', 3), status: 'error' }, noFilters, false)).toBe(list);
	});
	it('has nobody twice after another page', () => {
		expect(ids(withPage(list, [at('a', 1), at('z', 0)]))).toBe('cbaz');
	});
});
