import { describe as group, expect, it } from 'vitest';
import { asApiError, describe, errorOf } from './errors';

const answer = (status: number, headers: Record<string, string> = {}) => new Response(null, { status, headers });

group('an error', () => {
	it('has the words of the API', () => {
		const error = errorOf(answer(409, { 'x-request-id': 'req-1' }), { error: { code: 'conflict', message: 'it exists already' } });
		expect([error.code, error.message, error.status, error.requestId]).toEqual(['conflict', 'it exists already', 409, 'req-1']);
		expect(describe(error)).toBe('It exists already.');
	});
	it('says when to try again', () => {
		const error = errorOf(answer(429, { 'retry-after': '7' }), { error: { code: 'too_many', message: 'too many mails' } });
		expect(describe(error)).toBe('Too many mails. Try again in 7 s.');
	});
	it('has words without a body, too', () => {
		const error = errorOf(answer(502, { 'x-request-id': 'req-2' }), null);
		expect(error.message).toContain('502');
		expect(error.remedy).toContain('req-2');
	});
	it('knows when there was no answer', () => {
		expect(asApiError(new TypeError('Failed to fetch')).code).toBe('unreachable');
	});
	it('shows defects as such', () => {
		expect(asApiError(new RangeError('bad')).message).toBe('bad');
	});
});
