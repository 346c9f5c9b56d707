// What time it is, for all that shows how long ago something was: one timer, which runs while somebody looks.
import { createSubscriber } from 'svelte/reactivity';

const EVERY_MS = 15_000;

const subscribe = createSubscriber((update) => {
	const timer = setInterval(update, EVERY_MS);
	return () => clearInterval(timer);
});

/** Milliseconds since 1970; reactive, to within a quarter of a minute. */
export function now(): number {
	subscribe();
	return Date.now();
}
