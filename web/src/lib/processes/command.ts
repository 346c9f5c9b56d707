// A command that somebody typed, and what it wrote.
import { authorizedFetch } from '$lib/api/client';
import { ApiError, errorOf } from '$lib/api/errors';
import { fromBase64 } from '$lib/terminal/bytes';

export type Piece = { from: 'stdout' | 'stderr'; text: string };
export interface Outcome {
	exitCode: number;
	ms: number;
	/** Where it did not end by itself. */
	error: string;
}

interface Line {
	type?: string;
	data?: string;
	exit_code?: number;
	duration_ms?: number;
	error?: string;
	code?: string;
	message?: string;
}

/** Lines out of a stream that comes in any pieces. */
export class LineParser {
	private rest = '';
	feed(text: string): string[] {
		const lines = (this.rest + text).split('\n');
		this.rest = lines.pop() ?? '';
		return lines.filter((line) => line !== '');
	}
}

/** Text of both outputs; a character may come in two pieces. */
export class Decoder {
	private decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
	take(bytes: Uint8Array, from: Piece['from']): Piece {
		return { from, text: this.decoders[from].decode(bytes, { stream: true }) };
	}
}

export const MOST_SHOWN = 512 * 1024;

/** What is shown when a piece comes: of very much output the end. */
export function append(pieces: readonly Piece[], piece: Piece): Piece[] {
	const next = [...pieces];
	const last = next.at(-1);
	if (last?.from === piece.from) next[next.length - 1] = { from: piece.from, text: last.text + piece.text };
	else next.push(piece);
	let length = next.reduce((all, one) => all + one.text.length, 0);
	while (length > MOST_SHOWN && next.length > 0) {
		const first = next[0]!;
		const over = length - MOST_SHOWN;
		if (first.text.length <= over) next.shift();
		else next[0] = { from: first.from, text: first.text.slice(over) };
		length -= Math.min(over, first.text.length);
	}
	return next;
}

export interface Run {
	command: string;
	user: string;
	cwd: string;
	timeoutSec: number;
}

/** Runs it by /bin/sh, and tells what it writes as it writes it. Aborting kills it. Throws ApiError. */
export async function runCommand(id: string, run: Run, onPiece: (piece: Piece) => void, signal: AbortSignal): Promise<Outcome> {
	const response = await authorizedFetch(`/v1/capsules/${encodeURIComponent(id)}/exec`, {
		method: 'POST',
		headers: { 'Content-Type': 'application/json', Accept: 'application/x-ndjson' },
		body: JSON.stringify({ cmd: '/bin/sh', args: ['-c', run.command], user: run.user, cwd: run.cwd || undefined, timeout_sec: run.timeoutSec }),
		signal
	});
	if (!response.ok || !response.body) throw errorOf(response, await response.json().catch(() => null));
	const reader = response.body.getReader();
	const utf8 = new TextDecoder();
	const lines = new LineParser();
	const decoder = new Decoder();
	for (;;) {
		const { value, done } = await reader.read();
		if (done) throw new ApiError('unreachable', 'the connection was lost, and with it the command', 0, 'run it again');
		for (const text of lines.feed(utf8.decode(value, { stream: true }))) {
			const line = JSON.parse(text) as Line;
			if (line.type === 'stdout' || line.type === 'stderr') onPiece(decoder.take(fromBase64(line.data ?? ''), line.type));
			if (line.type === 'exit') return { exitCode: line.exit_code ?? 0, ms: line.duration_ms ?? 0, error: line.error ?? '' };
			if (line.type === 'error') throw new ApiError(line.code ?? 'internal_error', line.message ?? 'the command failed', 0);
		}
	}
}
