// The log of changes: what is asked for, what an entry says, and files of it.
import type { Schemas } from '$lib/api/client';
import { authorizedFetch } from '$lib/api/client';
import { errorOf } from '$lib/api/errors';

export type Entry = Schemas['AuditEntry'];
export interface Wish {
	resource: string;
	action: string;
	/** A part of the name, id or kind of who did it. */
	actor: string;
	/** For administrators of the platform alone. */
	team?: string;
}
export const RESOURCES = ['capsule', 'snapshot', 'build', 'api_key', 'channel', 'member', 'invitation', 'team', 'host', 'user', 'quota'];

/** Where the page of entries is, or a file of it. */
export function query(wish: Wish, from: { before?: string; beforeId?: string } = {}, format = '', limit = 50): string {
	const found = new URLSearchParams({ limit: String(limit) });
	if (wish.resource) found.set('resource_type', wish.resource);
	if (wish.action.trim()) found.set('action', wish.action.trim());
	if (wish.actor.trim()) found.set('actor', wish.actor.trim());
	if (wish.team?.trim()) found.set('team_id', wish.team.trim());
	if (format) found.set('format', format);
	if (from.before) found.set('before', from.before);
	if (from.before && from.beforeId) found.set('before_id', from.beforeId);
	return found.toString();
}

export function actorOf(entry: Entry): string {
	if (entry.actor_name) return entry.actor_name;
	if (entry.actor_id) return entry.actor_id;
	return { user: 'Somebody', api_key: 'A key', system: 'Wrenn', anonymous: 'Not logged in' }[entry.actor_type];
}

/** What the details of an entry show, in order. */
export function details(entry: Entry): [string, string][] {
	const rows: [string, string | undefined][] = [
		['Action', entry.action],
		['Resource', [entry.resource_type, entry.resource_id].filter(Boolean).join(' ')],
		['By', [actorOf(entry), entry.actor_id].filter((text, index, all) => text && all.indexOf(text) === index).join(', ')],
		['Team', entry.team_id],
		['Result', entry.code ? `${entry.status}: ${entry.code}` : entry.status],
		['Address', entry.client_address],
		['Program', entry.user_agent],
		['Request', entry.request_id],
		...Object.entries(entry.metadata ?? {}),
		['Entry', entry.id]
	];
	return rows.filter((row): row is [string, string] => !!row[1]);
}

const MOST_PAGES = 100;

/** The whole log that is asked for, as a file: page by page, at most 100 000 entries. Throws ApiError. */
export async function exportLog(path: string, wish: Wish, format: 'csv' | 'ndjson'): Promise<Blob> {
	const parts: string[] = [];
	let from: { before?: string; beforeId?: string } = {};
	for (let page = 0; page < MOST_PAGES; ++page) {
		const response = await authorizedFetch(`${path}?${query(wish, from, format, 1000)}`);
		if (!response.ok) throw errorOf(response, await response.json().catch(() => null));
		const text = await response.text();
		parts.push(format === 'csv' && page > 0 ? withoutHeading(text) : text);
		const before = response.headers.get('x-next-before');
		if (!before) break;
		from = { before, beforeId: response.headers.get('x-next-before-id') ?? '' };
	}
	return new Blob(parts, { type: format === 'csv' ? 'text/csv' : 'application/x-ndjson' });
}

/** Each page of CSV has its own heading; a file has one. */
export function withoutHeading(text: string): string {
	const end = text.indexOf('\n');
	return end < 0 ? '' : text.slice(end + 1);
}

export function save(blob: Blob, name: string) {
	const address = URL.createObjectURL(blob);
	const link = document.createElement('a');
	link.href = address;
	link.download = name;
	link.click();
	// The browser has begun by then.
	setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
