// Next.js' development server in a sandbox: a page, and its hot reload when a file is changed by the API.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { eventually, openPage, openSigned, place, url, writeFile } from "./browser.mjs";

const source = await readFile(new URL("../webapps/next/pages/index.js", import.meta.url), "utf8");

test("an edited page is seen without a navigation, and its state survives", async (t) => {
  const page = await openPage(t, { seconds: 300 });
  const sockets = [];
  const builds = { last: "", since: Date.now() };
  page.on("websocket", (socket) => {
    sockets.push(socket.url());
    socket.on("framereceived", ({ payload }) => {
      const { action } = JSON.parse(payload);
      if (["sync", "building", "built"].includes(action)) Object.assign(builds, { last: action, since: Date.now() });
    });
  });
  await openSigned(page);
  await page.getByRole("heading", { name: "The first heading" }).waitFor();
  // What counts has been hydrated, and so the scripts came through.
  await page.getByRole("button").click();
  await page.getByText("clicked 1 times").waitFor();
  await page.evaluate(() => (window.marker = "still the same page"));
  // The server looks at what the page has only after it was shown: a change before that is in what it compares with.
  await eventually(() => builds.last !== "building" && builds.last && Date.now() - builds.since > 3000, "the server at rest", 200);
  let navigations = 0;
  page.on("framenavigated", () => ++navigations);

  await writeFile("/srv/next/pages/index.js", source.replace("The first heading", "The second heading"));
  await page.getByRole("heading", { name: "The second heading" }).waitFor();
  assert.equal(await page.getByRole("button").textContent(), "clicked 1 times");
  assert.equal(await page.evaluate(() => window.marker), "still the same page");
  await page.getByRole("button").click();
  await page.getByText("clicked 2 times").waitFor();
  assert.equal(navigations, 0);
  assert.equal(place(page), "/");
  assert.ok(sockets.some((one) => one.startsWith(url.replace("http", "ws") + "_next/webpack-hmr")), `its WebSocket: ${sockets}`);
});
