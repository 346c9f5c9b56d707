import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { svelteTesting } from '@testing-library/svelte/vite';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

// Where the control plane answers while one develops.
const api = process.env.WRENN_API ?? 'http://127.0.0.1:8080';

/** SvelteKit tells screen readers the title of each page by an element with a style attribute, which the content security
 * policy forbids. A class does the same. */
function withoutInlineStyle(): Plugin {
	return {
		name: 'wrenn-announcer',
		enforce: 'pre',
		transform(code, id) {
			if (!id.endsWith('/generated/root.svelte')) return null;
			const made = code.replace(/(<div id="svelte-announcer"[^>]*?) style="[^"]*"/, '$1 class="sr-only"');
			if (made === code) throw new Error('the announcer of SvelteKit is not as expected; see vite.config.ts');
			return { code: made, map: null };
		}
	};
}

export default defineConfig({
	plugins: [withoutInlineStyle(), tailwindcss(), sveltekit(), svelteTesting()],
	server: {
		host: '127.0.0.1',
		port: 5173,
		strictPort: true,
		proxy: {
			'/v1': { target: api, ws: true, changeOrigin: true, headers: { origin: api } },
			'/auth/oauth': { target: api, changeOrigin: true },
			'/health': { target: api },
			'/openapi.yaml': { target: api },
			'/docs': { target: api }
		}
	},
	build: {
		// Everything stays a file of its own: the content security policy knows no data: scripts or fonts.
		assetsInlineLimit: 0,
		target: 'es2022'
	},
	test: {
		environment: 'jsdom',
		globals: true,
		include: ['src/**/*.test.ts'],
		setupFiles: ['src/test_setup.ts']
	}
});
