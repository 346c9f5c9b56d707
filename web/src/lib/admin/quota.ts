// Quotas as an administrator types them.
import type { Schemas } from '$lib/api/client';

export type Quota = Schemas['Quota'];
export type QuotaForm = Record<keyof Quota, string | number | null>;
export const QUOTA_FIELDS: readonly { id: keyof Quota; label: string }[] = [
	{ id: 'sandboxes', label: 'Sandboxes' },
	{ id: 'vcpus', label: 'vCPUs' },
	{ id: 'memory_mb', label: 'Memory, MiB' },
	{ id: 'disk_mb', label: 'Disk, MiB' },
	{ id: 'creates_per_minute', label: 'Creations in a minute' }
];

export function formOf(quota: Quota | null): QuotaForm {
	return Object.fromEntries(QUOTA_FIELDS.map(({ id }) => [id, quota?.[id] ?? ''])) as QuotaForm;
}

/** Empty fields are no limit. Null when a field is no whole number. */
export function quotaOf(form: QuotaForm): Quota | null {
	const quota = {} as Quota;
	for (const { id } of QUOTA_FIELDS) {
		const typed = form[id];
		if (typed === '' || typed === null) {
			quota[id] = null;
			continue;
		}
		const value = Number(typed);
		if (!Number.isInteger(value) || value < 0 || value > 1_099_511_627_776) return null;
		quota[id] = value;
	}
	return quota;
}
