// Templates as the page shows them: a row for each name, with its versions behind it.
import type { Schemas } from '$lib/api/client';

export type Template = Schemas['Template'];
export type Version = Schemas['SnapshotTemplate'];
export type Image = Schemas['BaseTemplate'];

export interface Family {
	name: string;
	/** Newest first. */
	versions: Version[];
}

/** By name, in order; images of the hosts are not among them. */
export function families(templates: readonly Template[]): Family[] {
	const byName = new Map<string, Version[]>();
	for (const template of templates) {
		if (template.type === 'snapshot') byName.set(template.name, [...(byName.get(template.name) ?? []), template]);
	}
	return [...byName]
		.map(([name, versions]) => ({ name, versions: versions.sort((a, b) => b.version - a.version) }))
		.sort((a, b) => a.name.localeCompare(b.name));
}

export function images(templates: readonly Template[]): Image[] {
	return templates.filter((template) => template.type === 'base').sort((a, b) => a.name.localeCompare(b.name));
}

/** What `NAME` means: the version that `latest` points to, or the newest. */
export function current(family: Family): Version {
	return family.versions.find((version) => version.tags.includes('latest')) ?? family.versions[0]!;
}

/** Where a sandbox is made from it. */
export function launchAddress(reference: string): string {
	return `/dashboard/sandboxes?${new URLSearchParams({ create: '1', template: reference })}`;
}

/** `NAME` for what it means, `NAME@VERSION` for others. */
export function referenceOf(family: Family, version: Version): string {
	return version.tags.includes('latest') ? family.name : `${family.name}@${version.version}`;
}

/** What is wrong with a tag before it is sent. */
export function tagProblem(tag: string): string {
	if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(tag)) return '';
	return 'Use up to 64 letters, digits, and . _ - after the first.';
}
