// The page at /docs in Chromium: laid out by its style, which the policy of its answer lets in, and every operation found by its link.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./browser.mjs";

const address = `${process.env.API_URL}/docs`;
const operations = process.env.OPERATIONS.split(" ");

async function open(test) {
  const page = await openPage(test);
  page.on("console", (message) => message.type() === "error" && page.problems.push(message.text()));
  await page.goto(address);
  return page;
}

test("every operation has a link that leads to it", async (t) => {
  const page = await open(t);
  const links = await page.$$eval("nav li a", (all) => all.map((one) => one.hash.slice(1)));
  assert.deepEqual([...links].sort(), [...operations].sort());
  await page.click('nav a[href="#openTerminal"]');
  assert.ok(await page.locator("#openTerminal h3").isVisible());
  await page.waitForFunction(() => {
    const { top } = document.getElementById("openTerminal").getBoundingClientRect();
    return top >= 0 && top < 100;
  });
  await page.locator("#openTerminal a", { hasText: "StartTerminal" }).click();
  await page.waitForURL(`${address}#schema-StartTerminal`);
  assert.equal(await page.locator("a[href^='#']").evaluateAll((all) => all.filter((one) => !document.getElementById(one.hash.slice(1))).length), 0);
  assert.deepEqual(page.problems, []);
});

test("it is light or dark as the reader's screen is", async (t) => {
  const page = await open(t);
  const back = () => page.$eval("body", (body) => getComputedStyle(body).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  assert.equal(await back(), "rgb(255, 255, 255)");
  await page.emulateMedia({ colorScheme: "dark" });
  assert.equal(await back(), "rgb(20, 23, 27)");
  assert.equal(await page.$eval("nav", (nav) => getComputedStyle(nav).position), "sticky");
  assert.deepEqual(page.problems, []);
});
