// What pages say about a sandbox, and what can be done with it in its state.
import type { Schemas } from '$lib/api/client';
import { bytes } from '$lib/ui/format';

/** What it was made of, where that is known: absent for images, and for sandboxes of before it was kept. */
export type Source = { type: 'sandbox'; sandbox_id: string } | { type: 'template'; name: string; version: number };
export type Sandbox = Schemas['Sandbox'] & { source?: Source };
export type Template = Schemas['Template'];
export type State = Sandbox['status'];

export const STATES: readonly State[] = [
	'running',
	'paused',
	'hibernated',
	'pending',
	'starting',
	'pausing',
	'resuming',
	'hibernating',
	'missing',
	'error',
	'stopped'
];

/** Those that the API lists unless it is asked for others. */
export function isLive(status: State): boolean {
	return status !== 'stopped' && status !== 'error';
}

export type Action = 'pause' | 'resume' | 'fork' | 'snapshot' | 'hibernate' | 'limits' | 'destroy';

const possible: Record<Action, readonly State[]> = {
	pause: ['running'],
	resume: ['paused', 'hibernated'],
	fork: ['running', 'paused'],
	snapshot: ['running', 'paused'],
	hibernate: ['running', 'paused'],
	limits: ['running', 'paused', 'hibernated'],
	destroy: ['pending', 'starting', 'running', 'pausing', 'paused', 'resuming', 'hibernating', 'hibernated', 'missing']
};

export function can(action: Action, sandbox: Sandbox): boolean {
	return possible[action].includes(sandbox.status);
}

const MIB = 1024 * 1024;
export const mebibytes = (mb: number) => bytes(mb * MIB);

/** "2 vCPU · 1 GiB · 5 GiB". */
export function sizeOf(sandbox: Pick<Sandbox, 'vcpus' | 'memory_mb' | 'disk_mb'>): string {
	return `${sandbox.vcpus} vCPU · ${mebibytes(sandbox.memory_mb)} · ${mebibytes(sandbox.disk_mb)}`;
}

/** Labels as they are written everywhere: NAME=VALUE, by name. */
export function labelsOf(sandbox: Pick<Sandbox, 'labels'>): string[] {
	return Object.entries(sandbox.labels ?? {})
		.map(([name, value]) => `${name}=${value}`)
		.sort();
}

const pauseReasons: Record<NonNullable<Sandbox['pause_reason']>, string> = {
	idle: 'nobody used it for its timeout',
	lifetime: 'its maximum lifetime was over',
	host_memory: 'its host needed the memory',
	vm_ended: 'its machine ended by itself',
	host_restarted: 'its host was started anew'
};

/** Why it is in its state, in words; empty where there is nothing to say. */
export function reasonOf(sandbox: Sandbox): string {
	if (sandbox.status_reason) return sandbox.status_reason;
	return sandbox.pause_reason && sandbox.status !== 'running' ? `Paused because ${pauseReasons[sandbox.pause_reason] ?? sandbox.pause_reason}` : '';
}

/** The address of its page. */
export function pageOf(id: string, tab = ''): string {
	return `/dashboard/sandboxes/${encodeURIComponent(id)}${tab ? `?tab=${tab}` : ''}`;
}
