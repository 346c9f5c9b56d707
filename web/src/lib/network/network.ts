// What a sandbox may reach, as it is edited and shown.
import { asApiError, describe } from '$lib/api/errors';
import type { Schemas } from '$lib/api/client';

export type Network = Schemas['Network'];
export type Denial = Schemas['Denial'];

/** As it is being typed. */
export interface Form {
	internet: boolean;
	/** An entry in each line. */
	allow: string;
	deny: string;
}

export function formOf(network: Network): Form {
	return { internet: network.allow_internet_access, allow: network.allow_out.join('\n'), deny: network.deny_out.join('\n') };
}

/** Entries may also be parted by spaces and commas; what is there twice counts once. */
export function entriesOf(text: string): string[] {
	return [...new Set(text.split(/[\s,;]+/).filter(Boolean))];
}

export function networkOf(form: Form): Network {
	return { allow_internet_access: form.internet, allow_out: entriesOf(form.allow), deny_out: entriesOf(form.deny) };
}

export function isSame(one: Network, other: Network): boolean {
	const text = (network: Network) => JSON.stringify([network.allow_internet_access, network.allow_out, network.deny_out]);
	return text(one) === text(other);
}

export type Problems = Partial<Record<'allow' | 'deny', string>>;

/** Which list a refusal is about, and what is wrong there; null when it is about neither. */
export function problemsIn(thrown: unknown): Problems | null {
	const error = asApiError(thrown);
	const list = /^(allow|deny)_out:? /.exec(error.message)?.[1] as 'allow' | 'deny' | undefined;
	if (error.code !== 'invalid_request' || !list) return null;
	const text = describe(error).replace(/^\w+_out: ?/i, '');
	return { [list]: text.replace(/^\w+_out must/i, 'It must') };
}

function numberOf(address: string): number | null {
	const parts = address.split('.').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : Number.NaN));
	if (parts.length !== 4 || !parts.every((part) => part <= 255)) return null;
	return parts.reduce((number, part) => number * 256 + part, 0);
}

/** Whether one of the entries is the address, or a block that it is in. */
export function covers(entries: readonly string[], address: string): boolean {
	const number = numberOf(address);
	if (number === null) return false;
	return entries.some((entry) => {
		const [network, bits = '32'] = entry.split('/');
		const first = numberOf(network ?? '');
		const size = 2 ** (32 - Number(bits));
		return first !== null && number >= first && number < first + size;
	});
}

/** What a network makes of an address that was refused. */
export function fateOf(denial: Denial, network: Network): 'never' | 'refused' | 'allowed' {
	if (!denial.can_be_allowed) return 'never';
	if (covers(network.allow_out, denial.address)) return 'allowed';
	return network.allow_internet_access && !covers(network.deny_out, denial.address) ? 'allowed' : 'refused';
}

/** In a few words: "no internet access, 2 allowed". */
export function summaryOf(network: Network): string {
	const parts = [network.allow_internet_access ? 'internet access' : 'no internet access'];
	if (network.allow_out.length > 0) parts.push(`${network.allow_out.length} allowed`);
	if (network.deny_out.length > 0) parts.push(`${network.deny_out.length} denied`);
	return parts.join(', ');
}
