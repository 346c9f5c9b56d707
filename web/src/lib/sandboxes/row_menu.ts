// What the menu of a sandbox has, in the list and on its page.
import Archive from '@lucide/svelte/icons/archive';
import Camera from '@lucide/svelte/icons/camera';
import Clock from '@lucide/svelte/icons/clock';
import GitFork from '@lucide/svelte/icons/git-fork';
import Pause from '@lucide/svelte/icons/pause';
import Play from '@lucide/svelte/icons/play';
import Terminal from '@lucide/svelte/icons/square-terminal';
import Trash from '@lucide/svelte/icons/trash-2';
import type { MenuItem } from '$lib/ui/Menu.svelte';
import { can, pageOf } from './sandbox';
import type { Sandbox } from './sandbox';

/** Those that ask first, in a dialog of the page. */
export type Asked = 'fork' | 'snapshot' | 'limits' | 'hibernate' | 'pause_disk' | 'destroy';

export interface Handlers {
	pause: (sandbox: Sandbox) => void;
	resume: (sandbox: Sandbox) => void;
	ask: (what: Asked, sandbox: Sandbox) => void;
}

/** `isPage`: its own page, where pausing and resuming are buttons. */
export function menuOf(sandbox: Sandbox, { pause, resume, ask }: Handlers, isPage = false): MenuItem[] {
	const items: MenuItem[] = [];
	if (!isPage) {
		items.push({ label: 'Open terminal', icon: Terminal, href: pageOf(sandbox.id, 'terminal') });
		if (can('resume', sandbox)) items.push({ label: 'Resume', icon: Play, onselect: () => resume(sandbox) });
		else items.push({ label: 'Pause', icon: Pause, disabled: !can('pause', sandbox), onselect: () => pause(sandbox) });
	}
	items.push({ label: 'Pause without memory…', icon: Pause, disabled: !can('pause', sandbox), onselect: () => ask('pause_disk', sandbox) });
	items.push({ label: 'Fork…', icon: GitFork, disabled: !can('fork', sandbox), onselect: () => ask('fork', sandbox) });
	items.push({ label: 'Snapshot…', icon: Camera, disabled: !can('snapshot', sandbox), onselect: () => ask('snapshot', sandbox) });
	items.push({ label: 'Hibernate…', icon: Archive, disabled: !can('hibernate', sandbox), onselect: () => ask('hibernate', sandbox) });
	items.push({ label: 'Time limits…', icon: Clock, disabled: !can('limits', sandbox), onselect: () => ask('limits', sandbox) });
	items.push({ label: 'Destroy…', icon: Trash, danger: true, separated: true, disabled: !can('destroy', sandbox), onselect: () => ask('destroy', sandbox) });
	return items;
}
