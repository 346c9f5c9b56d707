import { redirect } from '@sveltejs/kit';
import { nextAddress } from '$lib/addresses';
import { session } from '$lib/session.svelte';

// Whoever is logged in already need not do so again.
export async function load({ url }: { url: URL }) {
	const isIn = await session.restore().catch(() => false);
	if (isIn) redirect(307, nextAddress(url));
}
