/** Does something every so often, though not while nobody looks at the page, and at once when somebody looks again. The answer
 * ends it. For what the API tells no changes of: asking costs it work, and may wake a sandbox that sleeps. */
export function whileSeen(act: () => unknown, everyMs: number): () => void {
	const seen = () => {
		if (!document.hidden) void act();
	};
	const timer = setInterval(seen, everyMs);
	document.addEventListener('visibilitychange', seen);
	return () => {
		clearInterval(timer);
		document.removeEventListener('visibilitychange', seen);
	};
}
