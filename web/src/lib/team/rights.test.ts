import { describe, expect, it } from 'vitest';
import { managerReason, memberActions, sortMembers, teamNameProblem } from './rights';
import type { Member } from './rights';

const member = (user_id: string, role: Member['role'], name = user_id): Member => ({ user_id, role, name, email: `${user_id}@example.com`, joined_at: '2026-01-01T00:00:00Z' });

describe('rights in a team', () => {
	it('tells a member why, and others nothing', () => {
		expect(managerReason('member', 'Renaming it')).toContain('Renaming it is for its owner and admins');
		expect(managerReason('admin', 'Renaming it')).toBe('');
		expect(managerReason('owner', 'Renaming it')).toBe('');
	});
	it('lets nobody touch the owner, nor themselves', () => {
		const none = { changeRole: false, remove: false, handOver: false };
		expect(memberActions({ id: 'a', role: 'admin' }, member('o', 'owner'))).toEqual(none);
		expect(memberActions({ id: 'o', role: 'owner' }, member('o', 'owner'))).toEqual(none);
		expect(memberActions({ id: 'm', role: 'member' }, member('b', 'member'))).toEqual(none);
		expect(memberActions({ id: 'a', role: 'admin' }, member('b', 'member'))).toEqual({ changeRole: true, remove: true, handOver: false });
		expect(memberActions({ id: 'o', role: 'owner' }, member('a', 'admin'))).toEqual({ changeRole: true, remove: true, handOver: true });
	});
	it('knows names that the API refuses', () => {
		expect(teamNameProblem("Ann's team")).toBe('');
		expect(teamNameProblem('  ')).not.toBe('');
		expect(teamNameProblem('a/b')).toContain('letters');
		expect(teamNameProblem('é'.repeat(65))).toContain('128');
	});
	it('puts the owner first', () => {
		const sorted = sortMembers([member('b', 'member'), member('a', 'member'), member('x', 'admin'), member('y', 'owner')]);
		expect(sorted.map((one) => one.user_id)).toEqual(['y', 'x', 'a', 'b']);
	});
});
