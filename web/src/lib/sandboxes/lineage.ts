// What a sandbox was made of and what was made of it, asked of the API and put together as a tree.
import { api, ask } from '$lib/api/client';
import { asApiError } from '$lib/api/errors';
import { pageOf } from './sandbox';
import type { Sandbox, Template } from './sandbox';
import type { TreeNode } from './tree';

const MOST_ANCESTORS = 16;
const MOST_NODES = 200;

type Snapshot = Extract<Template, { type: 'snapshot' }>;

/** What the tree is made of; the API outside of tests. */
export interface Lineage {
	sandbox: (id: string) => Promise<Sandbox | null>;
	forks: (id: string) => Promise<Sandbox[]>;
	madeFrom: (template: Snapshot) => Promise<Sandbox[]>;
	templates: readonly Template[];
}

export function lineageOfApi(templates: readonly Template[]): Lineage {
	const list = async (query: Record<string, string>) => (await ask(api.GET('/v1/capsules', { params: { query: { ...query, status: 'all', limit: MOST_NODES } as never } }))) as Sandbox[];
	return {
		templates,
		sandbox: async (id) => {
			try {
				return await ask(api.GET('/v1/capsules/{sandbox_id}', { params: { path: { sandbox_id: id } } }));
			} catch (thrown) {
				if (asApiError(thrown).status === 404) return null;
				throw thrown;
			}
		},
		// A control plane that does not know `parent` would answer all; whose they are is in each of them.
		forks: async (id) => (await list({ parent: id })).filter((one) => one.source?.type === 'sandbox' && one.source.sandbox_id === id),
		madeFrom: async (template) =>
			(await list({ template: template.name })).filter((one) => one.source?.type === 'template' && one.source.name === template.name && one.source.version === template.version)
	};
}

export interface Tree {
	root: TreeNode;
	/** There was more than is drawn. */
	isCut: boolean;
}

export const sandboxNode = (sandbox: Sandbox): TreeNode => ({
	id: sandbox.id,
	kind: 'sandbox',
	label: sandbox.id,
	detail: sandbox.template,
	href: pageOf(sandbox.id, 'snapshots'),
	status: sandbox.status,
	children: []
});
export const templateNode = (name: string, version: number): TreeNode => ({
	id: `${name}@${version}`,
	kind: 'template',
	label: `${name}@${version}`,
	detail: 'template',
	href: `/dashboard/templates?q=${encodeURIComponent(name)}`,
	children: []
});

/** From the first ancestor that is known down to the last descendant. Throws ApiError. */
export async function growTree(of: Sandbox, lineage: Lineage): Promise<Tree> {
	let left = MOST_NODES;
	let isCut = false;
	const seen = new Set<string>();
	const snapshots = lineage.templates.filter((one): one is Snapshot => one.type === 'snapshot');

	async function descend(sandbox: Sandbox): Promise<TreeNode> {
		const node = sandboxNode(sandbox);
		seen.add(sandbox.id);
		const below = async (children: Sandbox[], parent: TreeNode) => {
			for (const child of children.toSorted((a, b) => a.created_at.localeCompare(b.created_at))) {
				if (seen.has(child.id)) continue;
				if (--left <= 0) {
					isCut = true;
					return;
				}
				parent.children.push(await descend(child));
			}
		};
		await below(await lineage.forks(sandbox.id), node);
		for (const template of snapshots.filter((one) => one.sandbox_id === sandbox.id && !one.build_id)) {
			if (--left <= 0) {
				isCut = true;
				break;
			}
			const made = templateNode(template.name, template.version);
			await below(await lineage.madeFrom(template), made);
			node.children.push(made);
		}
		return node;
	}

	// Upwards only the way to it is drawn: sisters of ancestors are on the pages of these.
	let root = await descend(of);
	let source = of.source;
	for (let up = 0; source && up < MOST_ANCESTORS; ++up) {
		if (source.type === 'template') {
			const { name, version } = source;
			const template = templateNode(name, version);
			template.children.push(root);
			root = template;
			const made = snapshots.find((one) => one.name === name && one.version === version);
			if (!made || made.build_id) break;
			const parent = await lineage.sandbox(made.sandbox_id);
			if (!parent || seen.has(parent.id)) break;
			root = { ...sandboxNode(parent), children: [root] };
			seen.add(parent.id);
			source = parent.source;
		} else {
			const parent = await lineage.sandbox(source.sandbox_id);
			if (!parent || seen.has(parent.id)) break;
			root = { ...sandboxNode(parent), children: [root] };
			seen.add(parent.id);
			source = parent.source;
		}
	}
	return { root, isCut };
}
