// What the tests of web applications share: Chromium, and the sandbox's API for what happens behind its back.
//
//   APP_URL           the signed address of the application; opening it sets a cookie and leads to APP_CLEAN_URL
//   APP_CLEAN_URL     its address, with a slash at the end
//   CHROMIUM          the browser's program
//   API_URL, API_KEY, SANDBOX
import assert from "node:assert/strict";
import { after } from "node:test";
import { chromium } from "playwright-core";

export const signedUrl = process.env.APP_URL;
export const url = process.env.APP_CLEAN_URL;

let browser;
after(() => browser?.close());

/** A page of the test's own, which ends with the test and knows nobody's cookies. All of a file share one browser. */
export async function openPage(test, { seconds = 30 } = {}) {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM,
    // Root has no sandbox of Chromium's, and small machines have little shared memory.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server"],
  });
  const context = await browser.newContext({ acceptDownloads: true });
  test.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(seconds * 1000);
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("response", (response) => {
    if (response.status() >= 400 && !response.url().endsWith("/favicon.ico")) page.problems.push(`${response.status()} ${response.url()}`);
  });
  return page;
}

/** Opens the application by its signed address, as somebody would who was sent it. */
export async function openSigned(page) {
  await page.goto(signedUrl, { waitUntil: "domcontentloaded" });
  assert.ok(page.url().startsWith(url), `${page.url()} is below ${url}`);
  assert.ok(!page.url().includes("wrenn_preview"), "the signature is gone from the address");
}

/** Path and query of where the page is, seen from the application. */
export function place(page) {
  assert.ok(page.url().startsWith(url), `${page.url()} is below ${url}`);
  return "/" + page.url().slice(url.length);
}

/** Writes a file in the sandbox. */
export async function writeFile(path, content) {
  const form = new FormData();
  form.append("path", path);
  form.append("file", new Blob([content]), "upload");
  const reply = await fetch(`${process.env.API_URL}/v1/capsules/${process.env.SANDBOX}/files/write`, {
    method: "POST",
    headers: { "X-API-Key": process.env.API_KEY },
    body: form,
  });
  assert.ok(reply.ok, `${path} was not written: ${reply.status} ${await reply.text()}`);
}

/** Waits for what no event of the browser's announces. */
export async function eventually(condition, what, seconds) {
  const deadline = Date.now() + seconds * 1000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
