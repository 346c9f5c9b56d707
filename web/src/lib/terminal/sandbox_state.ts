// Whether a sandbox may be connected to without waking it.
import { api, ask } from '$lib/api/client';

/** Asks the API, which is no use of the sandbox. Throws ApiError. */
export async function isRunning(id: string): Promise<boolean> {
	const sandbox = await ask(api.GET('/v1/capsules/{sandbox_id}', { params: { path: { sandbox_id: id } } }));
	return sandbox.status === 'running';
}
