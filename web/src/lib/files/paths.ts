// Paths in a sandbox. All of them are absolute here, without a slash at the end but for the root.

/** Without `.`, `..` and double slashes; '' is the root. */
export function normalize(path: string): string {
	const parts: string[] = [];
	for (const part of path.split('/')) {
		if (part === '' || part === '.') continue;
		if (part === '..') parts.pop();
		else parts.push(part);
	}
	return `/${parts.join('/')}`;
}

export const join = (folder: string, name: string) => normalize(`${folder}/${name}`);
export const parentOf = (path: string) => normalize(`${path}/..`);
export const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1) || '/';

export interface Crumb {
	name: string;
	path: string;
}

/** The root, and each folder on the way. */
export function crumbsOf(path: string): Crumb[] {
	const crumbs: Crumb[] = [{ name: '/', path: '/' }];
	for (const name of normalize(path).split('/').filter(Boolean)) {
		crumbs.push({ name, path: join(crumbs.at(-1)!.path, name) });
	}
	return crumbs;
}

/** What somebody typed, seen from the folder they are in; `~` is the user's home. */
export function resolve(typed: string, from: string, home: string): string {
	const path = typed.trim();
	if (path === '~' || path.startsWith('~/')) return normalize(home + path.slice(1));
	return normalize(path.startsWith('/') ? path : `${from}/${path}`);
}

const MOST_NAME_BYTES = 255;

/** What is wrong with a name for a file, and what to do; null when nothing is. */
export function problemOfName(name: string, taken: ReadonlySet<string> = new Set()): string | null {
	if (name.trim() === '') return 'Give it a name.';
	if (name === '.' || name === '..') return '“.” and “..” mean folders already; take another name.';
	if (name.includes('/')) return 'A name has no “/” in it; open the folder first.';
	if (name.includes('\0')) return 'A name has no zero byte in it.';
	if (new TextEncoder().encode(name).length > MOST_NAME_BYTES) return 'A name has 255 bytes at most; make it shorter.';
	if (taken.has(name)) return 'There is something of this name already; take another one.';
	return null;
}

/** Whether `path` is `folder` or in it. */
export function isWithin(path: string, folder: string): boolean {
	return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}
