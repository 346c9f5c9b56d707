// Jupyter Notebook in a sandbox: the page, its kernel, and the WebSocket between them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, openSigned, url } from "./browser.mjs";

test("a cell is run over the kernel's WebSocket and its output is seen", async (t) => {
  const page = await openPage(t, { seconds: 150 });
  const sockets = [];
  page.on("websocket", (socket) => {
    const seen = { url: socket.url(), sent: 0, received: 0 };
    sockets.push(seen);
    socket.on("framesent", () => ++seen.sent);
    socket.on("framereceived", () => ++seen.received);
  });
  await openSigned(page);
  await page.getByRole("link", { name: "first.ipynb" }).waitFor();
  await page.goto(url + "notebooks/first.ipynb");
  await page.locator(".kernel_idle_icon").waitFor();
  await page.locator(".input_area .CodeMirror").first().click();
  await page.keyboard.type("import os\nprint('from', os.uname().nodename, 6 * 7)");
  await page.keyboard.press("Shift+Enter");
  const output = page.locator(".output_area pre").first();
  await output.waitFor();
  assert.match(await output.textContent(), /^from \S+ 42\n$/);
  const channels = sockets.find((one) => /\/api\/kernels\/[^/]+\/channels/.test(one.url));
  assert.ok(channels?.url.startsWith(url.replace("http", "ws")), `its WebSocket: ${JSON.stringify(sockets)}`);
  assert.ok(channels.sent > 0 && channels.received > 0, JSON.stringify(channels));
  // Debian's packages switch on an extension that comes in another one.
  assert.deepEqual(page.problems.filter((one) => !one.includes("/nbextensions/widgets/")), []);
});
