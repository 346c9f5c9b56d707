import { redirect } from '@sveltejs/kit';
import { error } from '@sveltejs/kit';
import { asApiError, describe } from '$lib/api/errors';
import { loginAddress } from '$lib/addresses';
import { session } from '$lib/session.svelte';

// Pages within find somebody logged in.
export async function load({ url }: { url: URL }) {
	let isIn: boolean;
	try {
		isIn = await session.restore();
	} catch (thrown) {
		error(asApiError(thrown).status || 503, describe(thrown));
	}
	if (!isIn) redirect(307, loginAddress(url));
}
