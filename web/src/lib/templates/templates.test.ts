import { describe, expect, it } from 'vitest';
import { current, families, images, launchAddress, referenceOf, tagProblem } from './templates';
import type { Template, Version } from './templates';

const version = (name: string, number: number, tags: string[] = []): Version => ({
	name,
	type: 'snapshot',
	vcpus: 1,
	memory_mb: 512,
	disk_mb: 5120,
	created_at: '2026-01-01T00:00:00Z',
	sandbox_id: 'cl-0',
	size_bytes: 1,
	version: number,
	tags,
	platform: false
});
const base: Template = { name: 'minimal', type: 'base', size_bytes: 1, platform: true };

describe('templates', () => {
	it('gathers versions, newest first, and leaves images out', () => {
		const found = families([version('web', 1), base, version('web', 10), version('app', 1), version('web', 2)]);
		expect(found.map((family) => family.name)).toEqual(['app', 'web']);
		expect(found[1]!.versions.map((one) => one.version)).toEqual([10, 2, 1]);
		expect(images([version('web', 1), base])).toEqual([base]);
	});
	it('knows what a name alone means', () => {
		const [web] = families([version('web', 1, ['latest']), version('web', 2, ['next'])]);
		expect(current(web!).version).toBe(1);
		expect(referenceOf(web!, web!.versions[0]!)).toBe('web@2');
		expect(referenceOf(web!, web!.versions[1]!)).toBe('web');
		const [app] = families([version('app', 1), version('app', 2)]);
		expect(current(app!).version).toBe(2);
	});
	it('leads to the dialog', () => {
		expect(launchAddress('web@2')).toBe('/dashboard/sandboxes?create=1&template=web%402');
	});
	it('knows tags that the API refuses', () => {
		expect(tagProblem('v1.2_rc-1')).toBe('');
		for (const bad of ['', '-a', 'a b', 'a'.repeat(65)]) expect(tagProblem(bad)).not.toBe('');
	});
});
