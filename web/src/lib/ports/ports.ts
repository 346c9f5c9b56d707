// Ports of a sandbox, as they are shown.
import type { Schemas } from '$lib/api/client';

export type Port = Schemas['Port'];

export const EXPIRIES = [
	{ value: 600, label: '10 minutes' },
	{ value: 3600, label: '1 hour' },
	{ value: 86_400, label: '1 day' },
	{ value: 604_800, label: '7 days' }
];

/** What is wrong with a number for a port; null when nothing is. */
export function problemOfPort(text: string): string | null {
	const number = Number(text);
	if (!/^\d+$/.test(text.trim()) || number < 1 || number > 65_535) return 'A port is a number from 1 to 65535.';
	if (number === 49_983) return 'Port 49983 is the guest agent’s and cannot be reached.';
	return null;
}

/** Who can reach it, in words. */
export function stateOf(port: Port): { tone: 'ok' | 'neutral' | 'warn'; label: string } {
	if (port.addresses.length === 0) return { tone: 'neutral', label: 'Nothing listens' };
	return port.reachable ? { tone: 'ok', label: 'Listens' } : { tone: 'warn', label: 'Not reachable yet' };
}

/** Without its first label: "example.com" of "app.example.com". Addresses and single labels have no such thing. */
function domainOf(host: string): string {
	const labels = host.split('.');
	return labels.length < 3 || /^[\d.]+$|:/.test(host) || host.endsWith('.localhost') ? host : labels.slice(1).join('.');
}

/** Whether browsers keep a cookie of `host` in a frame of a page of `own`. To be sure, a little less than they do. */
export function isSameSite(host: string, own: string): boolean {
	if (host === own) return true;
	const domain = domainOf(own);
	return domain !== own ? host === domain || host.endsWith(`.${domain}`) : own.includes('.') && host.endsWith(`.${own}`) && !/^[\d.]+$/.test(own);
}

/** Which of the addresses of a port a frame can show. A private port's needs its cookie, which browsers keep from other sites. */
export function frameAddress(port: { url: string; path_url: string }, isPublic: boolean, own: string): string | null {
	const addresses = [port.url, port.path_url].filter((address) => address !== '');
	if (isPublic) return addresses[0] ?? null;
	return addresses.find((address) => URL.canParse(address) && isSameSite(new URL(address).hostname, own)) ?? null;
}

/** Whether a frame may show an address: the page's own origin would make the sandbox of the frame worthless. */
export function isForeign(address: string, origin: string): boolean {
	try {
		const url = new URL(address);
		return /^https?:$/.test(url.protocol) && url.origin !== origin;
	} catch {
		return false;
	}
}
