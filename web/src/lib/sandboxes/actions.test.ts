import { describe, expect, it } from 'vitest';
import { ApiError } from '$lib/api/errors';
import { summary, toEach } from './actions';
import { linesOf, stepOf } from './metrics';
import { menuOf } from './row_menu';
import { can, labelsOf, pageOf, reasonOf, sizeOf } from './sandbox';
import { tabFrom } from './tabs';
import { sandboxNamed } from './test_sandbox';
import { actorOf, detailOf, kindOf, titleOf } from './timeline';
import type { Entry } from './timeline';

describe('the same done to many', () => {
	it('tells how each went, in their order', async () => {
		const progress: number[] = [];
		const act = async (id: string) => {
			await new Promise((resolve) => setTimeout(resolve, id === 'a' ? 15 : 1));
			if (id === 'b') throw new ApiError('invalid_state', 'it is paused already', 409, 'resume it first');
		};
		const outcomes = await toEach(['a', 'b', 'c'], act, (done) => progress.push(done));
		expect(outcomes).toEqual([
			{ id: 'a', problem: '' },
			{ id: 'b', problem: 'It is paused already. Resume it first.' },
			{ id: 'c', problem: '' }
		]);
		expect(progress).toEqual([1, 2, 3]);
		expect(summary(outcomes, 'paused')).toBe('2 of 3 sandboxes were paused');
	});
	it('is done to a few at a time', async () => {
		let running = 0;
		let most = 0;
		await toEach(Array.from({ length: 20 }, (_, index) => `${index}`), async () => {
			most = Math.max(most, ++running);
			await new Promise((resolve) => setTimeout(resolve, 1));
			--running;
		});
		expect(most).toBe(4);
	});
	it('is summed up', () => {
		expect(summary([{ id: 'a', problem: '' }], 'destroyed')).toBe('1 sandbox was destroyed');
		expect(summary([{ id: 'a', problem: 'no' }], 'destroyed')).toBe('0 of 1 sandbox were destroyed');
	});
});

describe('what can be done', () => {
	const labels = (status: Parameters<typeof sandboxNamed>[1]) =>
		menuOf(sandboxNamed('x', status), { pause() {}, resume() {}, ask() {} })
			.filter((item) => !item.disabled)
			.map((item) => item.label);
	it('depends on the state', () => {
		expect(labels({ status: 'running' })).toContain('Pause');
		expect(labels({ status: 'paused' })).toEqual(['Open terminal', 'Resume', 'Fork…', 'Snapshot…', 'Hibernate…', 'Time limits…', 'Destroy…']);
		expect(labels({ status: 'hibernated' })).toEqual(['Open terminal', 'Resume', 'Time limits…', 'Destroy…']);
		expect(labels({ status: 'pausing' })).toEqual(['Open terminal', 'Destroy…']);
		expect(can('destroy', sandboxNamed('x', { status: 'stopped' }))).toBe(false);
	});
});

describe('words', () => {
	it('say what a sandbox is', () => {
		const one = sandboxNamed('cl-1', { vcpus: 2, memory_mb: 1536, labels: { b: '2', a: '1' } });
		expect(sizeOf(one)).toBe('2 vCPU · 1.5 GiB · 5 GiB');
		expect(labelsOf(one)).toEqual(['a=1', 'b=2']);
		expect(pageOf('cl-1', 'files')).toBe('/dashboard/sandboxes/cl-1?tab=files');
		expect(reasonOf({ ...one, status: 'paused', pause_reason: 'idle' })).toContain('nobody used it');
		expect(reasonOf({ ...one, pause_reason: 'idle' })).toBe('');
		expect(reasonOf({ ...one, status_reason: 'the disk is full' })).toBe('the disk is full');
	});
	it('find the tab', () => {
		expect([tabFrom(new URLSearchParams('tab=files')), tabFrom(new URLSearchParams('tab=x')), tabFrom(new URLSearchParams())]).toEqual(['files', 'overview', 'overview']);
	});
	it('tell what happened', () => {
		const entry: Entry = { id: '1', actor_type: 'user', actor_name: 'Ann', resource_type: 'capsule', action: 'capsule.pause', scope: 'team', status: 'success', created_at: '', metadata: { mode: 'disk' } };
		expect([titleOf(entry), actorOf(entry), detailOf(entry), kindOf(entry)]).toEqual(['Paused', 'Ann', 'mode disk', 'good']);
		const failed: Entry = { ...entry, actor_type: 'api_key', actor_name: 'ci', action: 'capsule.new_thing', status: 'failure', code: 'not_found' };
		expect([titleOf(failed), actorOf(failed), detailOf(failed), kindOf(failed)]).toEqual(['New thing: failed', 'API key ci', 'not_found · mode disk', 'bad']);
		expect(actorOf({ ...entry, actor_type: 'system' })).toBe('Wrenn itself');
		expect(kindOf({ ...entry, action: 'capsule.exec' })).toBe('quiet');
	});
});

describe('lines of charts', () => {
	const point = (time: number, rx = 0, tx = 0) => ({ timestamp_unix: time, cpu_pct: 10, mem_bytes: 20, disk_bytes: 30, net_rx_bytes: rx, net_tx_bytes: tx });
	it('have rates of what counts up', () => {
		const lines = linesOf([point(0, 100, 50), point(5, 600, 50), point(10, 700, 100)], 5);
		expect([lines.received, lines.sent]).toEqual([[null, 100, 20], [null, 0, 10]]);
		expect(lines.cpu).toEqual([10, 10, 10]);
	});
	it('have gaps where nothing was measured, and no rate over them', () => {
		const lines = linesOf([point(0, 100), point(5, 200), point(60, 900), point(65, 1000)], 5);
		expect(lines.times).toEqual([0, 5, 10, 60, 65]);
		expect(lines.memory).toEqual([20, 20, null, 20, 20]);
		expect(lines.received).toEqual([null, 20, null, null, 20]);
	});
	it('begin anew with another machine, and never go back in time', () => {
		const lines = linesOf([point(0, 900), point(5, 100), point(5, 100), point(10, 200)], 5);
		expect(lines.times).toEqual([0, 5, 10]);
		expect(lines.received).toEqual([null, null, 20]);
		expect(linesOf([], 5).times).toEqual([]);
		expect([stepOf('10m'), stepOf('1h'), stepOf('24h')]).toEqual([5, 60, 300]);
	});
});
