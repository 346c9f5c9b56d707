import { describe, expect, it } from 'vitest';
import { ApiError } from '$lib/api/errors';
import { bodyOf, labelProblem, newForm, problemOfAnswer, problemsOf, templateChoices } from './create';
import { durationProblem, durationText, parseDuration } from './durations';
import { labelChanges } from './labels';
import { OneTimeKey } from './one_time_key';
import { cli, curl, javascript, python, shellWord } from './snippets';

describe('times', () => {
	it('are read as the command line does', () => {
		const read = ['90', '90s', '15m', '1h', '7d', ' 2 H ', 'never', '0', '1.5h', '-1', 'soon', '', '1w'].map(parseDuration);
		expect(read).toEqual([90, 90, 900, 3600, 604_800, 7200, 0, 0, null, null, null, null, null]);
	});
	it('are written so that they are read again', () => {
		for (const seconds of [0, 1, 59, 60, 90, 3600, 5400, 86_400, 604_800]) expect(parseDuration(durationText(seconds))).toBe(seconds);
		expect([durationText(90), durationText(7200), durationText(0)]).toEqual(['90s', '2h', 'never']);
	});
	it('have limits', () => {
		expect([durationProblem('', 60), durationProblem('1m', 60)]).toEqual([null, null]);
		expect(durationProblem('61s', 60)).toContain('At most 1m');
		expect(durationProblem('soon', 60)).toContain('15m');
	});
});

describe('the form of a new sandbox', () => {
	it('asks for nothing that is as usual', () => {
		expect(bodyOf(newForm(), true)).toEqual({});
	});
	it('asks for all that is not', () => {
		const form = { ...newForm('web@3'), vcpus: 2, memory: 1024, disk: 8192, timeout: '15m', lifetime: '7d', onTimeout: 'kill' as const, autoResume: false, labels: [{ name: 'user', value: 'ann' }, { name: '', value: '' }] };
		const rest = { template: 'web@3', timeout_sec: 900, max_lifetime_sec: 604_800, on_timeout: 'kill', auto_resume: false, labels: { user: 'ann' } };
		expect(bodyOf(form, true)).toEqual({ vcpus: 2, memory_mb: 1024, disk_mb: 8192, ...rest });
		expect(bodyOf(form, false)).toEqual(rest);
		expect(bodyOf({ ...newForm(), noInternet: true }, true)).toEqual({ network: { allow_internet_access: false } });
	});
	it('says what is wrong with each field', () => {
		const form = { ...newForm(''), vcpus: 33, memory: null, disk: 5120.5, timeout: '8d', lifetime: 'x', labels: [{ name: 'a', value: '' }, { name: 'a', value: 'b' }] };
		expect(Object.keys(problemsOf(form, true)).sort()).toEqual(['disk', 'labels', 'lifetime', 'memory', 'template', 'timeout', 'vcpus']);
		expect(problemsOf({ ...newForm(), vcpus: 99 }, false)).toEqual({});
	});
	it('knows what labels may be', () => {
		const problem = (name: string, value = '') => labelProblem([{ name, value }]);
		for (const good of ['a', 'user.name', 'ä ö', 'x'.repeat(128)]) expect(problem(good)).toBeNull();
		for (const bad of ['a=b', 'a\nb', 'x'.repeat(129), 'ä'.repeat(65)]) expect(problem(bad), bad).not.toBeNull();
		expect(problem('', 'b')).toContain('needs a name');
		expect(problem('a', 'x'.repeat(1025))).toContain('1024');
		expect(labelProblem(Array.from({ length: 65 }, (_, index) => ({ name: `l${index}`, value: '' })))).toContain('64');
	});
	it('finds the field that a refusal is about', () => {
		const refusal = (message: string, code = 'invalid_request', status = 400) => problemOfAnswer(new ApiError(code, message, status));
		expect(refusal('memory_mb must be a whole number from 128 to 65536')).toEqual({ memory: 'Memory_mb must be a whole number from 128 to 65536.' });
		expect(refusal("labels: a name has 1 to 128 bytes, and neither '=' nor control characters")).toHaveProperty('labels');
		expect(refusal("there is no template 'x'", 'not_found', 404)).toHaveProperty('template');
		expect(refusal('the team may have 2 sandboxes', 'quota_exceeded', 429)).toBeNull();
		expect(refusal('the body is not valid JSON')).toBeNull();
	});
});

describe('templates to choose from', () => {
	const snapshot = (version: number, tags: string[]) => ({ name: 'web', type: 'snapshot' as const, vcpus: 2, memory_mb: 1024, disk_mb: 5120, created_at: '2026-01-01T00:00:00Z', sandbox_id: 'cl-1', size_bytes: 1, version, tags, platform: false as const });
	it('are images, and snapshots with a size of their own', () => {
		const choices = templateChoices([snapshot(2, ['latest', 'next']), snapshot(1, []), { name: 'minimal', type: 'base', size_bytes: 2 ** 30, platform: true }]);
		expect(choices.map((one) => [one.value, one.size?.vcpus ?? null])).toEqual([['minimal', null], ['web', 2], ['web@1', 2]]);
		expect(choices[1]!.detail).toBe('Snapshot · version 2 · next · 2 vCPU, 1 GiB memory');
	});
});

describe('the same by a program', () => {
	const body = { template: 'web', vcpus: 2, timeout_sec: 900, auto_resume: false, labels: { user: "O'Hara $HOME" } };
	it('is one word to a shell each', () => {
		expect([shellWord('a-b=c'), shellWord("it's"), shellWord('')]).toEqual(['a-b=c', "'it'\\''s'", "''"]);
	});
	it('is a command', () => {
		expect(cli({})).toBe('wrenn sandbox create');
		expect(cli({ network: { allow_internet_access: false } })).toBe('wrenn sandbox create --no-internet');
		expect(cli(body)).toBe("wrenn sandbox create --template web --vcpus 2 --timeout 15m --no-auto-resume --label 'user=O'\\''Hara $HOME'");
	});
	it('is a request whose body is what the form asks for', () => {
		const text = curl(body, 'http://here');
		const word = /-d '(.*)'$/s.exec(text)![1]!.replaceAll("'\\''", "'");
		expect(JSON.parse(word)).toEqual(body);
		expect(text).toContain('"X-API-Key: $WRENN_API_KEY"');
		expect(curl({}, 'http://here')).toContain("-d '{}'");
	});
	it('is JavaScript that says the same', () => {
		const inside = /JSON\.stringify\(([\s\S]*)\),\n}\);/.exec(javascript(body, 'http://here'))![1]!;
		expect(JSON.parse(inside)).toEqual(body);
	});
	it('is Python with its own words', () => {
		expect(python(body, 'http://here')).toContain('{"template": "web", "vcpus": 2, "timeout_sec": 900, "auto_resume": False, "labels": {"user": "O\'Hara $HOME"}}');
	});
});

describe('labels', () => {
	it('are changed by what differs', () => {
		expect(labelChanges({ a: '1', b: '2', c: '3' }, { a: '1', b: '9', d: '4' })).toEqual({ b: '9', c: null, d: '4' });
		expect(labelChanges({ a: '1' }, { a: '1' })).toEqual({});
	});
});

describe('the key of a request', () => {
	it('is the same until there is an answer, or another request', () => {
		const key = new OneTimeKey();
		const first = key.of({ a: 1 });
		expect(first).toMatch(/^[0-9a-f]{32}$/);
		expect(key.of({ a: 1 })).toBe(first);
		expect(key.of({ a: 2 })).not.toBe(first);
		const second = key.of({ a: 2 });
		key.use();
		expect(key.of({ a: 2 })).not.toBe(second);
	});
});
