// Where each thing of a fork tree is drawn: generations from left to right, children below each other, parents beside the middle
// of their children.

export interface TreeNode {
	/** Unique in the tree. */
	id: string;
	kind: 'sandbox' | 'template';
	label: string;
	detail: string;
	/** Where it leads. */
	href: string;
	status?: string;
	children: TreeNode[];
}

export interface Placed {
	node: TreeNode;
	x: number;
	y: number;
	depth: number;
}
export interface Edge {
	from: Placed;
	to: Placed;
}
export interface Layout {
	nodes: Placed[];
	edges: Edge[];
	width: number;
	height: number;
}

export interface Spacing {
	width: number;
	height: number;
	/** Between generations, and between siblings. */
	gapX: number;
	gapY: number;
}

export function layoutTree(root: TreeNode, { width, height, gapX, gapY }: Spacing): Layout {
	const nodes: Placed[] = [];
	const edges: Edge[] = [];
	let next = 0;
	let deepest = 0;
	const place = (node: TreeNode, depth: number): Placed => {
		deepest = Math.max(deepest, depth);
		const placed: Placed = { node, depth, x: depth * (width + gapX), y: 0 };
		nodes.push(placed);
		const children = node.children.map((child) => place(child, depth + 1));
		if (children.length === 0) {
			placed.y = next;
			next += height + gapY;
		} else placed.y = (children[0]!.y + children.at(-1)!.y) / 2;
		edges.push(...children.map((to) => ({ from: placed, to })));
		return placed;
	};
	place(root, 0);
	return { nodes, edges, width: (deepest + 1) * width + deepest * gapX, height: next - gapY };
}

/** The curve from the right side of one to the left side of another. */
export function curve({ from, to }: Edge, { width, height }: Spacing): string {
	const [x1, y1, x2, y2] = [from.x + width, from.y + height / 2, to.x, to.y + height / 2];
	const middle = (x1 + x2) / 2;
	return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
}

export function countNodes(root: TreeNode): number {
	return 1 + root.children.reduce((sum, child) => sum + countNodes(child), 0);
}
