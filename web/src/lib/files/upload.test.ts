import { beforeEach, describe, expect, it } from 'vitest';
import { asApiError } from '$lib/api/errors';
import { AT_ONCE, UploadQueue, progressOf } from './upload';
import type { Upload } from './upload';

interface Running {
	path: string;
	progress: (sent: number) => void;
	finish: () => void;
	fail: (error: Error) => void;
	signal: AbortSignal;
}
let running: Running[];
let list: Upload[];
let arrived: string[];
let queue: UploadQueue;

const source = (path: string, size = 10) => ({ path, file: new File([new Uint8Array(size)], path) });
const states = () => list.map((upload) => upload.state);
const soon = () => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
	running = [];
	list = [];
	arrived = [];
	queue = new UploadQueue(
		({ path }, progress, signal) =>
			new Promise((resolve, reject) => {
				signal.addEventListener('abort', () => reject(new Error('aborted')));
				running.push({ path, progress, finish: resolve, fail: reject, signal });
			}),
		(next) => (list = next),
		(path) => arrived.push(path),
		asApiError
	);
});

describe('UploadQueue', () => {
	it('sends a few at a time, in their order', async () => {
		queue.add(['/a', '/b', '/c', '/d', '/e'].map((path) => source(path)));
		expect(running.map((one) => one.path)).toEqual(['/a', '/b', '/c'].slice(0, AT_ONCE));
		running[1]!.finish();
		await soon();
		expect(running.map((one) => one.path)).toEqual(['/a', '/b', '/c', '/d']);
		expect(states()).toEqual(['sending', 'done', 'sending', 'sending', 'waiting']);
		expect(arrived).toEqual(['/b']);
	});
	it('tells how far each is', () => {
		queue.add([source('/a', 100), source('/b', 300)]);
		running[0]!.progress(40);
		running[1]!.progress(9999);
		expect(progressOf(list)).toEqual({ sent: 340, size: 400, open: 2, failed: 0 });
	});
	it('keeps what failed, with why, until it is tried again', async () => {
		queue.add([source('/a')]);
		running[0]!.fail(new Error('no room'));
		await soon();
		expect(states()).toEqual(['failed']);
		expect(list[0]!.error?.message).toBe('no room');
		queue.retry(list[0]!.id);
		expect(states()).toEqual(['sending']);
		running[1]!.finish();
		await soon();
		expect(states()).toEqual(['done']);
	});
	it('cancels what is under way and what waits', async () => {
		queue.add(['/a', '/b', '/c', '/d'].map((path) => source(path)));
		queue.cancel(list[0]!.id);
		queue.cancel(list[3]!.id);
		await soon();
		expect(states()).toEqual(['cancelled', 'sending', 'sending', 'cancelled']);
		expect(running[0]!.signal.aborted).toBe(true);
		expect(running).toHaveLength(3);
		expect(progressOf(list).size).toBe(20);
	});
	it('starts a cancelled one again even before its end was seen', async () => {
		queue.add([source('/a')]);
		queue.cancel(list[0]!.id);
		queue.retry(list[0]!.id);
		await soon();
		expect(states()).toEqual(['sending']);
		expect(running).toHaveLength(2);
	});
	it('forgets those that are over', async () => {
		queue.add([source('/a'), source('/b')]);
		running[0]!.finish();
		await soon();
		queue.clear();
		expect(list.map((upload) => upload.path)).toEqual(['/b']);
	});
});
