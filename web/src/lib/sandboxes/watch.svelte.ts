// One sandbox, kept true by what comes live.
import { api, ask } from '$lib/api/client';
import type { Sandbox } from './sandbox';

export class SandboxWatch {
	sandbox = $state.raw<Sandbox | null>(null);
	/** Why it could not be read; what was read before stays. */
	failure = $state.raw<unknown>(null);
	private turn = 0;
	// Changes that came while it was being read, which may be older.
	private newest: Sandbox | null = null;

	constructor(readonly id: string) {}

	async load(): Promise<void> {
		const turn = ++this.turn;
		this.newest = null;
		try {
			const read = await ask(api.GET('/v1/capsules/{sandbox_id}', { params: { path: { sandbox_id: this.id } } }));
			if (turn !== this.turn) return;
			this.sandbox = this.newest ?? read;
			this.failure = null;
		} catch (thrown) {
			if (turn === this.turn) this.failure = thrown;
		}
	}

	/** As an event or an answer says. */
	take(sandbox: Sandbox) {
		if (sandbox.id !== this.id) return;
		this.newest = sandbox;
		this.sandbox = sandbox;
	}
}
