// python3 -m http.server in a sandbox, clicked through. Its directory is made by tests/test_proxy_apps.py:
//
//   APP_SHA256, APP_SIZE    of the file "big file.bin"
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { test } from "node:test";
import { openPage, openSigned, place, signedUrl, url } from "./browser.mjs";

const follow = (page, name) => page.getByRole("link", { name, exact: true }).click();

test("a stranger gets nothing, and a signed address opens the listing", async (t) => {
  const page = await openPage(t);
  const refused = await page.goto(url);
  assert.equal(refused.status(), 403);
  await openSigned(page);
  assert.equal(place(page), "/");
  assert.match(await page.locator("h1").textContent(), /Directory listing for \//);
  // The cookie goes on opening it.
  assert.equal((await page.reload()).status(), 200);
});

test("nested directories with difficult names are clicked through, and back", async (t) => {
  const page = await openPage(t);
  await openSigned(page);
  const names = ["first dir/", "100% & more/", "deep #1?/", "grün 日本/"];
  const places = [place(page)];
  for (const name of names) {
    await follow(page, name);
    await page.waitForURL((at) => decodeURIComponent(at.pathname).endsWith("/" + name));
    places.push(place(page));
  }
  await follow(page, "über #7 100%.txt");
  await page.getByText("found at last").waitFor();
  for (const earlier of places.reverse()) {
    await page.goBack();
    assert.equal(place(page), earlier);
  }
  await page.goForward();
  assert.equal(decodeURIComponent(place(page)), "/first dir/");
  await page.goto(new URL("..", page.url()).href);
  assert.equal(place(page), "/");
  assert.deepEqual(page.problems, []);
});

test("a directory without its slash is redirected to one with it", async (t) => {
  const page = await openPage(t);
  await openSigned(page);
  const response = await page.goto(url + "first%20dir");
  assert.equal(place(page), "/first%20dir/");
  assert.equal(response.status(), 200);
  assert.ok(await page.getByRole("link", { name: "100% & more/", exact: true }).isVisible());
});

test("what is not there is the application's own 404", async (t) => {
  const page = await openPage(t);
  await openSigned(page);
  const response = await page.goto(url + "nothing%20here");
  assert.equal(response.status(), 404);
  assert.match(await page.locator("body").textContent(), /File not found/);
});

test("a big file is downloaded whole", async (t) => {
  const page = await openPage(t, { seconds: 110 });
  await openSigned(page);
  const [download] = await Promise.all([page.waitForEvent("download"), follow(page, "big file.bin")]);
  assert.equal(download.suggestedFilename(), "big file.bin");
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of createReadStream(await download.path())) {
    hash.update(chunk);
    size += chunk.length;
  }
  assert.equal(size, Number(process.env.APP_SIZE));
  assert.equal(hash.digest("hex"), process.env.APP_SHA256);
});

test("a signature that was tampered with opens nothing", async (t) => {
  const page = await openPage(t);
  const forged = new URL(signedUrl);
  const token = forged.searchParams.get("wrenn_preview");
  forged.searchParams.set("wrenn_preview", token.slice(0, -1) + (token.endsWith("A") ? "B" : "A"));
  assert.equal((await page.goto(forged.href)).status(), 403);
  assert.equal((await page.goto(url)).status(), 403);
});
