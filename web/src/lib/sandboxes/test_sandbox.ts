// Sandboxes for tests.
import type { Sandbox } from './sandbox';

export function sandboxNamed(id: string, more: Partial<Sandbox> = {}): Sandbox {
	return {
		id,
		status: 'running',
		template: 'minimal',
		vcpus: 1,
		memory_mb: 512,
		disk_mb: 5120,
		timeout_sec: 0,
		on_timeout: 'pause',
		auto_resume: true,
		network: { allow_internet_access: true, allow_out: [], deny_out: [] },
		created_at: '2026-01-01T00:00:00Z',
		last_updated: '2026-01-01T00:00:00Z',
		...more
	};
}
