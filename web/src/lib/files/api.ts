// Files of a sandbox, by the API.
import { accessToken, api, ask, authorizedFetch } from '$lib/api/client';
import type { Schemas } from '$lib/api/client';
import { ApiError, errorOf, unreachable } from '$lib/api/errors';
import { nameOf, parentOf } from './paths';
import type { Send } from './upload';

export type Entry = Schemas['Entry'];

const at = (id: string) => ({ params: { path: { sandbox_id: id } } });
const address = (id: string, what: string) => `/v1/capsules/${encodeURIComponent(id)}/files/${what}`;

export async function list(id: string, path: string): Promise<Entry[]> {
	const { entries } = await ask(api.POST('/v1/capsules/{sandbox_id}/files/list', { ...at(id), body: { path, depth: 1 } }));
	return entries;
}

/** The entry of one file, as it is now; null when it is gone. */
export async function look(id: string, path: string): Promise<Entry | null> {
	return (await list(id, parentOf(path))).find((entry) => entry.name === nameOf(path)) ?? null;
}

export async function makeFolder(id: string, path: string): Promise<void> {
	await ask(api.POST('/v1/capsules/{sandbox_id}/files/mkdir', { ...at(id), body: { path } }));
}

export async function remove(id: string, path: string): Promise<void> {
	await ask(api.POST('/v1/capsules/{sandbox_id}/files/remove', { ...at(id), body: { path } }));
}

/** Renames or moves. What is there already is not replaced, which the API would do. */
export async function move(id: string, from: string, to: string): Promise<void> {
	if (await look(id, to)) throw new ApiError('conflict', `there is something at ${to} already`, 0, 'take another name');
	await ask(api.POST('/v1/capsules/{sandbox_id}/files/move', { ...at(id), body: { from, to } }));
}

/** All of a file; refuses one that has more bytes than `most`. */
export async function read(id: string, path: string, most: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
	const head = await readHead(id, path, most + 1, signal);
	if (head.length > most) throw new ApiError('too_large', 'the file has grown beyond what is shown here', 0, 'download it');
	return head;
}

/** The first bytes of a file. The rest is not fetched. */
export async function readHead(id: string, path: string, most: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
	const response = await request(id, path, signal);
	const reader = response.body!.getReader();
	const bytes = new Uint8Array(most);
	let length = 0;
	for (;;) {
		const { value, done } = await reader.read();
		if (done) return bytes.slice(0, length);
		const part = value.subarray(0, most - length);
		bytes.set(part, length);
		length += part.length;
		if (length === most) {
			void reader.cancel();
			return bytes;
		}
	}
}

async function request(id: string, path: string, signal?: AbortSignal): Promise<Response> {
	const response = await authorizedFetch(address(id, 'stream/read'), {
		method: 'POST',
		headers: { 'Content-Type': 'application/json' },
		body: JSON.stringify({ path }),
		signal
	});
	if (!response.ok) throw errorOf(response, await response.json().catch(() => null));
	return response;
}

/** Replaces a file by this text. */
export async function write(id: string, path: string, text: string): Promise<void> {
	const form = new FormData();
	form.append('path', path);
	form.append('file', new Blob([text]), nameOf(path));
	const response = await authorizedFetch(address(id, 'stream/write'), { method: 'POST', body: form });
	if (!response.ok) throw errorOf(response, await response.json().catch(() => null));
}

/** Sends a file. This is no fetch, as that does not tell how much is sent. */
export function sender(id: string): Send {
	return async ({ file, path }, onProgress, signal) => {
		const token = await accessToken();
		signal.throwIfAborted();
		await new Promise<void>((resolve, reject) => {
			const form = new FormData();
			form.append('path', path);
			form.append('file', file, nameOf(path));
			const request = new XMLHttpRequest();
			request.open('POST', address(id, 'stream/write'));
			request.setRequestHeader('Authorization', `Bearer ${token}`);
			request.upload.onprogress = (event) => onProgress(event.loaded);
			request.onerror = () => reject(unreachable());
			request.onabort = () => reject(new ApiError('cancelled', 'the upload was cancelled', 0));
			request.onload = () => {
				if (request.status < 300) return resolve();
				let body: unknown = null;
				try {
					body = JSON.parse(request.responseText);
				} catch {
					// What is no JSON has no code and no message.
				}
				reject(errorOf(new Response(null, { status: request.status, statusText: request.statusText }), body));
			};
			signal.addEventListener('abort', () => request.abort());
			request.send(form);
		});
	};
}

/** Hands a file to the browser, which saves it; a folder as .tar.gz. Nothing of it passes through the page. */
export async function download(id: string, entry: Pick<Entry, 'path' | 'name' | 'type'>): Promise<void> {
	const { url } = await ask(api.POST('/v1/capsules/{sandbox_id}/files/download-url', { ...at(id), body: { path: entry.path } }));
	const link = document.createElement('a');
	link.href = url;
	link.download = entry.type === 'directory' ? `${entry.name}.tar.gz` : entry.name;
	link.click();
}
