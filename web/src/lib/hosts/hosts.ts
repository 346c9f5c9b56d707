// Hosts: what is on them, what they have room for, and how another one comes.
import type { Schemas } from '$lib/api/client';
import { bytes } from '$lib/ui/format';

export type Host = Schemas['Host'];
const MIB = 1024 * 1024;

export interface Load {
	id: 'cpu' | 'memory' | 'disk';
	label: string;
	text: string;
	share: number;
}

/** What its sandboxes have reserved, of what may be reserved. */
export function loads(host: Host): Load[] {
	const { allocated, allocatable } = host;
	if (!allocated || !allocatable) return [];
	const load = (id: Load['id'], label: string, used: number, most: number, format: (value: number) => string): Load => ({
		id,
		label,
		text: most > 0 ? `${format(used)} of ${format(most)}` : `${format(used)}, without a limit`,
		share: most > 0 ? Math.min(1, used / most) : 0
	});
	const mebibytes = (value: number) => bytes(value * MIB);
	return [
		load('cpu', 'vCPUs', allocated.vcpus, allocatable.vcpus, String),
		load('memory', 'Memory', allocated.memory_mb, allocatable.memory_mb, mebibytes),
		load('disk', 'Disk', allocated.disk_mb, allocatable.disk_mb, mebibytes)
	];
}

/** What is typed on the new host, as root. The token is not among the arguments, which everybody there sees. */
export function registerCommand(token: string, origin: string): string {
	return `export WRENN_REGISTRATION_TOKEN=${token}\nwrenn-agent --address THIS_HOST:50051 --control-plane ${origin}`;
}

export function hostNameProblem(name: string): string {
	return /^[a-z0-9-]{1,63}$/.test(name) ? '' : 'Use up to 63 small letters, digits and hyphens.';
}

/** "zone=a, gpu=yes" into labels; null when it is no list of these. */
export function labelsFrom(text: string): Record<string, string> | null {
	const labels: Record<string, string> = {};
	for (const part of text.split(/[,\n]/).map((one) => one.trim())) {
		if (!part) continue;
		const at = part.indexOf('=');
		if (at < 1) return null;
		labels[part.slice(0, at).trim()] = part.slice(at + 1).trim();
	}
	return labels;
}

export const labelsText = (labels: Record<string, string> | undefined) =>
	Object.entries(labels ?? {})
		.map(([name, value]) => `${name}=${value}`)
		.join(', ');

/** What to send so that these labels become those: null takes one away. */
export function labelChanges(before: Record<string, string>, after: Record<string, string>): Record<string, string | null> {
	const gone = Object.keys(before).filter((name) => !(name in after));
	return { ...after, ...Object.fromEntries(gone.map((name) => [name, null])) };
}
