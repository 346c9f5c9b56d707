// What API keys may do, for how long, and how they are used.
import type { Schemas } from '$lib/api/client';

export type ApiKey = Schemas['ApiKey'];
export type Scope = Schemas['Scope'];

export const SCOPES: readonly { id: Scope; label: string; hint: string }[] = [
	{ id: 'sandboxes:read', label: 'sandboxes:read', hint: 'List sandboxes, read what they use.' },
	{ id: 'sandboxes:write', label: 'sandboxes:write', hint: 'Create and change them, run commands, change files.' },
	{ id: 'templates:read', label: 'templates:read', hint: 'List templates and builds.' },
	{ id: 'templates:write', label: 'templates:write', hint: 'Build, tag and delete templates.' },
	{ id: 'hosts:read', label: 'hosts:read', hint: 'List hosts.' },
	{ id: 'hosts:write', label: 'hosts:write', hint: 'Add, drain and remove hosts.' }
];

export const EXPIRIES: readonly { value: string; label: string }[] = [
	{ value: '7', label: 'In 7 days' },
	{ value: '30', label: 'In 30 days' },
	{ value: '90', label: 'In 90 days' },
	{ value: '365', label: 'In a year' },
	{ value: 'own', label: 'After days of your choice…' },
	{ value: 'never', label: 'Never' }
];

export const isAll = (scopes: readonly Scope[]) => scopes.length === 0 || SCOPES.every((scope) => scopes.includes(scope.id));

/** "Everything", or the scopes in the order of the list. */
export function scopesText(scopes: readonly Scope[]): string {
	if (isAll(scopes)) return 'Everything';
	return SCOPES.filter((scope) => scopes.includes(scope.id))
		.map((scope) => scope.id)
		.join(', ');
}

/** In how many days; undefined: never, null: the days are no good. */
export function expiryDays(choice: string, days: string | number | null): number | undefined | null {
	if (choice === 'never') return undefined;
	const number = Number(choice === 'own' ? days : choice);
	return Number.isInteger(number) && number >= 1 && number <= 3650 ? number : null;
}

export function isExpired(key: ApiKey, now: number): boolean {
	return !!key.expires_at && Date.parse(key.expires_at) <= now;
}

/** How the key is used from now on. */
export function usage(key: string, origin: string): { id: 'cli' | 'curl' | 'python'; label: string; code: string }[] {
	return [
		{ id: 'cli', label: 'CLI', code: `export WRENN_API_URL=${origin}\nexport WRENN_API_KEY=${key}\nwrenn sandbox ls` },
		{ id: 'curl', label: 'curl', code: `curl ${origin}/v1/capsules -H "X-API-Key: ${key}"` },
		{
			id: 'python',
			label: 'Python',
			code: `import json, urllib.request\n\nrequest = urllib.request.Request("${origin}/v1/capsules", headers={"X-API-Key": "${key}"})\nprint(json.load(urllib.request.urlopen(request)))`
		}
	];
}
