import { describe, expect, it } from 'vitest';
import type { Schemas } from '$lib/api/client';
import { hostNameProblem, labelChanges, labelsFrom, labelsText, loads, registerCommand } from './hosts';
import type { Host } from './hosts';

const host = { id: 'host-1', cpu_cores: 4, memory_mb: 8192, disk_gb: 100 } as Host;
const sandbox = (id: string, status: string) => ({ id, status, vcpus: 2, memory_mb: 1024, disk_mb: 5120 }) as Schemas['Sandbox'];

describe('hosts', () => {
	it('adds up what is reserved there, and no more', () => {
		const found = loads(host, ['a', 'b', 'x'], [sandbox('a', 'running'), sandbox('b', 'paused'), sandbox('c', 'running')]);
		expect(found.known).toBe(2);
		expect(found.loads.map((load) => load.text)).toEqual(['2 of 4', '1 GiB of 8 GiB', '10 GiB of 100 GiB']);
		expect(found.loads[0]!.share).toBe(0.5);
		expect(loads({ id: 'h' } as Host, [], []).loads).toEqual([]);
	});
	it('keeps the token out of the arguments', () => {
		const lines = registerCommand('secret', 'https://wrenn.example.com').split('\n');
		expect(lines[0]).toContain('secret');
		expect(lines[1]).not.toContain('secret');
	});
	it('reads labels', () => {
		expect(labelsFrom('zone=a, gpu = yes\n')).toEqual({ zone: 'a', gpu: 'yes' });
		expect(labelsFrom('')).toEqual({});
		expect(labelsFrom('zone')).toBeNull();
		expect(labelsText({ zone: 'a', gpu: 'yes' })).toBe('zone=a, gpu=yes');
		expect(labelChanges({ zone: 'a', old: 'x' }, { zone: 'b' })).toEqual({ zone: 'b', old: null });
	});
	it('knows names that the API refuses', () => {
		expect(hostNameProblem('rack-1')).toBe('');
		for (const bad of ['', 'Rack', 'a b', 'a'.repeat(64)]) expect(hostNameProblem(bad)).not.toBe('');
	});
});
