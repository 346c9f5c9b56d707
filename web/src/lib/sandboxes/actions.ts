// What is done to sandboxes, one or many.
import { api, ask } from '$lib/api/client';
import { describe } from '$lib/api/errors';
import { count } from '$lib/ui/format';
import type { Sandbox } from './sandbox';

const at = (id: string) => ({ params: { path: { sandbox_id: id } } });

/** Each throws ApiError, and answers the sandbox as it is then. */
export const pause = (id: string, mode: 'memory' | 'disk' = 'memory'): Promise<Sandbox> => ask(api.POST('/v1/capsules/{sandbox_id}/pause', { ...at(id), body: { mode } }));
export const resume = (id: string): Promise<Sandbox> => ask(api.POST('/v1/capsules/{sandbox_id}/resume', at(id)));
export const hibernate = (id: string): Promise<Sandbox> => ask(api.POST('/v1/capsules/{sandbox_id}/hibernate', at(id)));
export const destroy = async (id: string): Promise<void> => {
	await ask(api.DELETE('/v1/capsules/{sandbox_id}', at(id)));
};

export interface Outcome {
	id: string;
	/** Empty: it went well. */
	problem: string;
}

// So many at a time: each may keep a host busy.
const AT_ONCE = 4;

/** Does it to each, a few at a time, and tells how each went, in their order. `onProgress` hears how many are done. */
export async function toEach(ids: readonly string[], act: (id: string) => Promise<unknown>, onProgress: (done: number) => void = () => {}): Promise<Outcome[]> {
	const outcomes: Outcome[] = ids.map((id) => ({ id, problem: '' }));
	let next = 0;
	let done = 0;
	const work = async () => {
		for (let mine = next++; mine < outcomes.length; mine = next++) {
			const outcome = outcomes[mine]!;
			try {
				await act(outcome.id);
			} catch (thrown) {
				outcome.problem = describe(thrown);
			}
			onProgress(++done);
		}
	};
	await Promise.all(Array.from({ length: Math.min(AT_ONCE, ids.length) }, work));
	return outcomes;
}

/** "3 sandboxes were paused", "2 of 3 sandboxes were paused". */
export function summary(outcomes: readonly Outcome[], done: string): string {
	const good = outcomes.filter((one) => !one.problem).length;
	const all = count(outcomes.length, 'sandbox', 'sandboxes');
	const were = (number: number) => (number === 1 ? 'was' : 'were');
	return good === outcomes.length ? `${all} ${were(good)} ${done}` : `${good} of ${all} ${were(good)} ${done}`;
}
