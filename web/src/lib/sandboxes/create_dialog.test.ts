import { render, screen, waitFor, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { accept } from '$lib/api/client';
import CreateDialog from './CreateDialog.svelte';
import { sandboxNamed } from './test_sandbox';

// Node's requests know no page that their addresses could be relative to. Before the client is imported, which keeps the class.
vi.hoisted(() => {
	const Real = globalThis.Request;
	globalThis.Request = class extends Real {
		constructor(input: RequestInfo | URL, init?: RequestInit) {
			super(typeof input === 'string' && input.startsWith('/') ? `http://here${input}` : input, init);
		}
	};
});

const templates = [
	{ name: 'minimal', type: 'base', size_bytes: 2 ** 28, platform: true },
	{ name: 'web', type: 'snapshot', vcpus: 4, memory_mb: 2048, disk_mb: 9216, created_at: '2026-01-01T00:00:00Z', sandbox_id: 'cl-1', size_bytes: 1, version: 1, tags: ['latest'], platform: false }
];
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } });

/** What the control plane answers to a create; the requests that it got are gathered. */
let answer: () => Response | Promise<Response>;
let requests: Request[];

beforeEach(() => {
	requests = [];
	accept({ token: 't', expires_at: new Date(Date.now() + 900_000).toISOString(), user_id: 'usr-1', email: 'a@example.com', name: 'Ann', is_admin: false, team_id: 'team-1', role: 'member' } as never);
	vi.stubGlobal('fetch', async (request: Request) => {
		if (request.method === 'GET') return json(templates);
		requests.push(request);
		return answer();
	});
});
afterEach(() => vi.unstubAllGlobals());

function show() {
	const oncreated = vi.fn();
	render(CreateDialog, { open: true, oncreated });
	return { oncreated, create: () => userEvent.click(screen.getByRole('button', { name: 'Create sandbox' })) };
}

// Typing is slow where the machine is busy.
describe('the dialog of a new sandbox', { timeout: 60_000 }, () => {
	it('creates one as usual by one click', async () => {
		answer = () => json(sandboxNamed('cl-new'), 201);
		const { oncreated, create } = show();
		await create();
		await waitFor(() => expect(oncreated).toHaveBeenCalledWith(expect.objectContaining({ id: 'cl-new' })));
		expect(await requests[0]!.json()).toEqual({});
		expect(requests[0]!.headers.get('idempotency-key')).toMatch(/^[0-9a-f]{32}$/);
		await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
	});

	it('says at the field what is wrong, and asks for nothing', async () => {
		const { create } = show();
		await userEvent.clear(screen.getByLabelText('Memory (MB)'));
		await userEvent.type(screen.getByLabelText('Timeout'), 'soon');
		await create();
		expect(screen.getByLabelText('Memory (MB)')).toHaveAccessibleDescription(/from 128 to 65536/);
		expect(screen.getByLabelText('Timeout')).toHaveAccessibleDescription(/90s, 15m/);
		await waitFor(() => expect(screen.getByLabelText('Memory (MB)')).toHaveFocus());
		expect(requests).toHaveLength(0);
		await userEvent.type(screen.getByLabelText('Memory (MB)'), '1024');
		await waitFor(() => expect(screen.getByLabelText('Memory (MB)')).toBeValid());
	});

	it('shows a refusal at its field', async () => {
		answer = () => json({ error: { code: 'invalid_request', message: 'vcpus must be a whole number from 1 to 32' } }, 400);
		const { create, oncreated } = show();
		await create();
		await waitFor(() => expect(screen.getByLabelText('vCPUs')).toHaveAccessibleDescription(/from 1 to 32/));
		expect(oncreated).not.toHaveBeenCalled();
	});

	it('explains a quota, with the way to it', async () => {
		answer = () => json({ error: { code: 'quota_exceeded', message: 'the team may have 2 sandboxes, of which 2 are in use' } }, 429);
		const { create } = show();
		await create();
		const alert = await screen.findByRole('alert');
		expect(alert).toHaveTextContent('2 sandboxes, of which 2 are in use');
		expect(within(alert).getByRole('link')).toHaveAttribute('href', '/dashboard/usage');
	});

	it('asks for the same sandbox again when there was no answer, and for another after one', async () => {
		const { create } = show();
		const answers: (() => Response)[] = [
			() => {
				throw new TypeError('Failed to fetch');
			},
			() => json({ error: { code: 'no_hosts_available', message: 'no host has room' } }, 503),
			() => json(sandboxNamed('cl-new'), 201)
		];
		for (const one of answers) {
			answer = one;
			await create();
			await waitFor(() => expect(requests).toHaveLength(answers.indexOf(one) + 1));
			await waitFor(() => expect(screen.queryByRole('button', { name: 'Create sandbox' })?.hasAttribute('disabled') ?? false).toBe(false));
		}
		const keys = requests.map((request) => request.headers.get('idempotency-key'));
		expect(keys[1]).toBe(keys[0]);
		expect(keys[2]).not.toBe(keys[1]);
	});

	it('takes the size of a snapshot', async () => {
		const { create } = show();
		answer = () => json(sandboxNamed('cl-new'), 201);
		await screen.findByText(/Image ·/);
		const field = screen.getByLabelText('Template');
		await userEvent.click(field);
		await userEvent.clear(field);
		await userEvent.type(field, 'web');
		await userEvent.keyboard('{ArrowDown}{Enter}');
		await waitFor(() => expect(screen.getByLabelText('vCPUs')).toBeDisabled());
		expect(screen.getByLabelText('vCPUs')).toHaveValue(4);
		await create();
		await waitFor(() => expect(requests).toHaveLength(1));
		expect(await requests[0]!.json()).toEqual({ template: 'web' });
	});

	it('shows the same by a program, as the form is now', async () => {
		show();
		await userEvent.click(screen.getByText(/The same by CLI/));
		await userEvent.clear(screen.getByLabelText('vCPUs'));
		await userEvent.type(screen.getByLabelText('vCPUs'), '2');
		await userEvent.click(screen.getByRole('checkbox', { name: /No internet access/ }));
		await userEvent.click(screen.getByRole('button', { name: 'Add label' }));
		await userEvent.type(screen.getByLabelText('Name of label 1'), 'user');
		await userEvent.type(screen.getByLabelText('Value of label 1'), 'ann');
		expect(screen.getByRole('region', { name: 'CLI', hidden: true })).toHaveTextContent('wrenn sandbox create --vcpus 2 --no-internet --label user=ann');
		await userEvent.click(screen.getByRole('tab', { name: 'curl', hidden: true }));
		expect(screen.getByRole('region', { name: 'curl', hidden: true })).toHaveTextContent('"vcpus":2,"network":{"allow_internet_access":false},"labels":{"user":"ann"}');
	});
});
