import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { whileSeen } from './while_seen';

let hidden = false;
function look(isSeen: boolean) {
	hidden = !isSeen;
	document.dispatchEvent(new Event('visibilitychange'));
}

beforeEach(() => {
	hidden = false;
	vi.useFakeTimers();
	vi.spyOn(document, 'hidden', 'get').mockImplementation(() => hidden);
});
afterEach(() => {
	vi.useRealTimers();
	vi.restoreAllMocks();
});

it('acts while the page is seen, at once when it is seen again, and not after its end', () => {
	const act = vi.fn();
	const end = whileSeen(act, 1000);
	expect(act).not.toHaveBeenCalled();
	vi.advanceTimersByTime(2500);
	expect(act).toHaveBeenCalledTimes(2);
	look(false);
	vi.advanceTimersByTime(10_000);
	expect(act).toHaveBeenCalledTimes(2);
	look(true);
	expect(act).toHaveBeenCalledTimes(3);
	end();
	look(true);
	vi.advanceTimersByTime(10_000);
	expect(act).toHaveBeenCalledTimes(3);
});
