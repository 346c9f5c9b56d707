import { describe, expect, it } from 'vitest';
import { ApiError } from '$lib/api/errors';
import { covers, entriesOf, fateOf, formOf, isSame, networkOf, problemsIn, summaryOf } from './network';

const open = { allow_internet_access: true, allow_out: [], deny_out: [] };
const closed = { allow_internet_access: false, allow_out: ['8.8.8.8', '9.0.0.0/8'], deny_out: [] };
const denial = (address: string, can_be_allowed = true) => ({ address, protocol: 'tcp', port: 443, packets: 1, last_at: '2026-01-01T00:00:00Z', can_be_allowed });

describe('the form of a network', () => {
	it('is what the API has, and back', () => {
		for (const network of [open, closed]) expect(networkOf(formOf(network))).toEqual(network);
		expect(formOf(closed).allow).toBe('8.8.8.8\n9.0.0.0/8');
	});
	it('takes entries as people part them', () => {
		expect(entriesOf(' 8.8.8.8,9.0.0.0/8\r\n\n 1.1.1.1;8.8.8.8 ')).toEqual(['8.8.8.8', '9.0.0.0/8', '1.1.1.1']);
		expect(entriesOf(' \n')).toEqual([]);
	});
	it('knows when nothing was changed', () => {
		expect(isSame(open, { ...open })).toBe(true);
		expect(isSame(open, { ...open, deny_out: ['8.8.8.8'] })).toBe(false);
		expect(isSame(open, { ...open, allow_internet_access: false })).toBe(false);
	});
	it('finds the list that a refusal is about', () => {
		const refusal = (message: string, code = 'invalid_request', status = 400) => problemsIn(new ApiError(code, message, status));
		expect(refusal("allow_out: 'a.example' is a name; write an address")).toEqual({ allow: "'a.example' is a name; write an address." });
		expect(refusal('deny_out must not have more than 256 entries')).toEqual({ deny: 'It must not have more than 256 entries.' });
		expect(refusal('the body is not valid JSON')).toBeNull();
		expect(refusal('allow_out: x', 'host_unavailable', 503)).toBeNull();
	});
});

describe('blocks', () => {
	it('cover the addresses in them', () => {
		expect(covers(['8.8.8.8'], '8.8.8.8')).toBe(true);
		expect(covers(['8.8.8.8'], '8.8.8.9')).toBe(false);
		expect(covers(['1.1.1.1', '9.128.0.0/9'], '9.255.255.255')).toBe(true);
		expect(covers(['9.128.0.0/9'], '9.127.255.255')).toBe(false);
		expect(covers(['0.0.0.0/0'], '255.255.255.255')).toBe(true);
		expect(covers([], '8.8.8.8')).toBe(false);
		expect(covers(['0.0.0.0/0'], '::1')).toBe(false);
	});
});

describe('what was refused', () => {
	it('may be allowed since, or never be', () => {
		expect(fateOf(denial('203.0.113.7'), closed)).toBe('refused');
		expect(fateOf(denial('9.1.2.3'), closed)).toBe('allowed');
		expect(fateOf(denial('203.0.113.7'), open)).toBe('allowed');
		expect(fateOf(denial('203.0.113.7'), { ...open, deny_out: ['203.0.113.0/24'] })).toBe('refused');
		expect(fateOf(denial('203.0.113.7'), { ...open, allow_out: ['203.0.113.7'], deny_out: ['203.0.113.0/24'] })).toBe('allowed');
		expect(fateOf(denial('10.0.0.1', false), { ...open, allow_out: ['0.0.0.0/0'] })).toBe('never');
	});
});

describe('a network in a few words', () => {
	it('says what is unusual', () => {
		expect(summaryOf(open)).toBe('internet access');
		expect(summaryOf(closed)).toBe('no internet access, 2 allowed');
		expect(summaryOf({ ...open, deny_out: ['8.8.8.8'] })).toBe('internet access, 1 denied');
	});
});
