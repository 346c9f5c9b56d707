// Terminals, commands and ports of a sandbox, in the dashboard: typing, a connection that is lost, a page that is loaded anew, the
// output of a command, and an application in a frame.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, checkInEveryLook, eventually, openDashboard } from "./dashboard.mjs";

let id;
before(async () => {
  id = (await api("POST", "/v1/capsules", { memory_mb: 512, labels: { test: "terminal" } })).id;
});
after(() => id && api("DELETE", `/v1/capsules/${id}`));

const pageOf = (tab) => `/dashboard/sandboxes/${id}?tab=${tab}`;
const exec = (script, more = {}) => api("POST", `/v1/capsules/${id}/exec`, { cmd: "/bin/sh", args: ["-c", script], ...more });

/** What the seen terminal shows. */
const screen = async (page) => (await page.locator(".xterm-rows:visible").innerText()).replaceAll("\u00a0", " ");
const shows = (page, text, seconds = 40) => eventually(async () => (await screen(page)).includes(text), `"${text}" in the terminal`, seconds);

async function openTerminal(t) {
  const page = await openDashboard(t, pageOf("terminal"), { seconds: 60 });
  await page.locator(".xterm-rows:visible").waitFor();
  await shows(page, "$");
  return page;
}
async function type(page, text) {
  await page.locator("[data-tag]:visible textarea").focus();
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
}

test("what is typed into a terminal is run, in any colour, and it fits its place", async (t) => {
  const page = await openTerminal(t);
  await type(page, "echo $((6*7))-answers; printf '\\033[38;2;255;100;0mtrue\\033[0mcolour\\n'");
  await shows(page, "42-answers");
  await shows(page, "truecolour");
  // A colour outside the palette is set as a property: the policy forbids style attributes.
  assert.equal(await page.locator(".xterm-rows:visible span", { hasText: /^true$/ }).first().evaluate((span) => span.style.color !== ""), true);
  await type(page, "stty size");
  const before = await eventually(async () => (await screen(page)).match(/^(\d+) (\d+)\s*$/m), "the size");
  await page.setViewportSize({ width: 768, height: 700 });
  await eventually(async () => {
    await type(page, "clear; stty size");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const now = (await screen(page)).match(/^(\d+) (\d+)\s*$/m);
    return now && Number(now[2]) < Number(before[2]);
  }, "the smaller size");
  assert.deepEqual(page.problems, []);
});

test("a terminal whose connection is lost goes on where it was, and loses no output", async (t) => {
  const page = await openDashboard(t, "/dashboard/sandboxes", { seconds: 60 });
  let sockets = [];
  let isDown = false;
  await page.routeWebSocket(/\/pty$/, (socket) => {
    if (isDown) return void socket.close({ code: 1011, reason: "cut by the test" });
    const server = socket.connectToServer();
    sockets.push({ socket, server });
  });
  await page.goto(new URL(pageOf("terminal"), page.url()).href);
  await page.locator(".xterm-rows:visible").waitFor();
  await shows(page, "$");
  await type(page, "clear; for i in 1 2 3 4 5 6 7 8 9; do echo line-$i-end; sleep 1; done");
  await shows(page, "line-2-end");
  isDown = true;
  for (const { socket, server } of sockets) {
    await server.close();
    await socket.close({ code: 1011, reason: "cut by the test" });
  }
  await page.getByText("Reconnecting").waitFor();
  sockets = [];
  await new Promise((resolve) => setTimeout(resolve, 3000));
  isDown = false;
  await page.getByRole("button", { name: "Now", exact: true }).click({ timeout: 2000 }).catch(() => {});
  await shows(page, "line-9-end");
  const lines = (await screen(page)).match(/line-\d-end/g);
  assert.deepEqual(lines, [1, 2, 3, 4, 5, 6, 7, 8, 9].map((number) => `line-${number}-end`));
  await page.getByText("Reconnecting").waitFor({ state: "detached" });
  assert.deepEqual(page.problems, []);
});

test("terminals outlive the page, and closing one asks when something runs in it", async (t) => {
  const page = await openTerminal(t);
  await type(page, "clear; echo kept-$((1+1))");
  await shows(page, "kept-2");
  const shells = async () => (await api("GET", `/v1/capsules/${id}/processes`)).processes.filter((one) => one.tag?.startsWith("term-"));
  const had = (await shells()).length;
  await page.reload();
  await page.locator(".xterm-rows:visible").waitFor();
  await shows(page, "kept-2");
  assert.equal((await shells()).length, had, "no shell was started anew");

  await page.getByRole("button", { name: "New terminal" }).click();
  await shows(page, "$");
  await eventually(async () => (await shells()).length === had + 1, "another shell");
  await type(page, "sleep 500");
  await eventually(async () => (await exec("pidof sleep || true")).stdout.trim() !== "", "sleep runs");
  await page.getByRole("button", { name: /^Close Terminal/ }).click();
  const dialog = page.getByRole("dialog", { name: "End the shell?" });
  await dialog.getByText("sleep").waitFor();
  await dialog.getByRole("button", { name: "End it" }).click();
  await eventually(async () => (await shells()).length === had, "the shell is gone");
  assert.deepEqual(page.problems, []);
});

test("the terminal is accessible in every look, and says that a sandbox sleeps", async (t) => {
  const page = await openTerminal(t);
  await checkInEveryLook(page, "terminal");
  await api("POST", `/v1/capsules/${id}/pause`, {});
  await page.getByRole("heading", { name: "The sandbox is paused" }).waitFor();
  await new Promise((resolve) => setTimeout(resolve, 2000));
  assert.equal((await api("GET", `/v1/capsules/${id}`)).status, "paused", "looking at it does not wake it");
  await page.locator("#content").getByRole("tabpanel").getByRole("button", { name: "Resume" }).click();
  await page.getByRole("heading", { name: "The sandbox is paused" }).waitFor({ state: "detached" });
  await type(page, "echo awake-$((2+2))");
  await shows(page, "awake-4");
  assert.deepEqual(page.problems, []);
});

test("a command is run, and a process is followed and ended", async (t) => {
  await exec("i=0; while :; do i=$((i+1)); echo tick-$i; sleep 0.5; done", { background: true, tag: "ticker" });
  const page = await openDashboard(t, pageOf("processes"), { seconds: 60 });
  await page.getByLabel("Command", { exact: true }).fill("echo out; echo err >&2; exit 3");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText("exit code 3").waitFor();
  const output = page.getByRole("log", { name: /^Output of echo/ });
  assert.match(await output.textContent(), /out/);
  assert.match(await output.textContent(), /err/);
  await checkInEveryLook(page, "processes");
  await page.getByRole("button", { name: "Output of ticker" }).click();
  const log = page.getByRole("log", { name: "Output of ticker" });
  await eventually(async () => /tick-\d+\ntick-\d+/.test(await log.textContent()), "what it writes");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "End ticker" }).click();
  await page.getByLabel("Signal").selectOption("SIGKILL");
  await page.getByRole("button", { name: "Send SIGKILL" }).click();
  await page.getByRole("button", { name: "End ticker" }).waitFor({ state: "detached" });
  assert.deepEqual(page.problems, []);
});

test("a port is shown in a frame, made public, and has a signed address", async (t) => {
  await exec("mkdir -p /tmp/www && echo '<h1>An app of the sandbox</h1>' > /tmp/www/index.html");
  await exec("cd /tmp/www && exec python3 -m http.server 8000", { background: true, tag: "app" });
  const page = await openDashboard(t, pageOf("ports"), { seconds: 60 });
  // The frame asks for an icon that the application does not have.
  page.allow(/404/);
  await page.getByRole("button", { name: "Preview port 8000" }).click();
  await page.frameLocator('iframe[title^="Port 8000"]').getByRole("heading", { name: "An app of the sandbox" }).waitFor();
  await page.getByRole("button", { name: "Close the preview" }).click();
  await checkInEveryLook(page, "ports");
  await page.getByRole("switch", { name: "Port 8000 is public" }).click();
  await page.getByRole("button", { name: "Make it public" }).click();
  await eventually(async () => (await api("GET", `/v1/capsules/${id}/ports`)).ports.some((port) => port.port === 8000 && port.public), "it is public");
  await page.getByRole("button", { name: "Actions of port 8000" }).click();
  await page.getByRole("menuitem", { name: "Signed address…" }).click();
  await page.getByRole("button", { name: "Make the address" }).click();
  await page.getByRole("region", { name: "Address", exact: true }).getByText("wrenn_preview=").waitFor();
  assert.deepEqual(page.problems, []);
});
