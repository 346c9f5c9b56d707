// The sandboxes of the team, as far as they were loaded, kept true by what comes live.
import { api, askWithHeaders } from '$lib/api/client';
import { withChange, withPage } from './changes';
import { queryOf } from './filters';
import type { Filters } from './filters';
import type { Sandbox } from './sandbox';

const PAGE = 100;
/** As many as the API answers at once: a search looks through all of these. */
const MOST = 1000;

export class SandboxList {
	rows = $state.raw<readonly Sandbox[]>([]);
	/** Something was loaded with the filters that hold now. */
	loaded = $state(false);
	failure = $state.raw<unknown>(null);
	cursor = $state<string | null>(null);
	private filters: Filters;
	// Each load has a number, so that an answer to an earlier question changes nothing.
	private turn = 0;
	private loading = false;
	// What came while a page was on its way, which may be older.
	private meanwhile: Sandbox[] = [];

	constructor(filters: Filters) {
		this.filters = filters;
	}

	/** With another question to the API the list begins anew. A search looks through what there is, and gets what is missing. */
	narrow(filters: Filters) {
		const before = this.filters;
		this.filters = filters;
		if (JSON.stringify(queryOf(filters)) !== JSON.stringify(queryOf(before))) {
			this.loaded = false;
			this.rows = [];
			void this.load();
		} else if (filters.search && !before.search && this.cursor !== null) void this.load();
	}

	/** The first page, or as much as there was. */
	async load(): Promise<void> {
		const turn = ++this.turn;
		this.loading = true;
		this.meanwhile = [];
		const limit = this.filters.search ? MOST : Math.min(MOST, Math.max(PAGE, this.rows.length));
		try {
			const { data, headers } = await askWithHeaders(api.GET('/v1/capsules', { params: { query: { ...queryOf(this.filters), limit } } }));
			if (turn !== this.turn) return;
			this.cursor = headers.get('x-next-cursor');
			this.rows = data;
			for (const one of this.meanwhile) this.change(one);
			this.loaded = true;
			this.failure = null;
		} catch (thrown) {
			if (turn === this.turn) this.failure = thrown;
		} finally {
			if (turn === this.turn) {
				this.loading = false;
				this.meanwhile = [];
			}
		}
	}

	/** The page behind what there is. Throws ApiError. */
	async more(): Promise<void> {
		if (!this.cursor) return;
		const turn = this.turn;
		const query = { ...queryOf(this.filters), limit: this.filters.search ? MOST : PAGE, cursor: this.cursor };
		const { data, headers } = await askWithHeaders(api.GET('/v1/capsules', { params: { query } }));
		if (turn !== this.turn) return;
		this.cursor = headers.get('x-next-cursor');
		this.rows = withPage(this.rows, data);
	}

	/** One that is new, changed or ended. */
	take(sandbox: Sandbox) {
		if (this.loading) this.meanwhile.push(sandbox);
		this.change(sandbox);
	}

	private change(sandbox: Sandbox) {
		this.rows = withChange(this.rows, sandbox, this.filters, this.cursor !== null);
	}
}
