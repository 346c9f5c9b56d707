// How a list of sandboxes takes what happened.
import { isAmong } from './filters';
import type { Filters } from './filters';
import type { Sandbox } from './sandbox';

/** Newest first; of one age, by id, as the API has it. */
function isBefore(one: Sandbox, other: Sandbox): boolean {
	return one.created_at === other.created_at ? one.id > other.id : one.created_at > other.created_at;
}

/** The list with one that is new, changed or ended; the same list where nothing changes. `hasMore`: there are further pages, and
 * what is older than all of this one is on them. */
export function withChange(list: readonly Sandbox[], changed: Sandbox, filters: Filters, hasMore: boolean): readonly Sandbox[] {
	const at = list.findIndex((one) => one.id === changed.id);
	if (!isAmong(changed, filters)) return at < 0 ? list : list.filter((one) => one.id !== changed.id);
	if (at >= 0) return list.with(at, changed);
	const before = list.findIndex((one) => isBefore(changed, one));
	if (before >= 0) return list.toSpliced(before, 0, changed);
	return hasMore ? list : [...list, changed];
}

/** A further page behind the list; what came live meanwhile is not there twice. */
export function withPage(list: readonly Sandbox[], page: readonly Sandbox[]): readonly Sandbox[] {
	const known = new Set(list.map((one) => one.id));
	return [...list, ...page.filter((one) => !known.has(one.id))];
}
