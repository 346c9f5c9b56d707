// Moves the script that SvelteKit puts into index.html to a file of its own: the content security policy allows no script in
// the page. Fails when the page is not as expected, rather than ship one that does not start.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const out = process.env.WRENN_DASHBOARD_OUT ?? '../build/web/dashboard';
const page = join(out, 'index.html');
const html = readFileSync(page, 'utf8');
const scripts = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)];
if (scripts.length !== 1) throw new Error(`${page} has ${scripts.length} scripts in it instead of one`);
const [whole, text] = scripts[0];
const name = `_app/immutable/boot.${createHash('sha256').update(text).digest('hex').slice(0, 10)}.js`;
mkdirSync(join(out, '_app/immutable'), { recursive: true });
writeFileSync(join(out, name), text.replace(/^\n+|\s+$/g, '').replace(/^\t+/gm, '') + '\n');
const made = html.replace(whole, () => `<script src="/${name}"></script>`);
if (/\sstyle=|\son[a-z]+=|<style/.test(made)) throw new Error(`${page} has styles or handlers in it, which the policy forbids`);
writeFileSync(page, made);
