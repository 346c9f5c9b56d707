// Who may do what in a team, and what is said to those who may not. The API decides; this is so that nobody finds out by a click.
import type { Schemas } from '$lib/api/client';

export type Role = Schemas['Role'];
export type Member = Schemas['Member'];

export const ROLE_NAMES: Record<Role, string> = { owner: 'Owner', admin: 'Admin', member: 'Member' };

/** Why somebody cannot do what is for owners and admins; empty when they can. */
export function managerReason(role: Role, what: string): string {
	return role === 'member' ? `You are a member of this team. ${what} is for its owner and admins: ask one of them.` : '';
}

/** What can be done with somebody in the list, by somebody in it. */
export function memberActions(viewer: { id: string; role: Role }, member: Member): { changeRole: boolean; remove: boolean; handOver: boolean } {
	const isSelf = viewer.id === member.user_id;
	const manages = viewer.role !== 'member' && member.role !== 'owner' && !isSelf;
	return { changeRole: manages, remove: manages, handOver: viewer.role === 'owner' && !isSelf };
}

/** What is wrong with a team's name before it is sent. */
export function teamNameProblem(name: string): string {
	const trimmed = name.trim();
	if (!trimmed) return 'A team has a name.';
	if (new TextEncoder().encode(trimmed).length > 128) return 'Use 128 bytes at most.';
	if (!/^[\p{L}\p{N} _\-@']+$/u.test(trimmed)) return "Use letters, digits, spaces and _ - @ ' alone.";
	return '';
}

/** Owners first, then admins, then by name. */
export function sortMembers(members: readonly Member[]): Member[] {
	const rank: Record<Role, number> = { owner: 0, admin: 1, member: 2 };
	return [...members].sort((a, b) => rank[a.role] - rank[b.role] || (a.name || a.email).localeCompare(b.name || b.email));
}
