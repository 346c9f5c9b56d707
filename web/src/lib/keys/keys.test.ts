import { describe, expect, it } from 'vitest';
import { SCOPES, expiryDays, isExpired, scopesText, usage } from './keys';
import type { ApiKey } from './keys';

describe('API keys', () => {
	it('names scopes in one order, and all of them by a word', () => {
		expect(scopesText(['templates:read', 'sandboxes:read'])).toBe('sandboxes:read, templates:read');
		expect(scopesText(SCOPES.map((scope) => scope.id))).toBe('Everything');
		expect(scopesText([])).toBe('Everything');
	});
	it('takes days that the API takes', () => {
		expect(expiryDays('never', '')).toBeUndefined();
		expect(expiryDays('30', '')).toBe(30);
		expect(expiryDays('own', 12)).toBe(12);
		for (const bad of ['', '0', '-1', '1.5', '3651', 'x', null]) expect(expiryDays('own', bad)).toBeNull();
	});
	it('knows when one is over', () => {
		const key = { expires_at: '2026-01-01T00:00:00Z' } as ApiKey;
		expect(isExpired(key, Date.parse('2026-01-01T00:00:00Z'))).toBe(true);
		expect(isExpired(key, Date.parse('2025-12-31T23:59:59Z'))).toBe(false);
		expect(isExpired({} as ApiKey, 0)).toBe(false);
	});
	it('says where the key goes', () => {
		for (const one of usage('wrn_0', 'https://wrenn.example.com')) {
			expect(one.code).toContain('wrn_0');
			expect(one.code).toContain('https://wrenn.example.com');
		}
	});
});
