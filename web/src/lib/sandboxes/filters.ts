// What a list of sandboxes is narrowed to: in the address of the page, in the question to the API, and for changes that come live.
import { STATES, isLive, labelsOf } from './sandbox';
import type { Sandbox, State } from './sandbox';

export interface Filters {
	/** Part of an id or of a label. */
	search: string;
	/** None: those that are neither stopped nor failed. */
	states: State[];
	template: string;
	/** NAME=VALUE, all of which must be there. */
	labels: string[];
}

export const noFilters: Filters = { search: '', states: [], template: '', labels: [] };

export function isFiltered(filters: Filters): boolean {
	return filters.search !== '' || filters.states.length > 0 || filters.template !== '' || filters.labels.length > 0;
}

/** Of the page's address; what is not understood there is left out. */
export function filtersFrom(params: URLSearchParams): Filters {
	const states = (params.get('status') ?? '').split(',').filter((one): one is State => STATES.includes(one as State));
	const labels = params.getAll('label').filter((one) => one.indexOf('=') > 0);
	return { search: params.get('q') ?? '', states: [...new Set(states)], template: params.get('template') ?? '', labels: [...new Set(labels)] };
}

/** The address's query with these filters: empty, or with a question mark. What else the query had stays. */
export function searchOf(filters: Filters, before = new URLSearchParams()): string {
	const params = new URLSearchParams(before);
	for (const name of ['q', 'status', 'template', 'label']) params.delete(name);
	if (filters.search) params.set('q', filters.search);
	if (filters.states.length > 0) params.set('status', filters.states.join(','));
	if (filters.template) params.set('template', filters.template);
	for (const label of filters.labels) params.append('label', label);
	const text = params.toString();
	return text ? `?${text}` : '';
}

export interface ListQuery {
	status?: string;
	template?: string;
	label?: string[];
}

/** What the API narrows itself. */
export function queryOf(filters: Filters): ListQuery {
	const query: ListQuery = {};
	if (filters.states.length > 0) query.status = filters.states.join(',');
	if (filters.template) query.template = filters.template;
	if (filters.labels.length > 0) query.label = filters.labels;
	return query;
}

/** Whether the API would have it in its answer to queryOf(). */
export function isAmong(sandbox: Sandbox, filters: Filters): boolean {
	if (filters.states.length > 0 ? !filters.states.includes(sandbox.status) : !isLive(sandbox.status)) return false;
	if (filters.template && sandbox.template !== filters.template) return false;
	const labels = labelsOf(sandbox);
	return filters.labels.every((label) => labels.includes(label));
}

/** Whether what was typed is in its id, its template or a label; all words must be. */
export function isFound(sandbox: Sandbox, search: string): boolean {
	const text = [sandbox.id, sandbox.template, ...labelsOf(sandbox)].join('\n').toLowerCase();
	return search
		.toLowerCase()
		.split(/\s+/)
		.every((word) => text.includes(word));
}
