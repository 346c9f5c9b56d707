import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { followTeam } from './follow';
import { sandboxNamed } from './test_sandbox';

const fetched = vi.hoisted(() => vi.fn<(path: string, init: RequestInit) => Promise<Response>>());
vi.mock('$lib/api/client', () => ({ authorizedFetch: fetched }));

/** A stream whose other end is in the test's hands. */
function stream() {
	let other!: ReadableStreamDefaultController<Uint8Array>;
	const body = new ReadableStream<Uint8Array>({ start: (controller) => void (other = controller) });
	return { response: new Response(body), say: (text: string) => other.enqueue(new TextEncoder().encode(text)), end: () => other.close() };
}
const soon = () => vi.advanceTimersByTimeAsync(10);

describe('what happens in the team', () => {
	let stop = () => {};
	const followers = () => ({ reload: vi.fn(), onSandbox: vi.fn(), onTemplate: vi.fn(), onState: vi.fn() });
	beforeEach(() => {
		vi.useFakeTimers();
		fetched.mockReset();
	});
	afterEach(() => {
		stop();
		vi.useRealTimers();
	});

	it('is read anew when no change can be missed, and told then', async () => {
		const one = stream();
		fetched.mockResolvedValue(one.response);
		const heard = followers();
		stop = followTeam(heard);
		await soon();
		expect(heard.reload).not.toHaveBeenCalled();
		one.say(`retry: 1000\n\nevent: ready\ndata: {}\n\nevent: sandbox\ndata: ${JSON.stringify(sandboxNamed('cl-1'))}\n\nevent: snapshot\ndata: {"name":"web"}\n\nevent: later\ndata: ?\n\n`);
		await soon();
		expect(heard.reload).toHaveBeenCalledOnce();
		expect(heard.onSandbox).toHaveBeenCalledWith(sandboxNamed('cl-1'));
		expect(heard.onTemplate).toHaveBeenCalledWith('web');
		expect(heard.onState.mock.calls.flat()).toEqual(['connecting', 'live']);
	});

	it('is asked for again after a gap, and read anew', async () => {
		const [first, second] = [stream(), stream()];
		fetched.mockResolvedValueOnce(first.response).mockResolvedValueOnce(second.response);
		const heard = followers();
		stop = followTeam(heard);
		first.say('event: ready\ndata: {}\n\n');
		await soon();
		first.end();
		await soon();
		expect(heard.onState).toHaveBeenLastCalledWith('lost');
		await vi.advanceTimersByTimeAsync(2000);
		second.say('event: ready\ndata: {}\n\n');
		await soon();
		expect(heard.onState).toHaveBeenLastCalledWith('live');
		expect(heard.reload).toHaveBeenCalledTimes(2);
	});

	it('is asked for again after a long silence, which comments are not', async () => {
		const one = stream();
		fetched.mockResolvedValueOnce(one.response).mockResolvedValue(stream().response);
		const heard = followers();
		stop = followTeam(heard);
		one.say('event: ready\ndata: {}\n\n');
		for (let count = 0; count < 4; ++count) {
			await vi.advanceTimersByTimeAsync(15_000);
			one.say(': alive\n\n');
		}
		expect(fetched).toHaveBeenCalledTimes(1);
		await vi.advanceTimersByTimeAsync(45_000);
		expect(heard.onState).toHaveBeenLastCalledWith('lost');
		expect(fetched).toHaveBeenCalledTimes(2);
	});

	it('is asked for from time to time where there are no live updates', async () => {
		fetched.mockImplementation(async () => Response.json({ error: { code: 'not_found', message: 'no such route' } }, { status: 404 }));
		const heard = followers();
		stop = followTeam(heard);
		await soon();
		expect(heard.onState).toHaveBeenLastCalledWith('polled');
		expect(heard.reload).toHaveBeenCalledTimes(1);
		await vi.advanceTimersByTimeAsync(61_000);
		expect(heard.reload).toHaveBeenCalledTimes(3);
		stop();
		await vi.advanceTimersByTimeAsync(61_000);
		expect(heard.reload).toHaveBeenCalledTimes(3);
		expect(fetched).toHaveBeenCalledTimes(1);
	});
});
