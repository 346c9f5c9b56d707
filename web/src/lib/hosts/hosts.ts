// Hosts: what is on them, what they have room for, and how another one comes.
import type { Schemas } from '$lib/api/client';
import { bytes } from '$lib/ui/format';

export type Host = Schemas['Host'];
type Sandbox = Schemas['Sandbox'];
const MIB = 1024 * 1024;

export interface Load {
	id: 'cpu' | 'memory' | 'disk';
	label: string;
	text: string;
	share: number;
}

const RUNS = new Set(['pending', 'starting', 'running', 'pausing', 'resuming', 'hibernating']);

/** What the sandboxes on it reserve, beside what it has. Only those of the viewer's team tell what they reserve. */
export function loads(host: Host, ids: readonly string[], sandboxes: readonly Sandbox[]): { loads: Load[]; known: number } {
	const here = sandboxes.filter((one) => ids.includes(one.id));
	const running = here.filter((one) => RUNS.has(one.status));
	const sum = (of: readonly Sandbox[], value: (one: Sandbox) => number) => of.reduce((all, one) => all + value(one), 0);
	const found: Load[] = [];
	const add = (id: Load['id'], label: string, used: number, most: number | undefined, format: (value: number) => string) => {
		if (most) found.push({ id, label, text: `${format(used)} of ${format(most)}`, share: Math.min(1, used / most) });
	};
	const mebibytes = (value: number) => bytes(value * MIB);
	add('cpu', 'vCPUs', sum(running, (one) => one.vcpus), host.cpu_cores, String);
	add('memory', 'Memory', sum(running, (one) => one.memory_mb), host.memory_mb, mebibytes);
	add('disk', 'Disk', sum(here, (one) => one.disk_mb), host.disk_gb === undefined ? undefined : host.disk_gb * 1024, mebibytes);
	return { loads: found, known: here.length };
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
