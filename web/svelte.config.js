import { readFileSync } from 'node:fs';
import adapter from '@sveltejs/adapter-static';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

const out = process.env.WRENN_DASHBOARD_OUT ?? '../build/web/dashboard';

/** @type {import('@sveltejs/kit').Config} */
export default {
	preprocess: vitePreprocess(),
	compilerOptions: { runes: ({ filename }) => (filename.includes('node_modules') ? undefined : true) },
	kit: {
		// One page for all addresses: who is logged in is known in the browser only.
		adapter: adapter({ pages: out, assets: out, fallback: 'index.html', strict: false }),
		// The same sources make the same files.
		version: { name: readFileSync(new URL('../VERSION', import.meta.url), 'utf8').trim() },
		paths: { relative: false },
		typescript: {
			config: (config) => ({ ...config, include: [...config.include, '../vite.config.ts', '../scripts/*.mjs'] })
		}
	}
};
