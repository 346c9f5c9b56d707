import { expect, it } from 'vitest';
import { formOf, quotaOf } from './quota';

it('reads quotas as they were shown', () => {
	const quota = { sandboxes: 5, vcpus: null, memory_mb: 0, disk_mb: null, creates_per_minute: 60 };
	expect(quotaOf(formOf(quota))).toEqual(quota);
	expect(quotaOf(formOf(null))).toEqual({ sandboxes: null, vcpus: null, memory_mb: null, disk_mb: null, creates_per_minute: null });
});
it('refuses what is no whole number', () => {
	for (const bad of ['x', '-1', 1.5]) expect(quotaOf({ ...formOf(null), vcpus: bad })).toBeNull();
});
