// How states of sandboxes, builds, hosts and deliveries look and are called.
import type { Tone } from './Badge.svelte';

interface Look {
	tone: Tone;
	label: string;
	/** Something is under way. */
	moving?: boolean;
}

const looks: Record<string, Look> = {
	// Sandboxes.
	pending: { tone: 'accent', label: 'Pending', moving: true },
	starting: { tone: 'accent', label: 'Starting', moving: true },
	running: { tone: 'ok', label: 'Running' },
	pausing: { tone: 'accent', label: 'Pausing', moving: true },
	paused: { tone: 'neutral', label: 'Paused' },
	resuming: { tone: 'accent', label: 'Resuming', moving: true },
	hibernating: { tone: 'accent', label: 'Hibernating', moving: true },
	hibernated: { tone: 'neutral', label: 'Hibernated' },
	missing: { tone: 'warn', label: 'Missing' },
	stopped: { tone: 'neutral', label: 'Stopped' },
	error: { tone: 'danger', label: 'Error' },
	// Builds.
	queued: { tone: 'accent', label: 'Queued', moving: true },
	success: { tone: 'ok', label: 'Success' },
	failed: { tone: 'danger', label: 'Failed' },
	cancelled: { tone: 'neutral', label: 'Cancelled' },
	cancelling: { tone: 'accent', label: 'Cancelling', moving: true },
	// Hosts.
	online: { tone: 'ok', label: 'Online' },
	draining: { tone: 'warn', label: 'Draining' },
	unreachable: { tone: 'danger', label: 'Unreachable' },
	offline: { tone: 'neutral', label: 'Offline' },
	// Entries of the log, deliveries and accounts.
	failure: { tone: 'danger', label: 'Failed' },
	delivered: { tone: 'ok', label: 'Delivered' },
	active: { tone: 'ok', label: 'Active' },
	inactive: { tone: 'neutral', label: 'Not activated' },
	disabled: { tone: 'warn', label: 'Disabled' }
};

/** Of a state that is not known here, its own name. */
export function lookOf(status: string): Look {
	const label = status ? status[0]!.toUpperCase() + status.slice(1).replaceAll('_', ' ') : 'Unknown';
	return looks[status] ?? { tone: 'neutral', label };
}
