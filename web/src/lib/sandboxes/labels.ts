// What has to be asked for, so that labels become others.

/** Those that are new or have another value, and null for those that are gone. */
export function labelChanges(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): Record<string, string | null> {
	const changes: Record<string, string | null> = {};
	for (const name of Object.keys(before)) if (!(name in after)) changes[name] = null;
	for (const [name, value] of Object.entries(after)) if (before[name] !== value) changes[name] = value;
	return changes;
}
