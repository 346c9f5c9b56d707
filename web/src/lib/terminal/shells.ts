// The shells of a sandbox that are terminals here: which there are, and what runs in one.
import { api, ask } from '$lib/api/client';

export const MOST_TERMINALS = 8;

export interface Shell {
	tag: string;
	/** Null until it was started. */
	pid: number | null;
}

/** Terminals of this page have such tags, so that any browser finds them again. `pty-` are those that had no tag given. */
const isTerminal = (tag: string) => /^(term|pty)-/.test(tag);

export function newTag(): string {
	const bytes = crypto.getRandomValues(new Uint8Array(5));
	return `term-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Those that run, the oldest first. */
export function shellsOf(processes: readonly { pid: number; tag?: string }[]): Shell[] {
	const found = processes
		.filter((process) => isTerminal(process.tag ?? ''))
		.map((process) => ({ tag: process.tag!, pid: process.pid }))
		.sort((a, b) => a.pid - b.pid);
	// Two may have been given the same tag; the API connects to one of them.
	return found.filter((shell, index) => found.findIndex((other) => other.tag === shell.tag) === index);
}

export async function runningShells(id: string): Promise<Shell[]> {
	const { processes } = await ask(api.GET('/v1/capsules/{sandbox_id}/processes', { params: { path: { sandbox_id: id } } }));
	return shellsOf(processes);
}

// Names of a process's children, a line each.
const CHILDREN = 'for s in $(grep -ls "^PPid:[[:space:]]*$1$" /proc/[0-9]*/status); do sed -n "s/^Name:[[:space:]]*//p" $s 2>/dev/null; done; :';

/** What was started in a shell and runs. */
export async function runsIn(id: string, pid: number): Promise<string[]> {
	const result = await ask(
		api.POST('/v1/capsules/{sandbox_id}/exec', {
			params: { path: { sandbox_id: id } },
			body: { cmd: '/bin/sh', args: ['-c', CHILDREN, 'sh', String(pid)], user: 'root', timeout_sec: 10, background: false }
		})
	);
	if (!('stdout' in result)) return [];
	return result.stdout.split('\n').filter((line) => line !== '');
}

export async function endShell(id: string, tag: string): Promise<void> {
	await ask(api.DELETE('/v1/capsules/{sandbox_id}/processes/{process}', { params: { path: { sandbox_id: id, process: tag } } }));
}
