import { describe, expect, it } from 'vitest';
import { hostNameProblem, labelChanges, labelsFrom, labelsText, loads, registerCommand } from './hosts';
import type { Host } from './hosts';

const host = {
	id: 'host-1',
	allocated: { vcpus: 2, memory_mb: 1024, disk_mb: 10240 },
	allocatable: { vcpus: 4, memory_mb: 8192, disk_mb: 0 }
} as Host;

describe('hosts', () => {
	it('says what is reserved there', () => {
		expect(loads(host).map((load) => load.text)).toEqual(['2 of 4', '1 GiB of 8 GiB', '10 GiB, without a limit']);
		expect(loads(host).map((load) => load.share)).toEqual([0.5, 0.125, 0]);
		expect(loads({ id: 'h' } as Host)).toEqual([]);
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
