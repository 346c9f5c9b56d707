// What is in the sidebar and in the command palette, for whom.
import Activity from '@lucide/svelte/icons/activity';
import Bell from '@lucide/svelte/icons/bell';
import Box from '@lucide/svelte/icons/box';
import Boxes from '@lucide/svelte/icons/boxes';
import ChartColumn from '@lucide/svelte/icons/chart-column';
import Key from '@lucide/svelte/icons/key-round';
import Layers from '@lucide/svelte/icons/layers';
import ScrollText from '@lucide/svelte/icons/scroll-text';
import Server from '@lucide/svelte/icons/server';
import Settings from '@lucide/svelte/icons/settings';
import UserCog from '@lucide/svelte/icons/user-cog';
import Users from '@lucide/svelte/icons/users';
import type { Component } from 'svelte';

export interface NavItem {
	label: string;
	href: string;
	icon: Component<{ size?: number; 'aria-hidden'?: 'true' }>;
}
export interface NavSection {
	label: string;
	items: NavItem[];
}
export interface Viewer {
	isAdmin: boolean;
	/** Whether their team brings hosts of its own. */
	isByoc: boolean;
}

export function navigation(viewer: Viewer): NavSection[] {
	const sections: NavSection[] = [
		{
			label: 'Build',
			items: [
				{ label: 'Sandboxes', href: '/dashboard/sandboxes', icon: Box },
				{ label: 'Templates', href: '/dashboard/templates', icon: Layers },
				{ label: 'Usage', href: '/dashboard/usage', icon: ChartColumn }
			]
		},
		{
			label: 'Team',
			items: [
				{ label: 'API keys', href: '/dashboard/keys', icon: Key },
				{ label: 'Channels', href: '/dashboard/channels', icon: Bell },
				{ label: 'Members', href: '/dashboard/team', icon: Users },
				{ label: 'Audit log', href: '/dashboard/audit', icon: ScrollText },
				...(viewer.isByoc ? [{ label: 'Hosts', href: '/dashboard/hosts', icon: Server }] : []),
				{ label: 'Settings', href: '/dashboard/settings', icon: Settings }
			]
		}
	];
	if (viewer.isAdmin) {
		sections.push({
			label: 'Platform',
			items: [
				{ label: 'Users', href: '/admin/users', icon: UserCog },
				{ label: 'Teams', href: '/admin/teams', icon: Users },
				{ label: 'All hosts', href: '/admin/hosts', icon: Server },
				{ label: 'All sandboxes', href: '/admin/sandboxes', icon: Boxes },
				{ label: 'Platform templates', href: '/admin/templates', icon: Layers },
				{ label: 'Platform log', href: '/admin/audit', icon: Activity }
			]
		});
	}
	return sections;
}

/** Whether an address is the item's page or lies below it. */
export function isCurrent(href: string, path: string): boolean {
	if (href === '/dashboard/templates' && path.startsWith('/dashboard/builds/')) return true;
	return path === href || path.startsWith(`${href}/`);
}
