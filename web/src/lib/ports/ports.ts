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
	if (port.addresses.length === 0) return { tone: 'neutral', label: 'nothing listens' };
	return port.reachable ? { tone: 'ok', label: 'listens' } : { tone: 'warn', label: 'not reachable yet' };
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
