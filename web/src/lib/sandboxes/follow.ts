// What changes in the team, as it happens; and without that, asking again from time to time.
import { streamEvents } from '$lib/api/events';
import type { Sandbox } from './sandbox';

/** `polled`: this control plane has no live updates. */
export type LiveState = 'connecting' | 'live' | 'lost' | 'polled';

export interface Followers {
	/** Everything may have changed: read what is shown. Called first as soon as no change can be missed, and after each gap. */
	reload: () => void;
	onSandbox: (sandbox: Sandbox) => void;
	/** Templates of this name changed. */
	onTemplate?: (name: string) => void;
	onState: (state: LiveState) => void;
}

const POLL_MS = 30_000;
// A comment comes every 15 s.
const SILENCE_MS = 40_000;

/** Until the function that it returns is called. */
export function followTeam({ reload, onSandbox, onTemplate, onState }: Followers): () => void {
	let timer: ReturnType<typeof setInterval> | undefined;
	onState('connecting');
	const stop = streamEvents('/v1/events', {
		silenceMs: SILENCE_MS,
		onEvent: ({ event, data }) => {
			if (event === 'ready') {
				onState('live');
				reload();
			} else if (event === 'sandbox') onSandbox(JSON.parse(data) as Sandbox);
			else if (event === 'snapshot') onTemplate?.((JSON.parse(data) as { name: string }).name);
		},
		onState: (state) => {
			if (state === 'waiting') onState('lost');
		},
		onRefused: () => {
			onState('polled');
			reload();
			timer = setInterval(reload, POLL_MS);
		}
	});
	return () => {
		stop();
		clearInterval(timer);
	};
}
