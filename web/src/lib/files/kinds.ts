// What a file is, by its name and its first bytes.

export const MOST_TEXT = 1024 * 1024;
export const MOST_IMAGE = 10 * 1024 * 1024;
/** Of a file that is neither, so much is shown as bytes. */
export const HEX_HEAD = 512;

const images: Record<string, string> = {
	png: 'image/png',
	jpg: 'image/jpeg',
	jpeg: 'image/jpeg',
	gif: 'image/gif',
	webp: 'image/webp',
	avif: 'image/avif',
	bmp: 'image/bmp',
	ico: 'image/x-icon',
	svg: 'image/svg+xml'
};

const extensionOf = (name: string) => (name.includes('.') ? name.slice(name.lastIndexOf('.') + 1).toLowerCase() : '');

/** Of images, which are shown in an <img>, where nothing in them runs. */
export function imageTypeOf(name: string): string | null {
	return images[extensionOf(name)] ?? null;
}

export type Language =
	| 'javascript' | 'jsx' | 'typescript' | 'tsx' | 'json' | 'markdown' | 'python' | 'shell' | 'yaml' | 'toml' | 'dockerfile' | 'c' | 'cpp' | 'java'
	| 'rust' | 'go' | 'ruby' | 'sql' | 'css' | 'xml' | 'properties' | 'nginx' | 'lua' | 'perl' | 'diff' | 'cmake';

const languages: Record<string, Language> = {
	js: 'javascript', mjs: 'javascript', cjs: 'javascript', jsx: 'jsx', ts: 'typescript', mts: 'typescript', tsx: 'tsx',
	json: 'json', jsonl: 'json', map: 'json', md: 'markdown', markdown: 'markdown', py: 'python', pyi: 'python',
	sh: 'shell', bash: 'shell', zsh: 'shell', profile: 'shell', yml: 'yaml', yaml: 'yaml', toml: 'toml', dockerfile: 'dockerfile',
	c: 'c', h: 'cpp', cc: 'cpp', cpp: 'cpp', cxx: 'cpp', hpp: 'cpp', java: 'java', rs: 'rust', go: 'go', rb: 'ruby', sql: 'sql',
	css: 'css', scss: 'css', html: 'xml', htm: 'xml', xml: 'xml', svg: 'xml', ini: 'properties', conf: 'properties', cfg: 'properties',
	env: 'properties', properties: 'properties', service: 'properties', nginx: 'nginx', lua: 'lua', pl: 'perl', diff: 'diff', patch: 'diff', cmake: 'cmake'
};
const byName: Record<string, Language> = {
	dockerfile: 'dockerfile', containerfile: 'dockerfile', 'cmakelists.txt': 'cmake', '.bashrc': 'shell', '.profile': 'shell', '.bash_profile': 'shell',
	'.bash_logout': 'shell', '.zshrc': 'shell', gemfile: 'ruby', rakefile: 'ruby', 'cargo.lock': 'toml', 'nginx.conf': 'nginx', '.env': 'properties'
};

export function languageOf(name: string): Language | null {
	return byName[name.toLowerCase()] ?? languages[extensionOf(name)] ?? null;
}

/** The text of bytes that are text; null of others. */
export function textOf(bytes: Uint8Array): string | null {
	if (bytes.subarray(0, 8192).includes(0)) return null;
	try {
		return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
	} catch {
		return null;
	}
}

/** "00000000  7f 45 4c 46 ...  |.ELF...|", a line for 16 bytes. */
export function hexOf(bytes: Uint8Array): string {
	const lines: string[] = [];
	for (let at = 0; at < bytes.length; at += 16) {
		const row = Array.from(bytes.subarray(at, at + 16));
		const hex = row.map((byte) => byte.toString(16).padStart(2, '0'));
		const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
		const halves = `${hex.slice(0, 8).join(' ').padEnd(23)}  ${hex.slice(8).join(' ').padEnd(23)}`;
		lines.push(`${at.toString(16).padStart(8, '0')}  ${halves}  |${text}|`);
	}
	return lines.join('\n');
}
