// Whether a sandbox may be connected to without waking it.
import { api, ask } from '$lib/api/client';
import type { Schemas } from '$lib/api/client';

type State = Schemas['Sandbox']['status'];

/** It will run in a moment. */
export function isComing(state: State): boolean {
	return state === 'pending' || state === 'starting' || state === 'resuming';
}

/** Asks the API, which is no use of the sandbox. Throws ApiError, and an Error while it is coming. */
export async function isRunning(id: string): Promise<boolean> {
	const { status } = await ask(api.GET('/v1/capsules/{sandbox_id}', { params: { path: { sandbox_id: id } } }));
	if (isComing(status)) throw new Error(`the sandbox is ${status}`);
	return status === 'running';
}
