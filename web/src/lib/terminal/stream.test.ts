import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fromBase64, toBase64 } from './bytes';
import { ResumableStream } from './stream';
import type { StreamPlan, StreamState } from './stream';

class FakeSocket {
	readyState = WebSocket.OPEN as number;
	sent: Record<string, unknown>[] = [];
	onopen: (() => void) | null = null;
	onmessage: ((event: { data: string }) => void) | null = null;
	onclose: ((event: { code: number }) => void) | null = null;
	constructor(readonly path: string) {}
	send(text: string) {
		this.sent.push(JSON.parse(text));
	}
	close() {
		this.readyState = WebSocket.CLOSED;
	}
	says(message: object) {
		this.onmessage?.({ data: JSON.stringify(message) });
	}
	writes(text: string, offset: number) {
		this.says({ type: 'output', data: btoa(text), offset });
	}
}

let sockets: FakeSocket[];
let states: StreamState[];
let seen: string;
let gaps: number[];

function make(more: Partial<StreamPlan> = {}) {
	return new ResumableStream({
		path: () => '/pty',
		start: () => ({ type: 'start', tag: 'term-1' }),
		connect: (offset) => ({ type: 'connect', tag: 'term-1', offset }),
		token: async () => 'token',
		mayConnect: async () => true,
		onOutput: (bytes) => (seen += new TextDecoder().decode(bytes)),
		onGap: (bytes) => gaps.push(bytes),
		onState: (state) => states.push(state),
		open: (path) => {
			sockets.push(new FakeSocket(path));
			return sockets.at(-1) as unknown as WebSocket;
		},
		...more
	});
}

/** The newest socket, once it is open. */
async function opened(): Promise<FakeSocket> {
	await vi.advanceTimersByTimeAsync(0);
	const socket = sockets.at(-1)!;
	socket.onopen?.();
	return socket;
}
const is = () => states.at(-1)?.is;

beforeEach(() => {
	vi.useFakeTimers();
	sockets = [];
	states = [];
	seen = '';
	gaps = [];
});
afterEach(() => vi.useRealTimers());

describe('ResumableStream', () => {
	it('sends the token first, then starts', async () => {
		make().retry();
		const socket = await opened();
		expect(socket.sent).toEqual([{ type: 'auth', token: 'token' }, { type: 'start', tag: 'term-1' }]);
		expect(is()).toBe('connecting');
		socket.says({ type: 'started', pid: 7, tag: 'term-1', offset: 0 });
		expect(is()).toBe('open');
	});

	it('asks for what comes after the last byte that it saw, and shows none twice', async () => {
		make().retry();
		const first = await opened();
		first.says({ type: 'started', pid: 7, offset: 0 });
		first.writes('hello ', 0);
		first.onclose?.({ code: 1006 });
		expect(is()).toBe('waiting');
		await vi.advanceTimersByTimeAsync(600);
		const second = await opened();
		expect(second.sent[1]).toEqual({ type: 'connect', tag: 'term-1', offset: 6 });
		second.says({ type: 'started', pid: 7, offset: 3 });
		second.writes('lo world', 3);
		expect(seen).toBe('hello world');
		expect(gaps).toEqual([]);
	});

	it('says how much is lost when the output is not kept', async () => {
		make().retry();
		const socket = await opened();
		socket.says({ type: 'started', pid: 7, offset: 0 });
		socket.writes('a', 0);
		socket.writes('z', 101);
		expect(gaps).toEqual([100]);
		expect(seen).toBe('az');
	});

	it('waits longer each time, up to a limit, and not after it was open', async () => {
		const stream = make();
		stream.retry();
		const waits: number[] = [];
		for (let round = 0; round < 8; ++round) {
			(await opened()).onclose?.({ code: 1006 });
			const state = states.at(-1)!;
			expect(state.is).toBe('waiting');
			if (state.is === 'waiting') waits.push(state.until - Date.now());
			await vi.advanceTimersByTimeAsync(13_000);
		}
		expect(waits[1]!).toBeGreaterThan(waits[0]! * 1.1);
		expect(Math.max(...waits)).toBeLessThanOrEqual(12_500);
		const socket = await opened();
		socket.says({ type: 'started', pid: 7, offset: 0 });
		socket.onclose?.({ code: 1001 });
		const state = states.at(-1)!;
		expect(state.is === 'waiting' && state.until - Date.now()).toBeLessThanOrEqual(500);
	});

	it('does not start twice when the first start may have arrived', async () => {
		make().retry();
		(await opened()).onclose?.({ code: 1006 });
		await vi.advanceTimersByTimeAsync(600);
		const second = await opened();
		expect(second.sent[1]).toEqual({ type: 'connect', tag: 'term-1', offset: 0 });
		second.says({ type: 'error', code: 'not_found', data: 'there is none', fatal: true });
		second.onclose?.({ code: 1008 });
		await vi.advanceTimersByTimeAsync(1300);
		const third = await opened();
		expect(third.sent[1]).toEqual({ type: 'start', tag: 'term-1' });
	});

	it('ends with the exit code, and does not come back', async () => {
		make().retry();
		const socket = await opened();
		socket.says({ type: 'started', pid: 7, offset: 0 });
		socket.says({ type: 'exit', exit_code: 3 });
		expect(states.at(-1)).toEqual({ is: 'ended', exitCode: 3, reason: '' });
		await vi.advanceTimersByTimeAsync(60_000);
		expect(sockets).toHaveLength(1);
	});

	it('says that a process is gone that ended while nobody looked', async () => {
		make({ start: null }).retry();
		const socket = await opened();
		expect(socket.sent[1]).toEqual({ type: 'connect', tag: 'term-1', offset: 0 });
		socket.says({ type: 'error', code: 'not_found', data: 'no such process', fatal: true });
		socket.onclose?.({ code: 1008 });
		expect(states.at(-1)).toEqual({ is: 'ended', exitCode: null, reason: 'it has ended meanwhile' });
	});

	it('does not wake a sandbox that sleeps', async () => {
		let runs = false;
		const stream = make({ mayConnect: async () => runs });
		stream.retry();
		await vi.advanceTimersByTimeAsync(30_000);
		expect(is()).toBe('held');
		expect(sockets).toHaveLength(0);
		runs = true;
		stream.retry();
		await opened();
		expect(sockets).toHaveLength(1);
	});

	it('gives up a connection that says nothing', async () => {
		make().retry();
		const socket = await opened();
		socket.says({ type: 'started', pid: 7, offset: 0 });
		await vi.advanceTimersByTimeAsync(70_000);
		expect(is()).toBe('open');
		socket.says({ type: 'ping' });
		await vi.advanceTimersByTimeAsync(70_000);
		expect(is()).toBe('open');
		await vi.advanceTimersByTimeAsync(5_001);
		expect(is()).toBe('waiting');
		expect(socket.readyState).toBe(WebSocket.CLOSED);
	});

	it('sends what is typed while the connection is away once it is back, up to a limit', async () => {
		const stream = make();
		stream.retry();
		const first = await opened();
		expect(stream.input(new TextEncoder().encode('early'))).toBe(true);
		expect(first.sent).toHaveLength(2);
		first.says({ type: 'started', pid: 7, offset: 0 });
		expect(first.sent.slice(2)).toEqual([{ type: 'input', data: btoa('early') }]);
		first.readyState = WebSocket.CLOSING;
		expect(stream.input(new TextEncoder().encode('a'))).toBe(true);
		first.onclose?.({ code: 1006 });
		expect(stream.input(new TextEncoder().encode('b'))).toBe(true);
		expect(stream.input(new Uint8Array(64 * 1024))).toBe(false);
		await vi.advanceTimersByTimeAsync(600);
		const second = await opened();
		second.says({ type: 'started', pid: 7, offset: 0 });
		expect(second.sent.slice(2)).toEqual([
			{ type: 'input', data: btoa('a') },
			{ type: 'input', data: btoa('b') }
		]);
	});

	it('forgets what was typed before the sandbox was put to sleep', async () => {
		let sleeps = false;
		const stream = make({ mayConnect: async () => !sleeps });
		stream.retry();
		const first = await opened();
		first.says({ type: 'started', pid: 7, offset: 0 });
		first.onclose?.({ code: 1006 });
		expect(stream.input(new Uint8Array(1))).toBe(true);
		sleeps = true;
		await vi.advanceTimersByTimeAsync(600);
		expect(is()).toBe('held');
		expect(stream.input(new Uint8Array(1))).toBe(false);
		sleeps = false;
		stream.retry();
		const second = await opened();
		second.says({ type: 'started', pid: 7, offset: 0 });
		expect(second.sent).toHaveLength(2);
	});

	it('takes large input apart', async () => {
		const stream = make();
		stream.retry();
		const socket = await opened();
		socket.says({ type: 'started', pid: 7, offset: 0 });
		expect(stream.input(new Uint8Array(300_000).fill(120))).toBe(true);
		const inputs = socket.sent.slice(2).map((message) => fromBase64(String(message.data)).length);
		expect(inputs).toEqual([131_072, 131_072, 37_856]);
	});

	it('counts text in bytes', async () => {
		make({ start: null, connect: null, path: (offset) => `/stream?offset=${offset}` }).retry();
		const first = await opened();
		expect(first.path).toBe('/stream?offset=0');
		first.says({ type: 'start', pid: 7, offset: 0 });
		first.says({ type: 'stdout', data: 'grün', offset: 0 });
		first.says({ type: 'stderr', data: btoa('\xff'), encoding: 'base64', offset: 5 });
		first.onclose?.({ code: 1011 });
		await vi.advanceTimersByTimeAsync(600);
		expect((await opened()).path).toBe('/stream?offset=6');
	});
});

it('takes bytes to base64 and back', () => {
	const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => at % 256);
	expect(Buffer.compare(fromBase64(toBase64(bytes)), bytes)).toBe(0);
});
