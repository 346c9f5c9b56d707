// tests/apps/login_app.py in a sandbox: redirects of every kind, cookies, a form.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, openSigned, place, url } from "./browser.mjs";

async function logIn(page, name) {
  await openSigned(page);
  // Root-relative: / leads to /login.
  await page.waitForURL(url + "login?next=members");
  await page.fill("input[name=name]", name);
  await page.click("button");
  // Absolute: to http://localhost:PORT/, and from there to /members/.
  await page.waitForURL(url + "members/");
  await page.getByRole("heading", { name: `Welcome, ${name}`, exact: true }).waitFor();
}

test("a login goes through its redirects and its form", async (t) => {
  const page = await openPage(t);
  await logIn(page, "Ada & Grace");
  assert.match(await page.locator("#host").textContent(), /^localhost:\d+$/, "the application believes to be at localhost");
  assert.deepEqual(page.problems, []);
});

test("relative links and absolute redirects stay with the application", async (t) => {
  const page = await openPage(t);
  await logIn(page, "Ada");
  await page.getByRole("link", { name: "Profile" }).click();
  await page.getByRole("heading", { name: "Profile of Ada" }).waitFor();
  assert.equal(place(page), "/members/profile?tab=1");
  assert.equal(await page.locator("#query").textContent(), "tab=1");
  assert.match(await page.locator("#referer").textContent(), /^http:\/\/localhost:\d+\/members\/$/);
  await page.getByRole("link", { name: "Back" }).click();
  await page.waitForURL(url + "members/");
  // Absolute, by another name of the guest's loopback.
  await page.getByRole("link", { name: "Old" }).click();
  await page.waitForURL(url + "members/profile?from=old");
  await page.goBack();
  assert.equal(place(page), "/members/");
});

test("each cookie is sent where the application wants it, and to nobody else", async (t) => {
  const page = await openPage(t);
  await logIn(page, "Ada");
  assert.equal(await page.locator("#area").textContent(), "inner");
  await page.goto(url + "public");
  assert.equal(await page.locator("#names").textContent(), "session", "neither the other path's cookie nor the proxy's own");
  const { hostname, pathname } = new URL(url);
  const kept = Object.fromEntries((await page.context().cookies()).map((one) => [one.name, one]));
  assert.deepEqual([kept.session.domain, kept.session.path, kept.session.httpOnly], [hostname, pathname.replace(/(.)\/$/, "$1/"), true]);
  assert.deepEqual([kept.area.domain, kept.area.path], [hostname, pathname + "members"]);
});

test("the session lives on in a new tab and ends with the logout", async (t) => {
  const page = await openPage(t);
  await logIn(page, "Ada");
  const tab = await page.context().newPage();
  await tab.goto(url);
  assert.equal(place(tab), "/members/");
  await page.getByRole("link", { name: "Log out" }).click();
  await page.waitForURL(url + "login?next=members");
  assert.deepEqual((await page.context().cookies()).map((one) => one.name).filter((name) => ["session", "area"].includes(name)), []);
  await tab.goto(url + "members/profile");
  assert.equal(place(tab), "/login");
});

test("a form that another site sends does not reach the application", async (t) => {
  const page = await openPage(t);
  await logIn(page, "Ada");
  const elsewhere = await page.context().newPage();
  await elsewhere.setContent(`<form method=post action="${url}login"><input name=name value=Mallory><button>Win</button></form>`);
  const [answer] = await Promise.all([elsewhere.waitForResponse(url + "login"), elsewhere.click("button")]);
  assert.equal(answer.status(), 403);
  await elsewhere.getByRole("heading", { name: "This port is private" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Welcome, Ada" }).waitFor();
});
