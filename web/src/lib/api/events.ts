// Server-sent events over fetch: the browser's own EventSource can send no token.
import { authorizedFetch } from './client';
import { asApiError, errorOf, unreachable } from './errors';
import type { ApiError } from './errors';

export interface ServerEvent {
	/** `message` unless the stream says otherwise. */
	event: string;
	data: string;
	id: string;
}

/** Takes a stream of text apart; feed() may get any pieces of it. */
export class EventParser {
	private rest = '';
	private event = '';
	private data: string[] = [];
	lastId = '';
	/** How long to wait before asking again, when the stream said so. */
	retry: number | null = null;

	feed(text: string): ServerEvent[] {
		const found: ServerEvent[] = [];
		const lines = (this.rest + text).split('\n');
		this.rest = lines.pop() ?? '';
		for (const raw of lines) {
			const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
			if (line === '') {
				if (this.data.length > 0) found.push({ event: this.event || 'message', data: this.data.join('\n'), id: this.lastId });
				this.event = '';
				this.data = [];
			} else this.take(line);
		}
		return found;
	}

	private take(line: string) {
		const colon = line.indexOf(':');
		if (colon === 0) return; // A comment, as signs of life are.
		const field = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
		if (field === 'event') this.event = value;
		if (field === 'data') this.data.push(value);
		if (field === 'id' && !value.includes('\0')) this.lastId = value;
		if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
	}
}

export interface StreamOptions {
	onEvent: (event: ServerEvent) => void;
	/** Connected, or not at the moment and for which reason: for a small sign on the page. */
	onState?: (state: 'open' | 'waiting', error?: ApiError) => void;
	/** A refusal that asking again does not change; the stream is over. */
	onRefused?: (error: ApiError) => void;
	/** Whether a stream that the server ended is over; else it is asked for again. */
	endsByItself?: boolean;
	onEnd?: () => void;
	lastEventId?: string;
	/** Without a byte for so long it is dead, and asked for again: of streams that send signs of life. */
	silenceMs?: number;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/** Follows a stream until the function that it returns is called. Connects again by itself, from the last event it saw. */
export function streamEvents(path: string, options: StreamOptions): () => void {
	const stop = new AbortController();
	void follow(path, options, stop.signal);
	return () => stop.abort();
}

async function follow(path: string, options: StreamOptions, signal: AbortSignal) {
	let lastId = options.lastEventId ?? '';
	let failures = 0;
	while (!signal.aborted) {
		const parser = new EventParser();
		parser.lastId = lastId;
		let error: ApiError | undefined;
		try {
			const headers: Record<string, string> = { Accept: 'text/event-stream' };
			if (lastId) headers['Last-Event-ID'] = lastId;
			const response = await authorizedFetch(path, { headers, signal });
			if (!response.ok || !response.body) throw errorOf(response, await response.json().catch(() => null));
			failures = 0;
			options.onState?.('open');
			for await (const text of texts(response.body, options.silenceMs)) {
				for (const event of parser.feed(text)) {
					lastId = event.id;
					options.onEvent(event);
				}
			}
			if (options.endsByItself && !signal.aborted) return options.onEnd?.();
		} catch (thrown) {
			if (signal.aborted) return;
			error = asApiError(thrown);
			if (error.status >= 400 && error.status < 500 && error.status !== 429) return options.onRefused?.(error);
		}
		options.onState?.('waiting', error);
		const wait = parser.retry ?? Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures++);
		await pause(wait * (0.75 + Math.random() / 2), signal);
	}
}

async function* texts(body: ReadableStream<Uint8Array>, silenceMs?: number) {
	const reader = body.getReader();
	const decoder = new TextDecoder();
	try {
		for (;;) {
			const { value, done } = await within(reader.read(), silenceMs);
			if (done) return;
			yield decoder.decode(value, { stream: true });
		}
	} finally {
		// One that is left early is closed.
		await reader.cancel().catch(() => {});
		reader.releaseLock();
	}
}

function within<T>(reading: Promise<T>, ms: number | undefined): Promise<T> {
	if (ms === undefined) return reading;
	let timer: ReturnType<typeof setTimeout>;
	const silence = new Promise<never>((_, reject) => {
		timer = setTimeout(() => reject(unreachable()), ms);
	});
	return Promise.race([reading, silence]).finally(() => clearTimeout(timer));
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const timer = setTimeout(done, ms);
		function done() {
			clearTimeout(timer);
			signal.removeEventListener('abort', done);
			resolve();
		}
		signal.addEventListener('abort', done);
	});
}
