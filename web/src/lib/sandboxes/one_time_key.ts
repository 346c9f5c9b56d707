// Keys by which the API knows a request that comes once more.

/** crypto.randomUUID() is only there under https. */
function random(): string {
	return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The same key for the same request, until it had an answer. */
export class OneTimeKey {
	private key = '';
	private request = '';

	of(body: unknown): string {
		const request = JSON.stringify(body);
		if (!this.key || request !== this.request) this.key = random();
		this.request = request;
		return this.key;
	}
	/** It had an answer: the next one is another request. */
	use() {
		this.key = '';
	}
}
