// What the tests of the dashboard share: a browser, somebody who is logged in, and what must hold on every page.
//
//   DASHBOARD_URL     of the control plane, without a slash at the end
//   CHROMIUM          the browser's program
//   EMAIL, PASSWORD   of the first user, who is administrator
//   API_KEY           of the platform's own team
//   MAIL_DIR          where mails become files
//   SCREENSHOTS       a directory for pictures of the pages that are checked; may be missing
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after } from "node:test";
import { chromium } from "playwright-core";

export const url = process.env.DASHBOARD_URL;
export const email = process.env.EMAIL;
export const password = process.env.PASSWORD;
export const THEMES = ["light", "dark"];
export const WIDTHS = [360, 768, 1280];

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

let browser;
after(() => browser?.close());

/** A page of a browser that knows nobody. `page.problems` gathers what must not be: errors in the console, exceptions, and what
 * the content security policy forbids. `page.allow(/pattern/)` says which a test brings about itself. */
export async function openPage(test, { theme = "light", width = 1280, height = 800, seconds = 30, storageState } = {}) {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM,
    // Root has no sandbox of Chromium's, and small machines have little shared memory.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server"],
  });
  const context = await browser.newContext({
    colorScheme: theme,
    viewport: { width, height },
    reducedMotion: "reduce",
    acceptDownloads: true,
    storageState,
  });
  test.after(async () => {
    if (page.isFirstUsers) await keepSession(context);
    await context.close();
  });
  await context.addInitScript({ path: AXE });
  const page = await context.newPage();
  page.setDefaultTimeout(seconds * 1000);
  const allowed = [];
  page.problems = [];
  page.allow = (pattern) => allowed.push(pattern);
  const note = (text) => {
    if (!allowed.some((pattern) => pattern.test(text))) page.problems.push(text);
  };
  page.on("pageerror", (error) => note(`exception: ${error.stack ?? error}`));
  page.on("console", (message) => {
    if (message.type() === "error" || /Content Security Policy|Content-Security-Policy/.test(message.text())) {
      note(`console: ${message.text()} (${message.location().url})`);
    }
  });
  return page;
}

/** Logs in by the form, as people do. */
export async function logIn(page, as = { email, password }) {
  await page.goto(`${url}/login`);
  await page.getByLabel("E-mail").fill(as.email);
  await page.getByLabel("Password").fill(as.password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.waitForURL(`${url}/dashboard/**`);
}

let session;

async function keepSession(context) {
  const state = await context.storageState();
  // Not what somebody chose, such as a theme.
  for (const origin of state.origins) origin.localStorage = origin.localStorage.filter((item) => item.name === "wrenn_session_hint");
  session = state.cookies.length > 0 ? state : undefined;
}

/** A page of the first user's, at `path`. Only the first one logs in by the form: the others get the cookie that it has in the end,
 * since each is good once; so their pages take turns. */
export async function openDashboard(test, path = "/dashboard/sandboxes", options = {}) {
  const page = await openPage(test, { ...options, storageState: session });
  if (session) await page.goto(url + path);
  else {
    await logIn(page);
    if (path !== "/dashboard/sandboxes") await page.goto(url + path);
  }
  await page.getByRole("main").waitFor();
  await page.locator("#content").waitFor();
  page.isFirstUsers = true;
  await keepSession(page.context());
  return page;
}

/** What holds on every page: no error so far, nothing wider than the window, and no complaint of axe's. */
export async function checkPage(page, what) {
  await settled(page);
  const wide = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll("body *")]
      .filter((element) => element.getBoundingClientRect().right > width + 1)
      .map((element) => `<${element.tagName.toLowerCase()} class="${element.getAttribute("class") ?? ""}">`)
      .slice(0, 5);
  });
  assert.deepEqual(wide, [], `${what}: wider than the window`);
  const violations = await page.evaluate(async () => {
    const found = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return found.violations.map((one) => ({ rule: one.id, help: one.help, where: one.nodes.slice(0, 4).map((node) => `${node.target.join(" ")} ${node.failureSummary?.split("\n")[1] ?? ""}`) }));
  });
  assert.deepEqual(violations, [], `${what}: axe complains`);
  assert.deepEqual(page.problems, [], `${what}: problems`);
  if (process.env.SCREENSHOTS) {
    mkdirSync(process.env.SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `${what.replaceAll(/[^A-Za-z0-9]+/g, "-")}.png`), fullPage: true });
  }
}

/** checkPage() in both themes and at three widths, without loading the page anew. */
export async function checkInEveryLook(page, what) {
  const before = page.viewportSize();
  for (const theme of THEMES) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: before.height });
      await checkPage(page, `${what}, ${theme}, ${width} px`);
    }
  }
  await page.setViewportSize(before);
}

/** Nothing is being loaded and nothing moves any more, as far as that ends. */
export async function settled(page) {
  await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
  await page.evaluate(async () => {
    await document.fonts.ready;
    await Promise.all(document.getAnimations().filter((one) => one.effect?.getComputedTiming().iterations !== Infinity).map((one) => one.finished.catch(() => {})));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  });
}

/** The API with the key of the platform's own team, for what happens behind the page's back. */
export async function api(method, path, body) {
  const reply = await fetch(url + path, {
    method,
    headers: { "X-API-Key": process.env.API_KEY, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

/** Waits for what no event of the browser's announces. */
export async function eventually(condition, what, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    assert.ok(Date.now() < deadline, `${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
