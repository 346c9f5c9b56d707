// Builds of templates: their states, and what they say step by step.
import type { Schemas } from '$lib/api/client';
import { authorizedFetch } from '$lib/api/client';
import { errorOf } from '$lib/api/errors';
import type { Tone } from '$lib/ui/Badge.svelte';

export type Build = Schemas['Build'];
export type LogLine = Extract<Schemas['BuildLogLine'], { number: number }>;

const LOOKS: Record<Build['status'], { tone: Tone; label: string }> = {
	waiting: { tone: 'neutral', label: 'Waiting' },
	building: { tone: 'accent', label: 'Building' },
	ready: { tone: 'ok', label: 'Ready' },
	failed: { tone: 'danger', label: 'Failed' },
	canceled: { tone: 'neutral', label: 'Cancelled' }
};
export const lookOfBuild = (status: Build['status']) => LOOKS[status] ?? { tone: 'neutral' as const, label: status };
export const isOver = (build: Build) => build.status === 'ready' || build.status === 'failed' || build.status === 'canceled';

/** "3 of 7", "7, 5 of them cached". */
export function progress(build: Build): string {
	if (build.steps === 0) return '–';
	if (build.status !== 'ready') return `${build.step} of ${build.steps}`;
	return build.cached_steps > 0 ? `${build.steps}, ${build.cached_steps} cached` : String(build.steps);
}

/** Seconds from its begin to its end, or to now; null before it begins. */
export function secondsOf(build: Build, now: number): number | null {
	if (!build.started_at) return null;
	const end = build.finished_at ? Date.parse(build.finished_at) : now;
	return Math.max(0, (end - Date.parse(build.started_at)) / 1000);
}

export interface Step {
	number: number;
	title: string;
	state: 'running' | 'cached' | 'done' | 'failed';
	lines: LogLine[];
}

const BEFORE = 0;
const AFTER = -1;
const TITLES: Record<number, string> = { [BEFORE]: 'Before the first step', [AFTER]: 'After the last step' };

/** Lines by steps. What is said before the first one and after the last one has no step: its numbers are 0 and -1. */
export function stepsOf(lines: readonly LogLine[]): Step[] {
	const steps: Step[] = [];
	for (const line of lines) {
		const number = line.step === 0 && steps.some((one) => one.number > 0) ? AFTER : line.step;
		let step = steps.find((one) => one.number === number);
		if (!step) {
			step = { number, title: TITLES[number] ?? '', state: number > 0 ? 'running' : 'done', lines: [] };
			steps.push(step);
		}
		if (line.kind === 'step') step.title ||= line.text;
		else if (line.kind === 'cached') {
			step.title ||= line.text;
			step.state = 'cached';
		} else if (line.kind === 'done') step.state = 'done';
		else {
			if (line.kind === 'error') step.state = 'failed';
			step.lines.push(line);
		}
	}
	return steps;
}

/** A line as it is shown. Output has its own ends of lines, and what comes in pieces stays together. */
export function shownText(lines: readonly LogLine[], index: number): string {
	const { kind, text } = lines[index]!;
	const isOutput = kind === 'stdout' || kind === 'stderr';
	const goesOn = isOutput && lines[index + 1]?.kind === kind;
	return goesOn || text.endsWith('\n') ? text : `${text}\n`;
}

/** Takes lines of JSON apart; feed() may get any pieces of them. */
export class LineParser {
	private rest = '';

	feed(text: string): Schemas['BuildLogLine'][] {
		const lines = (this.rest + text).split('\n');
		this.rest = lines.pop() ?? '';
		return lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as Schemas['BuildLogLine']);
	}
}

interface LogListener {
	onLines: (lines: LogLine[]) => void;
	onEnd: (build: Build) => void;
}

/** Follows what a build says after a line, until it is over, the connection ends or the signal comes. Throws ApiError. */
export async function followLog(id: string, after: number, listener: LogListener, signal: AbortSignal): Promise<void> {
	const response = await authorizedFetch(`/v1/builds/${encodeURIComponent(id)}/logs?follow=true&after=${after}`, { signal });
	if (!response.ok || !response.body) throw errorOf(response, await response.json().catch(() => null));
	const parser = new LineParser();
	const decoder = new TextDecoder();
	const reader = response.body.getReader();
	for (;;) {
		const { value, done } = await reader.read();
		if (done) return;
		const lines: LogLine[] = [];
		for (const line of parser.feed(decoder.decode(value, { stream: true }))) {
			if (line.kind === 'end') listener.onEnd(line.build);
			else lines.push(line);
		}
		if (lines.length > 0) listener.onLines(lines);
	}
}
