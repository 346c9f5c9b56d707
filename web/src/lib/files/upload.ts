// Files on their way into a sandbox: a few at a time, each with its progress, and tried again by hand.
import type { ApiError } from '$lib/api/errors';

export interface Source {
	file: File;
	/** Where it goes. */
	path: string;
}

export type UploadState = 'waiting' | 'sending' | 'done' | 'failed' | 'cancelled';

export interface Upload {
	readonly id: number;
	readonly path: string;
	readonly size: number;
	sent: number;
	state: UploadState;
	error: ApiError | null;
}

/** Sends a file; rejects with an ApiError, or with anything once `signal` is aborted. */
export type Send = (source: Source, onProgress: (sent: number) => void, signal: AbortSignal) => Promise<void>;

export const AT_ONCE = 3;

export class UploadQueue {
	private list: Upload[] = [];
	private sources = new Map<number, Source>();
	private aborts = new Map<number, AbortController>();
	private next = 1;

	constructor(
		private readonly send: Send,
		/** Is told of every change, with a new list. */
		private readonly onChange: (list: Upload[]) => void,
		private readonly onDone: (path: string) => void = () => {},
		private readonly asError: (thrown: unknown) => ApiError
	) {}

	add(sources: readonly Source[]) {
		for (const source of sources) {
			const id = this.next++;
			this.sources.set(id, source);
			this.list.push({ id, path: source.path, size: source.file.size, sent: 0, state: 'waiting', error: null });
		}
		this.turn();
	}

	cancel(id: number) {
		const upload = this.list.find((one) => one.id === id);
		if (!upload || (upload.state !== 'waiting' && upload.state !== 'sending')) return;
		upload.state = 'cancelled';
		this.aborts.get(id)?.abort();
		this.turn();
	}

	cancelAll() {
		for (const upload of [...this.list]) this.cancel(upload.id);
	}

	retry(id: number) {
		const upload = this.list.find((one) => one.id === id);
		if (!upload || (upload.state !== 'failed' && upload.state !== 'cancelled')) return;
		Object.assign(upload, { state: 'waiting', sent: 0, error: null });
		this.turn();
	}

	/** Forgets those that are over. */
	clear() {
		const over = (upload: Upload) => upload.state !== 'waiting' && upload.state !== 'sending';
		for (const upload of this.list.filter(over)) this.sources.delete(upload.id);
		this.list = this.list.filter((upload) => !over(upload));
		this.tell();
	}

	private tell() {
		this.onChange(this.list.map((upload) => ({ ...upload })));
	}

	private turn() {
		for (const upload of this.list) {
			if (this.aborts.size >= AT_ONCE) break;
			if (upload.state === 'waiting' && !this.aborts.has(upload.id)) void this.run(upload);
		}
		this.tell();
	}

	private async run(upload: Upload) {
		const abort = new AbortController();
		this.aborts.set(upload.id, abort);
		upload.state = 'sending';
		try {
			await this.send(
				this.sources.get(upload.id)!,
				(sent) => {
					if (upload.state !== 'sending') return;
					upload.sent = Math.min(sent, upload.size);
					this.tell();
				},
				abort.signal
			);
			if (upload.state === 'sending') {
				upload.state = 'done';
				upload.sent = upload.size;
				this.onDone(upload.path);
			}
		} catch (thrown) {
			if (upload.state === 'sending') {
				upload.state = 'failed';
				upload.error = this.asError(thrown);
			}
		} finally {
			this.aborts.delete(upload.id);
			this.turn();
		}
	}
}

/** Of all that is not cancelled. */
export function progressOf(list: readonly Upload[]): { sent: number; size: number; open: number; failed: number } {
	const counted = list.filter((upload) => upload.state !== 'cancelled');
	const sum = (of: (upload: Upload) => number) => counted.reduce((all, upload) => all + of(upload), 0);
	return {
		sent: sum((upload) => upload.sent),
		size: sum((upload) => upload.size),
		open: counted.filter((upload) => upload.state === 'waiting' || upload.state === 'sending').length,
		failed: counted.filter((upload) => upload.state === 'failed').length
	};
}
