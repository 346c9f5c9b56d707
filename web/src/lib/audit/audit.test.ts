import { describe, expect, it } from 'vitest';
import { actorOf, details, query, withoutHeading } from './audit';
import type { Entry } from './audit';

const entry: Entry = {
	id: 'e1',
	actor_type: 'user',
	actor_id: 'usr-1',
	actor_name: 'Ann',
	resource_type: 'capsule',
	resource_id: 'cl-1',
	action: 'capsule.create',
	scope: 'team',
	status: 'failure',
	code: 'quota_exceeded',
	metadata: { template: 'minimal' },
	created_at: '2026-01-01T00:00:00Z'
};

describe('the log of changes', () => {
	it('asks for what is wanted, and no more', () => {
		expect(query({ resource: '', action: ' ', actor: ' ' })).toBe('limit=50');
		expect(query({ resource: 'capsule', action: 'capsule.create', actor: 'Ann ' }, { before: 't', beforeId: 'i' }, 'csv', 1000)).toBe(
			'limit=1000&resource_type=capsule&action=capsule.create&actor=Ann&format=csv&before=t&before_id=i'
		);
	});
	it('says who did it', () => {
		expect(actorOf(entry)).toBe('Ann');
		expect(actorOf({ ...entry, actor_name: undefined, actor_id: undefined, actor_type: 'system' })).toBe('Wrenn');
	});
	it('shows what there is of an entry', () => {
		expect(details(entry)).toEqual([
			['Action', 'capsule.create'],
			['Resource', 'capsule cl-1'],
			['By', 'Ann, usr-1'],
			['Result', 'failure: quota_exceeded'],
			['template', 'minimal'],
			['Entry', 'e1']
		]);
	});
	it('leaves one heading in a file', () => {
		expect(withoutHeading('a,b\n1,2\n')).toBe('1,2\n');
		expect(withoutHeading('a,b')).toBe('');
	});
});
