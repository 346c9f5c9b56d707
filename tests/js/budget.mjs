// The budget of the dashboard, measured in Chromium against a control plane of its own: what the first load of /login and then
// of /dashboard/sandboxes transfers, how soon the sandboxes can be used, and how much moves on the pages while they load.
// Usage: budget.mjs WRENN-CP
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const MOST_KB = 250;
const MOST_MS = 1000;
const TRIES = 5;
// As Web Vitals count it: what is below is good.
const MOST_SHIFT = 0.1;
const PAGES = ["sandboxes", "templates", "builds", "usage", "keys", "channels", "team", "audit", "settings"].map((name) => `/dashboard/${name}`);
PAGES.push(...["users", "teams", "hosts", "sandboxes", "templates", "audit"].map((name) => `/admin/${name}`));
const QUIET_MS = 1000;
const QUIET_WITHIN_MS = 60_000;
const program = process.argv[2];
assert.ok(program, "usage: budget.mjs WRENN-CP");
const executable = process.env.CHROMIUM ?? "/usr/lib/chromium/chromium";
const directory = mkdtempSync(join(tmpdir(), "wrenn-budget-"));
mkdirSync(join(directory, "control"));

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function start() {
  const url = `http://127.0.0.1:${await freePort()}`;
  const proxy = `127.0.0.1:${await freePort()}`;
  const password = execFileSync(program, ["user", "create", "budget@example.com", "--dir", directory], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  const log = [];
  const server = spawn(program, ["serve", "--dir", directory, "--listen", url.slice(7), "--proxy-listen", proxy], { stdio: ["ignore", "ignore", "pipe"] });
  server.stderr.on("data", (text) => log.push(String(text)));
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      if ((await fetch(`${url}/health`)).ok) return { url, password, server };
    } catch {
      // It does not listen yet.
    }
    assert.ok(Date.now() < deadline && server.exitCode === null, `${program} does not answer:\n${log.join("")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Bytes on the wire of all that is no answer of the API. `quiet()` waits until nothing of it has come for a while: the network
 * itself is never idle, as events of the API come for as long as the page is there. */
async function countBytes(page) {
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  const assets = new Set();
  const loading = new Set();
  let bytes = 0;
  let changedAt = Date.now();
  const isAsset = (address) => address.startsWith("http") && !new URL(address).pathname.startsWith("/v1/");
  client.on("Network.requestWillBeSent", ({ requestId, request }) => {
    if (!isAsset(request.url)) return;
    assets.add(requestId);
    loading.add(requestId);
    changedAt = Date.now();
  });
  const ended = ({ requestId, encodedDataLength = 0 }) => {
    if (!loading.delete(requestId)) return;
    bytes += encodedDataLength;
    changedAt = Date.now();
  };
  client.on("Network.loadingFinished", ended);
  client.on("Network.loadingFailed", ended);
  return {
    now: () => ({ kb: bytes / 1000, files: assets.size }),
    async quiet() {
      const deadline = Date.now() + QUIET_WITHIN_MS;
      while (loading.size > 0 || Date.now() - changedAt < QUIET_MS) {
        assert.ok(Date.now() < deadline, `the page goes on loading: ${assets.size} files so far`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}

const ready = async (page) => {
  await page.locator("#content h1").waitFor();
  await page.locator("#content [aria-busy=true]").first().waitFor({ state: "detached" });
};

async function measure(browser, { url, password }) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  const counted = await countBytes(page);
  await page.goto(`${url}/login`);
  await page.getByLabel("E-mail").fill("budget@example.com");
  await counted.quiet();
  const login = counted.now();
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await ready(page);
  await counted.quiet();
  const all = counted.now();
  console.log(`/login: ${login.kb.toFixed(1)} kB in ${login.files} files`);
  console.log(`/login and /dashboard/sandboxes: ${all.kb.toFixed(1)} kB in ${all.files} files, of at most ${MOST_KB} kB`);

  const client = await context.newCDPSession(page);
  await client.send("Network.setCacheDisabled", { cacheDisabled: true });
  const times = [];
  for (let i = 0; i < TRIES; ++i) {
    await page.goto(`${url}/dashboard/sandboxes`, { waitUntil: "commit" });
    await ready(page);
    times.push(await page.evaluate(() => performance.now()));
  }
  times.sort((one, other) => one - other);
  console.log(`/dashboard/sandboxes can be used after ${times[0].toFixed(0)} to ${times.at(-1).toFixed(0)} ms with an empty cache, of at most ${MOST_MS} ms`);
  assert.ok(all.kb <= MOST_KB, `the first load is ${all.kb.toFixed(1)} kB; import what is heavy where it is used`);
  await measureShifts(page, url);
  // The quickest one: others have the machine, too.
  assert.ok(times[0] <= MOST_MS, `the sandboxes can be used after ${times[0].toFixed(0)} ms only`);
}

/** How far what is seen moved by itself since the page was asked for, and what moved furthest. */
function shifts() {
  return new Promise((resolve) => {
    new PerformanceObserver((list) => {
      const entries = list.getEntries().filter((entry) => !entry.hadRecentInput);
      const worst = entries.flatMap((entry) => entry.sources).map(({ node }) => node?.outerHTML?.slice(0, 120) ?? "");
      resolve({ sum: entries.reduce((sum, entry) => sum + entry.value, 0), worst });
    }).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => resolve({ sum: 0, worst: [] }), 500);
  });
}

async function measureShifts(page, url) {
  const found = [];
  for (const path of PAGES) {
    await page.goto(url + path);
    await ready(page);
    const { sum, worst } = await page.evaluate(shifts);
    found.push({ path, sum, worst });
  }
  found.sort((one, other) => other.sum - one.sum);
  const [most] = found;
  console.log(`layout shift of ${found.length} pages: at most ${most.sum.toFixed(3)} (${most.path}), of at most ${MOST_SHIFT}`);
  assert.ok(most.sum <= MOST_SHIFT, `${most.path} moves by ${most.sum.toFixed(3)} while it loads: ${most.worst.join("\n")}`);
}

const running = await start();
const browser = await chromium.launch({ executablePath: executable, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server"] });
try {
  await measure(browser, running);
} finally {
  await browser.close();
  const { server } = running;
  const ended = new Promise((resolve) => server.once("exit", resolve));
  if (server.exitCode === null && server.signalCode === null && server.kill("SIGTERM")) await ended;
  rmSync(directory, { recursive: true, force: true });
}
