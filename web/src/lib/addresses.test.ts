import { describe, expect, it } from 'vitest';
import { loginAddress, nextAddress } from './addresses';

const at = (path: string) => new URL(path, 'http://wrenn.test');

describe('the way to the login page and back', () => {
	it('leads back to the page', () => {
		const login = loginAddress(at('/dashboard/sandboxes/cl-1?tab=terminal'));
		expect(nextAddress(at(login))).toBe('/dashboard/sandboxes/cl-1?tab=terminal');
	});
	it('is short for the first page', () => {
		expect(loginAddress(at('/dashboard/sandboxes'))).toBe('/login');
		expect(nextAddress(at('/login'))).toBe('/dashboard/sandboxes');
	});
	it.each(['https://evil.test/dashboard', '//evil.test/dashboard', '/dashboard\\@evil', '/v1/capsules', 'javascript:alert(1)', '/dashboardx'])(
		'never leads to %s',
		(next) => {
			expect(nextAddress(at(`/login?next=${encodeURIComponent(next)}`))).toBe('/dashboard/sandboxes');
		}
	);
});
