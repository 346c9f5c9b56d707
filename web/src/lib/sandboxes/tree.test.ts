import { describe, expect, it } from 'vitest';
import { growTree, sandboxNode, templateNode } from './lineage';
import type { Lineage } from './lineage';
import type { Sandbox, Template } from './sandbox';
import { sandboxNamed } from './test_sandbox';
import { countNodes, curve, layoutTree } from './tree';
import type { TreeNode } from './tree';

const node = (id: string, ...children: TreeNode[]): TreeNode => ({ ...sandboxNode(sandboxNamed(id)), children });
const space = { width: 100, height: 20, gapX: 10, gapY: 5 };

describe('the layout of a tree', () => {
	const root = node('a', node('b', node('c'), node('d')), node('e'));
	const layout = layoutTree(root, space);
	const at = (id: string) => layout.nodes.find((one) => one.node.id === id)!;

	it('has generations beside and siblings below each other', () => {
		expect(layout.nodes.map((one) => [one.node.id, one.x, one.y])).toEqual([
			['a', 0, 31.25],
			['b', 110, 12.5],
			['c', 220, 0],
			['d', 220, 25],
			['e', 110, 50]
		]);
		expect([layout.width, layout.height]).toEqual([320, 70]);
	});
	it('has an edge for each child', () => {
		expect(layout.edges.map((edge) => edge.from.node.id + edge.to.node.id).sort()).toEqual(['ab', 'ae', 'bc', 'bd']);
		expect(curve({ from: at('b'), to: at('c') }, space)).toBe('M210 22.5C215 22.5 215 10 220 10');
	});
	it('lets nothing lie upon another, however wide it is', () => {
		const wide = layoutTree(node('r', ...Array.from({ length: 40 }, (_, index) => node(`n${index}`, node(`m${index}`)))), space);
		for (const one of wide.nodes) for (const other of wide.nodes) if (one !== other && one.x === other.x) expect(Math.abs(one.y - other.y)).toBeGreaterThanOrEqual(space.height + space.gapY);
		expect(layoutTree(node('alone'), space)).toMatchObject({ width: 100, height: 20, edges: [] });
	});
});

describe('lineage', () => {
	const fork = (id: string, of: string, second = 0) => sandboxNamed(id, { source: { type: 'sandbox', sandbox_id: of }, created_at: `2026-01-01T00:00:${String(second).padStart(2, '0')}Z` });
	const template = (of: string): Template => ({ name: 't', type: 'snapshot', vcpus: 1, memory_mb: 512, disk_mb: 5120, created_at: '', sandbox_id: of, size_bytes: 1, version: 1, tags: ['latest'], platform: false });
	const world = (all: Sandbox[], templates: Template[] = []): Lineage => ({
		templates,
		sandbox: async (id) => all.find((one) => one.id === id) ?? null,
		forks: async (id) => all.filter((one) => one.source?.type === 'sandbox' && one.source.sandbox_id === id),
		madeFrom: async ({ name, version }) => all.filter((one) => one.source?.type === 'template' && one.source.name === name && one.source.version === version)
	});
	const shape = (one: TreeNode): string => one.id + (one.children.length > 0 ? `(${one.children.map(shape).join(' ')})` : '');

	it('goes up to the first ancestor and down to all that was made', async () => {
		const made = sandboxNamed('m', { source: { type: 'template', name: 't', version: 1 } });
		const all = [sandboxNamed('a'), fork('b', 'a'), fork('later', 'b', 9), fork('first', 'b', 1), made, fork('sister', 'a')];
		const { root, isCut } = await growTree(all[1]!, world(all, [template('b')]));
		expect([shape(root), isCut]).toEqual(['a(b(first later t@1(m)))', false]);
		// From the other end: through the template to what it was made of.
		expect(shape((await growTree(made, world(all, [template('b')]))).root)).toBe('a(b(t@1(m)))');
	});
	it('ends where an ancestor or its template is not known any more', async () => {
		expect(shape((await growTree(fork('b', 'gone'), world([]))).root)).toBe('b');
		const made = sandboxNamed('m', { source: { type: 'template', name: 'gone', version: 4 } });
		expect(shape((await growTree(made, world([made]))).root)).toBe('gone@4(m)');
	});
	it('ends in a circle, too', async () => {
		const all = [fork('a', 'b'), fork('b', 'a')];
		expect(countNodes((await growTree(all[0]!, world(all))).root)).toBe(2);
	});
	it('is cut where it would be too much to draw', async () => {
		const all = [sandboxNamed('a'), ...Array.from({ length: 300 }, (_, index) => fork(`f${index}`, 'a'))];
		const { root, isCut } = await growTree(all[0]!, world(all));
		expect(isCut).toBe(true);
		expect(countNodes(root)).toBeLessThanOrEqual(200);
	});
	it('names versions of templates', () => {
		expect(templateNode('web', 3)).toMatchObject({ id: 'web@3', href: '/dashboard/templates?q=web' });
	});
});
