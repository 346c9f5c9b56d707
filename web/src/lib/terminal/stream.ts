// A process that is followed over a WebSocket, and goes on being followed when the connection is lost: every message says where
// its bytes stand in all that the process has written, so the next connection asks for what comes after the last one.
import { fromBase64, toBase64 } from './bytes';

export type StreamState =
	| { is: 'connecting' }
	| { is: 'open' }
	/** Not connected; it is tried again at that time, in milliseconds since 1970. */
	| { is: 'waiting'; until: number; reason: string }
	/** Not connected, since connecting would wake the sandbox. retry() goes on. */
	| { is: 'held' }
	/** `exitCode` is null when it is not known. */
	| { is: 'ended'; exitCode: number | null; reason: string };

export type Channel = 'terminal' | 'stdout' | 'stderr';
type InputType = 'input' | 'stdin';

export interface StreamPlan {
	/** With the offset in it, where the route takes it there. */
	path: (offset: number | null) => string;
	/** The message that starts the process; null for one that is there already. */
	start: (() => object) | null;
	/** The message that connects to it; null where the path says all. */
	connect: ((offset: number) => object) | null;
	/** Where the first output is wanted from. */
	offset?: number;
	token: () => Promise<string>;
	/** Whether to connect now. What it throws is a reason to try again later. */
	mayConnect: () => Promise<boolean>;
	onOutput: (bytes: Uint8Array, channel: Channel) => void;
	/** So many bytes are not kept any more. */
	onGap?: (bytes: number) => void;
	onStarted?: (pid: number) => void;
	onState: (state: StreamState) => void;
	/** Something was refused, and the connection stays. */
	onNotice?: (text: string) => void;
	/** Makes the socket; the browser's unless given. */
	open?: (path: string) => WebSocket;
}

interface Message {
	type?: string;
	pid?: number;
	offset?: number;
	data?: string;
	encoding?: string;
	code?: string;
	fatal?: boolean;
	exit_code?: number;
	error?: string;
}

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 10_000;
/** The API says something every 30 s. */
const SILENCE_MS = 75_000;
/** Of input in one message; larger ones are taken apart. */
const MOST_INPUT = 128 * 1024;
/** Of input that waits for a connection, in bytes. */
const MOST_HELD = 64 * 1024;
const MOST_REFUSALS = 2;

function browserSocket(path: string): WebSocket {
	return new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`);
}

export class ResumableStream {
	state: StreamState = { is: 'connecting' };
	private socket: WebSocket | null = null;
	/** Of the next byte that is wanted. */
	private next: number;
	private begun = false;
	/** The start was sent, and whether it arrived is not known. */
	private isDoubtful = false;
	private failures = 0;
	private refusals = 0;
	private refusal: Message | null = null;
	/** Typed since the connection was lost. */
	private held: { bytes: Uint8Array; type: InputType }[] = [];
	private timer: ReturnType<typeof setTimeout> | undefined;
	private watchdog: ReturnType<typeof setTimeout> | undefined;
	private attempt = 0;

	constructor(private readonly plan: StreamPlan) {
		this.next = plan.offset ?? 0;
		this.begun = plan.start === null;
	}

	/** Connects, or does so at once instead of waiting. */
	retry() {
		if (this.state.is === 'ended' || this.socket) return;
		void this.connect();
	}

	/** Leaves it; the process goes on. */
	close() {
		++this.attempt;
		clearTimeout(this.timer);
		clearTimeout(this.watchdog);
		this.drop();
		if (this.state.is !== 'ended') this.state = { is: 'ended', exitCode: null, reason: '' };
	}

	/** Sends it, or does so once there is a connection again. False when it is dropped: the process has ended, connecting would wake
	 * the sandbox, or too much waits. */
	input(bytes: Uint8Array, type: InputType = 'input'): boolean {
		if (this.state.is === 'held' || this.state.is === 'ended') return false;
		if (this.state.is !== 'open' || this.socket?.readyState !== WebSocket.OPEN) return this.hold(bytes, type);
		for (let at = 0; at < bytes.length; at += MOST_INPUT) {
			this.send({ type, data: toBase64(bytes.subarray(at, at + MOST_INPUT)) });
		}
		return true;
	}

	private hold(bytes: Uint8Array, type: InputType): boolean {
		const waiting = this.held.reduce((sum, one) => sum + one.bytes.length, 0);
		if (waiting + bytes.length > MOST_HELD) return false;
		this.held.push({ bytes, type });
		return true;
	}

	send(message: object) {
		if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
	}

	private set(state: StreamState) {
		this.state = state;
		if (state.is === 'held' || state.is === 'ended') this.held = [];
		this.plan.onState(state);
	}

	private async connect() {
		const mine = ++this.attempt;
		clearTimeout(this.timer);
		this.set({ is: 'connecting' });
		let token: string;
		try {
			const may = await this.plan.mayConnect();
			if (mine !== this.attempt) return;
			if (!may) return this.set({ is: 'held' });
			token = await this.plan.token();
		} catch (thrown) {
			if (mine === this.attempt) this.wait(thrown instanceof Error ? thrown.message : String(thrown));
			return;
		}
		if (mine !== this.attempt) return;
		const socket = (this.plan.open ?? browserSocket)(this.plan.path(this.begun ? this.next : null));
		this.socket = socket;
		this.refusal = null;
		socket.onopen = () => {
			this.send({ type: 'auth', token });
			const first = this.firstMessage();
			if (first) this.send(first);
			this.listen();
		};
		socket.onmessage = (event) => {
			this.listen();
			this.take(JSON.parse(String(event.data)) as Message);
		};
		socket.onclose = (event) => this.closed(event.code);
	}

	private firstMessage(): object | null {
		if (!this.begun && !this.isDoubtful && this.plan.start) {
			this.isDoubtful = true;
			return this.plan.start();
		}
		return this.plan.connect?.(this.next) ?? null;
	}

	/** A connection that says nothing for long is none. */
	private listen() {
		clearTimeout(this.watchdog);
		this.watchdog = setTimeout(() => {
			this.drop();
			this.wait('the connection went silent');
		}, SILENCE_MS);
	}

	private take(message: Message) {
		switch (message.type) {
			case 'started':
			case 'start':
				this.begun = true;
				this.isDoubtful = false;
				this.failures = 0;
				this.refusals = 0;
				this.set({ is: 'open' });
				this.plan.onStarted?.(message.pid ?? 0);
				for (const { bytes, type } of this.held.splice(0)) this.input(bytes, type);
				break;
			case 'output':
				this.output(fromBase64(message.data ?? ''), message.offset, 'terminal');
				break;
			case 'stdout':
			case 'stderr': {
				const text = message.data ?? '';
				this.output(message.encoding === 'base64' ? fromBase64(text) : new TextEncoder().encode(text), message.offset, message.type);
				break;
			}
			case 'exit':
				this.end(message.exit_code ?? null, message.error ?? '');
				break;
			case 'error':
				if (message.fatal) this.refusal = message;
				else this.plan.onNotice?.(message.data ?? '');
		}
	}

	private output(bytes: Uint8Array, offset: number | undefined, channel: Channel) {
		const from = offset ?? this.next;
		if (from > this.next) this.plan.onGap?.(from - this.next);
		const known = Math.max(0, this.next - from);
		this.next = Math.max(this.next, from + bytes.length);
		if (known < bytes.length) this.plan.onOutput(known > 0 ? bytes.subarray(known) : bytes, channel);
	}

	private closed(code: number) {
		if (this.state.is === 'ended') return;
		this.drop();
		const refused = this.refusal;
		const reason = refused?.data ?? '';
		if (refused?.code === 'not_found' && this.isDoubtful) {
			// The start never arrived.
			this.isDoubtful = false;
			return this.wait(reason);
		}
		if (refused?.code === 'unauthorized' && ++this.refusals <= MOST_REFUSALS) return this.wait(reason);
		if (code === 1008 && refused?.code !== 'invalid_state') {
			return this.end(null, refused?.code === 'not_found' && this.begun ? 'it has ended meanwhile' : reason || 'the connection was refused');
		}
		this.wait(reason || 'the connection was lost');
	}

	private wait(reason: string) {
		const ms = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failures++) * (0.75 + Math.random() / 2);
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.retry(), ms);
		this.set({ is: 'waiting', until: Date.now() + ms, reason });
	}

	private end(exitCode: number | null, reason: string) {
		this.drop();
		this.set({ is: 'ended', exitCode, reason });
	}

	private drop() {
		clearTimeout(this.watchdog);
		const socket = this.socket;
		this.socket = null;
		if (!socket) return;
		socket.onopen = socket.onmessage = socket.onclose = null;
		socket.close();
	}
}
