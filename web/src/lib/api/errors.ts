// What went wrong, in words for people: every failure that reaches a page is one of these.

/** A refusal by the API, or the want of an answer from it. */
export class ApiError extends Error {
	override readonly name = 'ApiError';
	constructor(
		/** As in docs/api.md; `unreachable` when there was no answer at all. */
		readonly code: string,
		/** What happened. */
		message: string,
		/** Of the answer; 0 when there was none. */
		readonly status: number,
		/** What to do, where that is not in the message already. */
		readonly remedy = '',
		/** Under which the logs have more. */
		readonly requestId = '',
		/** After how many seconds asking again may help. */
		readonly retryAfter: number | null = null
	) {
		super(message);
	}
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null;
}

const text = (value: unknown) => (typeof value === 'string' ? value : '');

/** Of an answer that is none of success. `body` is what it had, parsed where that went. */
export function errorOf(response: Response, body: unknown): ApiError {
	const requestId = response.headers.get('x-request-id') ?? '';
	const after = Number(response.headers.get('retry-after') ?? Number.NaN);
	const retryAfter = Number.isFinite(after) ? after : null;
	const told = isRecord(body) && isRecord(body.error) ? body.error : {};
	const code = text(told.code) || 'internal_error';
	const message = text(told.message) || `the control plane answered ${response.status} ${response.statusText}`.trim();
	let remedy = text(told.remedy);
	if (!remedy && retryAfter !== null) remedy = `try again in ${retryAfter} s`;
	if (!remedy && response.status >= 500 && requestId) remedy = `the control plane's log has more under ${requestId}`;
	return new ApiError(code, message, response.status, remedy, requestId, retryAfter);
}

/** Of whatever was thrown. */
export function asApiError(thrown: unknown): ApiError {
	if (thrown instanceof ApiError) return thrown;
	// What fetch throws when there is no answer.
	if (thrown instanceof TypeError && /fetch|network|load failed/i.test(thrown.message)) return unreachable();
	const message = thrown instanceof Error ? thrown.message : String(thrown);
	return new ApiError('internal_error', message, 0, 'reload the page; if it happens again, please report it');
}

export function unreachable(): ApiError {
	return new ApiError('unreachable', 'the control plane does not answer', 0, 'check the connection, and that wrenn-cp runs; then try again');
}

/** A sentence: first letter large, a full stop at the end. */
export function sentence(words: string): string {
	const trimmed = words.trim();
	if (!trimmed) return '';
	const begun = trimmed[0]!.toUpperCase() + trimmed.slice(1);
	return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** All of it in a line or two: for toasts and below fields. */
export function describe(thrown: unknown): string {
	const error = asApiError(thrown);
	return [sentence(error.message), sentence(error.remedy)].filter(Boolean).join(' ');
}
