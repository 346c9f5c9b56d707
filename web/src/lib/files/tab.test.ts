import { render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Schemas } from '$lib/api/client';
import type { Entry } from './api';
import FilesTab from './FilesTab.svelte';

const api = vi.hoisted(() => ({ list: vi.fn(), move: vi.fn(), remove: vi.fn(), makeFolder: vi.fn(), write: vi.fn(), download: vi.fn(), sender: () => vi.fn(), look: vi.fn(), read: vi.fn(), readHead: vi.fn() }));
vi.mock('./api', () => api);

const entry = (path: string, type: Entry['type'] = 'file'): Entry => ({
	name: path.slice(path.lastIndexOf('/') + 1), path, type, size: 3, mode: 420, permissions: '-rw-r--r--', owner: 'user', group: 'user', modified_at: 1_700_000_000
});
const sandbox = { id: 'cl-1', status: 'running' } as Schemas['Sandbox'];
const folders: Record<string, Entry[]> = {
	'/home/user': [entry('/home/user/.bashrc')],
	'/': [entry('/etc', 'directory'), entry('/home', 'directory'), entry('/readme')],
	'/etc': [entry('/etc/hosts')]
};

beforeEach(() => {
	vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} });
	api.list.mockImplementation(async (_: string, path: string) => {
		if (!folders[path]) throw new Error(`there is no ${path}`);
		return folders[path];
	});
});
afterEach(() => vi.unstubAllGlobals());

it('goes from folder to folder, and says why when there is none', async () => {
	const user = userEvent.setup();
	render(FilesTab, { sandbox });
	await screen.findByText('Only hidden files are here');
	await user.click(screen.getByRole('button', { name: 'Root folder' }));
	await user.click(await screen.findByText('etc'));
	await screen.findByText('hosts');
	await user.click(screen.getByRole('button', { name: 'Type a path' }));
	await user.clear(screen.getByLabelText('Path of a folder'));
	await user.type(screen.getByLabelText('Path of a folder'), '/nowhere{Enter}');
	expect((await screen.findByRole('alert')).textContent).toContain('There is no /nowhere.');
	await user.click(screen.getByRole('button', { name: 'To /home/user' }));
	await user.click(await screen.findByRole('button', { name: 'Show hidden files' }));
	await screen.findByText('.bashrc');
});

it('does not ask a sandbox that sleeps', async () => {
	api.list.mockClear();
	render(FilesTab, { sandbox: { ...sandbox, status: 'paused' } });
	await screen.findByText('The sandbox is paused');
	await waitFor(() => expect(api.list).not.toHaveBeenCalled());
});
