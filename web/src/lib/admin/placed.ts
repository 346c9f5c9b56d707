// Which sandboxes are on which host: what an administrator of the platform can see of other teams' sandboxes.
import { api, ask } from '$lib/api/client';
import type { Schemas } from '$lib/api/client';

export interface Placed {
	id: string;
	host: string;
	/** Of the host. */
	status: Schemas['Host']['status'];
}

export async function allPlaced(): Promise<Placed[]> {
	const hosts = await ask(api.GET('/v1/hosts'));
	const previews = await Promise.all(hosts.map((host) => ask(api.GET('/v1/hosts/{host_id}/delete-preview', { params: { path: { host_id: host.id } } }))));
	return previews.flatMap(({ host, sandbox_ids }) => sandbox_ids.map((id) => ({ id, host: host.name, status: host.status })));
}
