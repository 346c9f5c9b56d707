// Addresses of the dashboard that are made of others.

/** The login page, from which one comes back to where one was. */
export function loginAddress(from: URL): string {
	const next = from.pathname + from.search;
	return next === '/' || next === '/dashboard/sandboxes' ? '/login' : `/login?next=${encodeURIComponent(next)}`;
}

/** Where to go after logging in: a page of ours, whatever the address of the login page says. */
export function nextAddress(login: URL): string {
	const next = login.searchParams.get('next') ?? '';
	const isOurs = /^\/(dashboard|admin)(\/|\?|$)/.test(next) && !next.includes('\\');
	return isOurs ? next : '/dashboard/sandboxes';
}
