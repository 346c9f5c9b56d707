// The same request as the form's, for those who will make it by a program.
import { durationText } from './durations';
import type { ShortBody } from './create';

export type Language = 'cli' | 'curl' | 'javascript' | 'python';
export const LANGUAGES: readonly { id: Language; label: string }[] = [
	{ id: 'cli', label: 'CLI' },
	{ id: 'curl', label: 'curl' },
	{ id: 'javascript', label: 'JavaScript' },
	{ id: 'python', label: 'Python' }
];

/** One word to a POSIX shell, whatever is in it. */
export function shellWord(text: string): string {
	return /^[A-Za-z0-9_./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function cli(body: ShortBody): string {
	const words = ['wrenn sandbox create'];
	const add = (flag: string, value: string | number | undefined) => {
		if (value !== undefined) words.push(`${flag} ${shellWord(String(value))}`);
	};
	add('--template', body.template);
	add('--vcpus', body.vcpus);
	add('--memory', body.memory_mb);
	add('--disk', body.disk_mb);
	if (body.timeout_sec !== undefined) add('--timeout', durationText(body.timeout_sec));
	if (body.max_lifetime_sec !== undefined) add('--max-lifetime', durationText(body.max_lifetime_sec));
	add('--on-timeout', body.on_timeout);
	if (body.auto_resume === false) words.push('--no-auto-resume');
	if (body.network?.allow_internet_access === false) words.push('--no-internet');
	for (const [name, value] of Object.entries(body.labels ?? {})) add('--label', `${name}=${value}`);
	return words.join(' ');
}

export function curl(body: ShortBody, origin: string): string {
	const lines = [`curl -X POST ${shellWord(`${origin}/v1/capsules`)}`, `-H "X-API-Key: $WRENN_API_KEY"`, `-H 'Content-Type: application/json'`, `-d ${shellWord(JSON.stringify(body))}`];
	return lines.join(' \\\n  ');
}

export function javascript(body: ShortBody, origin: string): string {
	return `const reply = await fetch(${JSON.stringify(`${origin}/v1/capsules`)}, {
  method: "POST",
  headers: { "X-API-Key": process.env.WRENN_API_KEY, "Content-Type": "application/json" },
  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll('\n', '\n  ')}),
});
if (!reply.ok) throw new Error(await reply.text());
const sandbox = await reply.json();
console.log(sandbox.id);`;
}

function pythonValue(value: unknown): string {
	if (typeof value === 'boolean') return value ? 'True' : 'False';
	if (typeof value !== 'object' || value === null) return JSON.stringify(value);
	return `{${Object.entries(value)
		.map(([name, inner]) => `${JSON.stringify(name)}: ${pythonValue(inner)}`)
		.join(', ')}}`;
}

export function python(body: ShortBody, origin: string): string {
	return `import json, os, urllib.request

request = urllib.request.Request(
    ${JSON.stringify(`${origin}/v1/capsules`)},
    data=json.dumps(${pythonValue(body)}).encode(),
    headers={"X-API-Key": os.environ["WRENN_API_KEY"], "Content-Type": "application/json"},
)
sandbox = json.load(urllib.request.urlopen(request))
print(sandbox["id"])`;
}

export function snippet(language: Language, body: ShortBody, origin: string): string {
	if (language === 'cli') return cli(body);
	return { curl, javascript, python }[language](body, origin);
}
