// Pictures of the dashboard for README and docs, each taken when nothing is being loaded any more. Run by scripts/screenshots.py,
// whose `Example` is what they show.
//
//   what dashboard.mjs reads, and
//   PICTURES     the directory that they go to
//   CONTENT      JSON: ids of sandboxes and of a build by what they are there for
//   WIDTH        of the window, in pixels
//   NAMES        those that are wanted, separated by commas; all unless given
import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, openDashboard, settled } from "./dashboard.mjs";

const content = JSON.parse(process.env.CONTENT);
const width = Number(process.env.WIDTH);
const wanted = process.env.NAMES ? process.env.NAMES.split(",") : null;
// They are in git, and come with every clone.
const MOST_BYTES = 150_000;
const MOST_LOOKS = 20;
const BETWEEN_MS = 300;

const sandbox = (id, tab = "") => `/dashboard/sandboxes/${id}${tab && `?tab=${tab}`}`;
const live = (page) => page.getByRole("status").getByText("Live", { exact: true }).waitFor();

/** The page as it looks twice in a row: what a frame or a canvas draws is there a little after its elements. */
async function steady(page, name) {
  let before = null;
  for (let i = 0; i < MOST_LOOKS; ++i) {
    const now = await page.screenshot({ caret: "hide" });
    if (before?.equals(now)) return now;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
  }
  throw new Error(`${name} goes on changing`);
}

/** A picture of the page at `path`; its name is looked for where this is called. Taken once `ready(page)` has seen what it is about. */
function picture(name, path, ready, options = {}) {
  test(name, { skip: wanted !== null && !wanted.includes(name) && "it is not wanted" }, async (t) => {
    const page = await openDashboard(t, path, { width, seconds: 60, ...options });
    await ready(page);
    // Nothing is under the mouse.
    await page.mouse.move(0, 0);
    await settled(page);
    const file = join(process.env.PICTURES, `${name}.png`);
    writeFileSync(file, await steady(page, name));
    assert.deepEqual(page.problems, []);
    assert.ok(statSync(file).size <= MOST_BYTES, `${file} has ${statSync(file).size} bytes; make it show less`);
  });
}

async function list(page) {
  await live(page);
  await page.getByRole("row").filter({ hasText: content.analyst }).waitFor();
}

picture("sandboxes-light", "/dashboard/sandboxes", list);
picture("sandboxes-dark", "/dashboard/sandboxes", list, { theme: "dark" });

async function overview(page) {
  await live(page);
  for (const chart of ["CPU", "Memory", "Disk", "Network"]) await page.getByRole("img", { name: new RegExp(`^${chart}: .*\\d`) }).locator("canvas").waitFor();
}
picture("sandbox", sandbox(content.analyst), overview);

async function terminal(page) {
  await live(page);
  const screen = page.locator(".xterm-rows:visible");
  const shows = (text) => eventually(async () => (await screen.innerText()).replaceAll("\u00a0", " ").includes(text), `"${text}" in the terminal`, 60);
  await screen.waitFor();
  await shows("$");
  for (const [command, answer] of [
    ["cd ~/rainfall && ls", "simulate.py"],
    ["python3 report.py", "ridge"],
    ["python3 -m unittest -v", "OK"],
    ["tail -n 3 simulated.log && uname -sr", "Linux"],
  ]) {
    await page.locator("[data-tag]:visible textarea").focus();
    await page.keyboard.type(command);
    await page.keyboard.press("Enter");
    await shows(answer);
    // The prompt is there again.
    await eventually(async () => /\$\s*$/.test((await screen.innerText()).replaceAll("\u00a0", " ").trimEnd()), "the next prompt", 60);
  }
}
picture("terminal", sandbox(content.analyst, "terminal"), terminal, { theme: "dark" });

async function forks(page) {
  await live(page);
  await page.getByRole("group", { name: "Fork tree" }).getByText("bin-packing@1").waitFor();
}
picture("forks", sandbox(content.solver, "snapshots"), forks);

async function files(page) {
  await page.getByRole("button", { name: "Type a path" }).click();
  await page.getByLabel("Path of a folder").fill("/home/user/rainfall");
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: "Folder /home/user/rainfall" }).getByText("report.py", { exact: true }).click();
  await page.getByRole("textbox", { name: "Text of report.py" }).waitFor();
}
picture("files", sandbox(content.analyst, "files"), files);

async function port(page) {
  await page.getByRole("button", { name: "Actions of port 8000" }).click();
  await page.getByRole("menuitem", { name: "Preview" }).click();
  const heading = page.frameLocator('iframe[title^="Port 8000"]').getByRole("heading", { name: "Apple cake" });
  // Elements are there before they are drawn, and before the style sheet is.
  await heading.evaluate(async () => {
    while (document.readyState !== "complete") await new Promise((resolve) => setTimeout(resolve, 50));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  });
}
picture("port", sandbox(content.site, "ports"), port);

async function build(page) {
  await page.getByText("Ready").waitFor();
  await page.getByRole("list", { name: "Steps" }).getByText(/with SQLite/).first().waitFor();
}
picture("build", `/dashboard/builds/${content.build}`, build);

picture("keys", "/dashboard/keys", async (page) => page.getByText("template builds").waitFor());
