// The typed client of the API. The access token is in this module's memory and nowhere else; the cookie that gets the next one
// is HttpOnly, and no script sees it.
import createClient from 'openapi-fetch';
import type { components, paths } from './schema';
import { ApiError, asApiError, errorOf, unreachable } from './errors';

export type Schemas = components['schemas'];
export type Login = Schemas['Login'];

interface Access {
	token: string;
	/** Milliseconds since 1970, by this machine's clock. */
	expires: number;
}

let access: Access | null = null;
let refreshing: Promise<Login> | null = null;
let onLogin: (login: Login) => void = () => {};
let onLoggedOut: () => void = () => {};

/** Who is told when a token was got, and when there are none to be had any more. */
export function listen(login: (login: Login) => void, loggedOut: () => void) {
	onLogin = login;
	onLoggedOut = loggedOut;
}

// Tokens are renewed so long before their end, for requests on the way and clocks that differ.
const EARLY_MS = 30_000;

/** Takes a login that the API answered. */
export function accept(login: Login) {
	access = { token: login.token, expires: Date.parse(login.expires_at) };
	onLogin(login);
}

export function forget() {
	access = null;
}

async function post(path: string): Promise<Login> {
	let response: Response;
	try {
		response = await fetch(path, { method: 'POST', credentials: 'same-origin' });
	} catch {
		throw unreachable();
	}
	const body: unknown = await response.json().catch(() => null);
	if (!response.ok) throw errorOf(response, body);
	return body as Login;
}

async function renew(): Promise<Login> {
	const login = await post('/v1/auth/refresh');
	accept(login);
	return login;
}

async function inTurn(): Promise<Login> {
	return navigator.locks ? await navigator.locks.request('wrenn_refresh', renew) : await renew();
}

/** The next token, by the cookie. Each cookie is good once, so tabs take turns where the browser lets them. */
export function refresh(): Promise<Login> {
	refreshing ??= inTurn().finally(() => {
		refreshing = null;
	});
	return refreshing;
}

/** A token that is good for a while yet: for what is no fetch, as WebSockets are. Throws ApiError. */
export async function accessToken(): Promise<string> {
	if (!access || access.expires - Date.now() < EARLY_MS) await refreshOrLeave();
	if (!access) throw new ApiError('unauthorized', 'you are not logged in any more', 401, 'log in again');
	return access.token;
}

async function refreshOrLeave() {
	try {
		await refresh();
	} catch (thrown) {
		if (asApiError(thrown).status === 401) {
			forget();
			onLoggedOut();
		}
		throw thrown;
	}
}

const PAUSE_MS = 300;

/** fetch(), and once more when reading got no answer: browsers drop what is under way when the network changes. */
async function fetchTwice(request: Request): Promise<Response> {
	const again = request.method === 'GET' ? request.clone() : null;
	try {
		return await fetch(request);
	} catch (thrown) {
		if (request.signal.aborted) throw thrown;
		if (!again) throw unreachable();
	}
	await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
	try {
		return await fetch(again);
	} catch (thrown) {
		if (again.signal.aborted) throw thrown;
		throw unreachable();
	}
}

/** fetch() as whoever is logged in: with a token, and once more with a new one after a 401. Answers of any other status are
 * the caller's. Throws ApiError when there is no answer, or nobody is logged in. */
export async function authorizedFetch(input: Request | string, init?: RequestInit): Promise<Response> {
	const request = new Request(input, init);
	const again = request.clone();
	const send = async (one: Request) => {
		one.headers.set('Authorization', `Bearer ${await accessToken()}`);
		return fetchTwice(one);
	};
	const response = await send(request);
	if (response.status !== 401) return response;
	access = null;
	return send(again);
}

/** Of routes that need a login. */
export const api = createClient<paths>({ baseUrl: '', fetch: authorizedFetch });
/** Of those that do not: logging in, signing up, resetting a password. */
export const open = createClient<paths>({ baseUrl: '', fetch: fetchTwice });

/** What the API answered, or an ApiError: `const list = await ask(api.GET('/v1/capsules'))`. */
export async function ask<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
	const { data, error, response } = await call;
	if (!response.ok) throw errorOf(response, error);
	return data as T;
}

/** The same with the answer's header fields, which tell of the next page. */
export async function askWithHeaders<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<{ data: T; headers: Headers }> {
	const result = await call;
	return { data: await ask(Promise.resolve(result)), headers: result.response.headers };
}
