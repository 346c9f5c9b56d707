// The parts of a sandbox's page. Those of other areas are loaded when they are looked at first.
import type { Component } from 'svelte';
import type { Sandbox } from './sandbox';

export const TABS = [
	{ id: 'overview', label: 'Overview' },
	{ id: 'terminal', label: 'Terminal' },
	{ id: 'files', label: 'Files' },
	{ id: 'processes', label: 'Processes' },
	{ id: 'ports', label: 'Ports' },
	{ id: 'network', label: 'Network' },
	{ id: 'snapshots', label: 'Snapshots' },
	{ id: 'activity', label: 'Activity' }
] as const;
export type TabId = (typeof TABS)[number]['id'];

/** Of the page's address; the overview where that says none. */
export function tabFrom(params: URLSearchParams): TabId {
	return TABS.find((tab) => tab.id === params.get('tab'))?.id ?? 'overview';
}

type Part = Component<{ sandbox: Sandbox }>;
const parts = import.meta.glob<{ default: Part }>([
	'../terminal/TerminalTab.svelte',
	'../files/FilesTab.svelte',
	'../processes/ProcessesTab.svelte',
	'../ports/PortsTab.svelte',
	'../network/NetworkTab.svelte'
]);
const files: Partial<Record<TabId, string>> = {
	terminal: '../terminal/TerminalTab.svelte',
	files: '../files/FilesTab.svelte',
	processes: '../processes/ProcessesTab.svelte',
	ports: '../ports/PortsTab.svelte',
	network: '../network/NetworkTab.svelte'
};

/** The component of a tab that is another area's; null of those that are not. */
export async function partOf(tab: TabId): Promise<Part | null> {
	const load = parts[files[tab] ?? ''];
	return load ? (await load()).default : null;
}
