// Entries of the audit log about one sandbox, in words.
import type { Schemas } from '$lib/api/client';

export type Entry = Schemas['AuditEntry'];

const done: Record<string, string> = {
	'capsule.create': 'Created',
	'capsule.update': 'Labels changed',
	'capsule.pause': 'Paused',
	'capsule.resume': 'Resumed',
	'capsule.hibernate': 'Moved to object storage',
	'capsule.fork': 'Forked',
	'capsule.destroy': 'Destroyed',
	'capsule.set_timeout': 'Time limits changed',
	'capsule.set_network': 'Network changed',
	'capsule.exec': 'Command run',
	'capsule.connect_process': 'Connected to a process',
	'capsule.kill_process': 'Process ended',
	'capsule.open_terminal': 'Terminal opened',
	'capsule.write_file': 'File written',
	'capsule.make_dir': 'Directory made',
	'capsule.remove_path': 'File or directory removed',
	'capsule.move_path': 'File or directory moved',
	'capsule.make_port_url': 'Address of a port made',
	'capsule.set_port': 'Access to a port changed',
	'capsule.running': 'Resumed by use',
	'capsule.paused': 'Paused by itself',
	'capsule.stopped': 'Ended by itself',
	'capsule.hibernated': 'Moved to object storage by itself',
	'capsule.missing': 'Not found on its host',
	'capsule.error': 'Failed'
};

/** "Paused"; of what is not known here, its name in the log. */
export function titleOf(entry: Entry): string {
	const known = done[entry.action];
	const words = known ?? entry.action.replace(/^capsule\./, '').replaceAll('_', ' ');
	const text = words[0] ? words[0].toUpperCase() + words.slice(1) : entry.action;
	return entry.status === 'failure' ? `${text}: failed` : text;
}

/** Who did it, as people know them. */
export function actorOf(entry: Entry): string {
	const name = entry.actor_name || entry.actor_id || '';
	if (entry.actor_type === 'system') return 'Wrenn itself';
	if (entry.actor_type === 'anonymous') return 'somebody who is not logged in';
	return entry.actor_type === 'api_key' ? `API key ${name}`.trim() : name || 'a user';
}

/** What else the log has: "path /tmp/a · mode disk". */
export function detailOf(entry: Entry): string {
	const parts = Object.entries(entry.metadata ?? {}).map(([name, value]) => `${name.replaceAll('_', ' ')} ${value}`);
	if (entry.code) parts.unshift(entry.code);
	return parts.join(' · ');
}

export type Kind = 'good' | 'bad' | 'quiet';
/** States are what one looks for; commands and files are many. */
export function kindOf(entry: Entry): Kind {
	if (entry.status === 'failure') return 'bad';
	return /^capsule\.(create|pause|resume|hibernate|fork|destroy|running|paused|stopped|hibernated)$/.test(entry.action) ? 'good' : 'quiet';
}
