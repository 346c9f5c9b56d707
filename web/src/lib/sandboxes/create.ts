// The form of a new sandbox: what it means to the API, and what is wrong with it.
import { asApiError, describe } from '$lib/api/errors';
import type { Schemas } from '$lib/api/client';
import { bytes } from '$lib/ui/format';
import { LONGEST_LIFETIME, LONGEST_TIMEOUT, durationProblem, parseDuration } from './durations';
import { mebibytes } from './sandbox';
import type { Template } from './sandbox';

export type Body = Schemas['CreateSandbox'];
/** Without what is as usual. */
export type ShortBody = Partial<Body>;

export interface Form {
	template: string;
	vcpus: number | null;
	memory: number | null;
	disk: number | null;
	timeout: string;
	lifetime: string;
	onTimeout: 'pause' | 'kill';
	autoResume: boolean;
	noInternet: boolean;
	labels: LabelRow[];
}
export interface LabelRow {
	name: string;
	value: string;
}
/** What is wrong, by field. */
export type Problems = Partial<Record<keyof Form, string>>;

export const USUAL = { template: 'minimal', vcpus: 1, memory: 512, disk: 5120 };

export function newForm(template = USUAL.template): Form {
	return { template, vcpus: 1, memory: 512, disk: 5120, timeout: '', lifetime: '', onTimeout: 'pause', autoResume: true, noInternet: false, labels: [] };
}

const ranges = { vcpus: [1, 32, ''], memory: [128, 65_536, ' MB'], disk: [1024, 1_048_576, ' MB'] } as const;

export function problemsOf(form: Form, isSizeOwn: boolean): Problems {
	const problems: Problems = {};
	if (!form.template) problems.template = 'Choose what it starts from.';
	for (const name of ['vcpus', 'memory', 'disk'] as const) {
		const [least, most, unit] = ranges[name];
		const value = form[name];
		if (isSizeOwn && (value === null || !Number.isInteger(value) || value < least || value > most)) {
			problems[name] = `A whole number from ${least} to ${most}${unit}.`;
		}
	}
	const timeout = durationProblem(form.timeout, LONGEST_TIMEOUT);
	if (timeout) problems.timeout = timeout;
	const lifetime = durationProblem(form.lifetime, LONGEST_LIFETIME);
	if (lifetime) problems.lifetime = lifetime;
	const labels = labelProblem(form.labels);
	if (labels) problems.labels = labels;
	return problems;
}

const bytesOf = (text: string) => new TextEncoder().encode(text).length;
const hasControl = (text: string) => /[\u0000-\u001f\u007f]/.test(text);
const MOST_LABELS = 64;

/** What is wrong with labels, by the rules of the API, or null. Rows without anything in them do not count. */
export function labelProblem(rows: readonly LabelRow[]): string | null {
	const used = rows.filter((row) => row.name || row.value);
	const names = used.map((row) => row.name);
	if (names.includes('')) return 'Each value needs a name.';
	const bad = names.find((name) => bytesOf(name) > 128 || name.includes('=') || hasControl(name));
	if (bad !== undefined) return `“${bad}” is no name of a label: it has at most 128 bytes, and neither '=' nor control characters.`;
	const twice = names.find((name, index) => names.indexOf(name) !== index);
	if (twice !== undefined) return `“${twice}” is there twice.`;
	if (used.some((row) => bytesOf(row.value) > 1024 || hasControl(row.value))) return 'A value has at most 1024 bytes, and no control characters.';
	return used.length > MOST_LABELS ? `At most ${MOST_LABELS} labels.` : null;
}

export function labelsIn(rows: readonly LabelRow[]): Record<string, string> {
	return Object.fromEntries(rows.filter((row) => row.name).map((row) => [row.name, row.value]));
}

/** What is asked for, without what is as usual. `isSizeOwn`: the template has no size, so this one counts. */
export function bodyOf(form: Form, isSizeOwn: boolean): ShortBody {
	const body: ShortBody = {};
	if (form.template !== USUAL.template) body.template = form.template;
	if (isSizeOwn) {
		if (form.vcpus !== null && form.vcpus !== USUAL.vcpus) body.vcpus = form.vcpus;
		if (form.memory !== null && form.memory !== USUAL.memory) body.memory_mb = form.memory;
		if (form.disk !== null && form.disk !== USUAL.disk) body.disk_mb = form.disk;
	}
	const timeout = parseDuration(form.timeout);
	if (timeout) body.timeout_sec = timeout;
	const lifetime = parseDuration(form.lifetime);
	if (lifetime) body.max_lifetime_sec = lifetime;
	if (form.onTimeout !== 'pause') body.on_timeout = form.onTimeout;
	if (!form.autoResume) body.auto_resume = false;
	if (form.noInternet) body.network = { allow_internet_access: false };
	const labels = labelsIn(form.labels);
	if (Object.keys(labels).length > 0) body.labels = labels;
	return body;
}

const fields: Record<string, keyof Form> = {
	template: 'template',
	vcpus: 'vcpus',
	memory_mb: 'memory',
	disk_mb: 'disk',
	timeout_sec: 'timeout',
	max_lifetime_sec: 'lifetime',
	on_timeout: 'onTimeout',
	auto_resume: 'autoResume',
	labels: 'labels'
};

/** A refusal at the field that it is about, which its message begins with; null where it is about none. */
export function problemOfAnswer(thrown: unknown): Problems | null {
	const error = asApiError(thrown);
	if (error.status === 404 && /template/.test(error.message)) return { template: describe(error) };
	const field = error.code === 'invalid_request' ? fields[/^[a-z_]+/.exec(error.message)?.[0] ?? ''] : undefined;
	return field ? { [field]: describe(error) } : null;
}

export interface TemplateChoice {
	value: string;
	label: string;
	detail: string;
	/** A snapshot has a size of its own. */
	size: { vcpus: number; memory_mb: number; disk_mb: number } | null;
}

/** Images first, then snapshots, newest first. NAME is what `latest` points to; other versions go by NAME@VERSION. */
export function templateChoices(templates: readonly Template[]): TemplateChoice[] {
	const images = templates.filter((one) => one.type === 'base').map((one) => ({ value: one.name, label: one.name, detail: `Image · ${bytes(one.size_bytes)}`, size: null }));
	const snapshots = templates
		.filter((one) => one.type === 'snapshot')
		.map((one) => {
			const value = one.tags.includes('latest') ? one.name : `${one.name}@${one.version}`;
			const tags = one.tags.filter((tag) => tag !== 'latest');
			const parts = [one.build_id ? 'Built' : 'Snapshot', `version ${one.version}`, ...tags, `${one.vcpus} vCPU, ${mebibytes(one.memory_mb)} memory`];
			return { value, label: value, detail: parts.join(' · '), size: { vcpus: one.vcpus, memory_mb: one.memory_mb, disk_mb: one.disk_mb } };
		});
	return [...images, ...snapshots];
}
