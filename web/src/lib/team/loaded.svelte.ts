// What a page shows once the API has answered, and why it cannot when it has not.
import { askWithHeaders } from '$lib/api/client';

export class Loaded<T> {
	value = $state.raw<T | null>(null);
	failure = $state.raw<unknown>(null);

	constructor(private readonly fetch: () => Promise<T>) {}

	/** What was there stays until the next answer. Never throws. */
	load = async () => {
		try {
			this.value = await this.fetch();
			this.failure = null;
		} catch (thrown) {
			this.failure = thrown;
		}
	};
}

type Call<T> = Promise<{ data?: T[]; error?: unknown; response: Response }>;

/** A list that comes page by page, by cursors. */
export class Paged<T> {
	rows = $state.raw<T[]>([]);
	loaded = $state(false);
	cursor = $state<string | null>(null);
	failure = $state.raw<unknown>(null);
	private turn = 0;

	constructor(private readonly fetch: (cursor: string | undefined) => Call<T>) {}

	/** The first page, in the place of what there is. Never throws. */
	load = async () => {
		const turn = ++this.turn;
		try {
			const { data, headers } = await askWithHeaders(this.fetch(undefined));
			if (turn !== this.turn) return;
			this.rows = data;
			this.cursor = headers.get('x-next-cursor');
			this.loaded = true;
			this.failure = null;
		} catch (thrown) {
			if (turn === this.turn) this.failure = thrown;
		}
	};

	/** The page after it. Throws ApiError. */
	more = async () => {
		const turn = this.turn;
		const { data, headers } = await askWithHeaders(this.fetch(this.cursor ?? undefined));
		if (turn !== this.turn) return;
		this.rows = [...this.rows, ...data];
		this.cursor = headers.get('x-next-cursor');
	};
}
