import { describe, expect, it } from 'vitest';
import { LineParser, isOver, progress, secondsOf, shownText, stepsOf } from './builds';
import type { Build, LogLine } from './builds';

const build: Build = { id: 'b', name: 'web', tag: 'latest', status: 'building', step: 2, steps: 4, cached_steps: 1, created_at: '2026-01-01T00:00:00Z' };
const line = (number: number, step: number, kind: LogLine['kind'], text: string): LogLine => ({ number, at: '2026-01-01T00:00:00Z', step, kind, text });

describe('builds', () => {
	it('says how far one is', () => {
		expect(progress(build)).toBe('2 of 4');
		expect(progress({ ...build, status: 'ready' })).toBe('4, 1 cached');
		expect(progress({ ...build, status: 'ready', cached_steps: 0 })).toBe('4');
		expect(progress({ ...build, steps: 0 })).toBe('–');
		expect(isOver(build)).toBe(false);
		expect(isOver({ ...build, status: 'canceled' })).toBe(true);
	});
	it('says how long it takes', () => {
		expect(secondsOf(build, 0)).toBeNull();
		const begun = { ...build, started_at: '2026-01-01T00:00:01Z' };
		expect(secondsOf(begun, Date.parse('2026-01-01T00:00:31Z'))).toBe(30);
		expect(secondsOf({ ...begun, finished_at: '2026-01-01T00:00:03Z' }, 0)).toBe(2);
	});
	it('sorts what is said by steps', () => {
		const steps = stepsOf([line(1, 0, 'notice', 'begins'), line(2, 1, 'cached', 'RUN a'), line(3, 2, 'step', 'RUN b'), line(4, 2, 'stdout', 'hi'), line(5, 2, 'error', 'no')]);
		expect(steps.map((step) => [step.number, step.title, step.state, step.lines.length])).toEqual([
			[0, 'Before the first step', 'done', 1],
			[1, 'RUN a', 'cached', 0],
			[2, 'RUN b', 'failed', 2]
		]);
		expect(stepsOf([line(1, 1, 'step', 'RUN a'), line(2, 1, 'done', '')])[0]!.state).toBe('done');
		expect(stepsOf([line(1, 0, 'notice', 'begins'), line(2, 1, 'step', 'RUN a'), line(3, 0, 'notice', 'made')]).map((step) => [step.number, step.title])).toEqual([
			[0, 'Before the first step'],
			[1, 'RUN a'],
			[-1, 'After the last step']
		]);
	});
	it('ends each line once', () => {
		const lines = [line(1, 1, 'stdout', 'a pi'), line(2, 1, 'stdout', 'ece\n'), line(3, 1, 'stdout', 'no end'), line(4, 1, 'error', 'it failed')];
		expect(lines.map((_, index) => shownText(lines, index)).join('')).toBe('a piece\nno end\nit failed\n');
	});
	it('takes pieces of lines', () => {
		const parser = new LineParser();
		expect(parser.feed('{"number":1,"kind":"std')).toEqual([]);
		expect(parser.feed('out"}\n\n{"kind":"end"}\n')).toEqual([{ number: 1, kind: 'stdout' }, { kind: 'end' }]);
	});
});
