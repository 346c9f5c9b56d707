// How people come in and out of the dashboard: logging in and out, signing up by mail, a new password, the theme, the keyboard.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkInEveryLook, checkPage, email, eventually, logIn, openDashboard, openPage, password, url } from "./dashboard.mjs";

/** The link in the newest mail to somebody, as they would follow it. */
async function linkTo(to, path) {
  return eventually(() => {
    const mails = readdirSync(process.env.MAIL_DIR).map((name) => readFileSync(join(process.env.MAIL_DIR, name), "utf8"));
    // Lines of a mail may be broken: "=\r\n" is nothing, "=3D" is "=".
    const texts = mails.filter((text) => text.includes(to)).map((text) => text.replaceAll(/=\r?\n/g, "").replaceAll("=3D", "="));
    const found = texts.map((text) => text.match(new RegExp(`${path}\\?token=([A-Za-z0-9_-]+)`))).filter(Boolean);
    return found.length > 0 && `${url}${path}?token=${found.at(-1)[1]}`;
  }, `a mail to ${to}`);
}

test("a wrong password is refused with what to do, and the right one leads in", async (t) => {
  const page = await openPage(t);
  page.allow(/status of 401/);
  await page.goto(`${url}/dashboard/sandboxes?status=all`);
  await page.waitForURL(`${url}/login?next=%2Fdashboard%2Fsandboxes%3Fstatus%3Dall`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill("not the password");
  await page.keyboard.press("Enter");
  const said = page.getByRole("alert");
  await said.waitFor();
  assert.match(await said.textContent(), /address or the password is wrong\..*reset the password/);
  assert.equal(await page.getByLabel("Password").inputValue(), "");
  assert.ok(await page.getByLabel("Password").evaluate((element) => element === document.activeElement), "the password has the focus");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${url}/dashboard/sandboxes?status=all`);
  assert.deepEqual(page.problems, []);
});

test("the session outlives a reload, and no token is kept where scripts find it", async (t) => {
  const page = await openPage(t);
  await logIn(page);
  await page.reload();
  await page.locator("#content").waitFor();
  assert.equal(new URL(page.url()).pathname, "/dashboard/sandboxes");
  const kept = await page.evaluate(() => ({ local: { ...localStorage }, session: JSON.stringify(sessionStorage), cookies: document.cookie }));
  // That there is a session is no secret.
  assert.deepEqual(kept.local, { wrenn_session_hint: "1" });
  assert.doesNotMatch(kept.session, /eyJ|wrn_|token/);
  assert.equal(kept.cookies, "");
  const cookie = (await page.context().cookies(`${url}/v1/auth/refresh`)).find((one) => one.name === "wrenn_session");
  assert.ok(cookie?.httpOnly && cookie.sameSite === "Strict" && cookie.path === "/v1/auth", JSON.stringify(cookie));
  assert.deepEqual(page.problems, []);
});

test("logging out ends the session everywhere in the browser", async (t) => {
  const page = await openPage(t);
  await logIn(page);
  await page.getByRole("button", { name: /^Account of/ }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.waitForURL(`${url}/login`);
  await page.goto(`${url}/dashboard/sandboxes`);
  await page.waitForURL(`${url}/login`);
  assert.deepEqual(page.problems, []);
});

test("somebody signs up, follows the link in the mail, and sets a new password later", async (t) => {
  const page = await openPage(t);
  const ann = { email: `ann-${Date.now()}@example.com`, password: "a quiet bird" };
  await page.goto(`${url}/login`);
  await page.getByRole("link", { name: "Sign up" }).click();
  await page.getByLabel("Name").fill("Ann");
  await page.getByLabel("E-mail").fill(ann.email);
  await page.getByLabel("Password", { exact: true }).fill(ann.password);
  await page.getByLabel("Password once more").fill("another bird");
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByText("The two are not the same.").waitFor();
  await page.getByLabel("Password once more").fill(ann.password);
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByRole("heading", { name: "Look into your mail" }).waitFor();

  await page.goto(await linkTo(ann.email, "/activate"));
  await page.waitForURL(`${url}/dashboard/sandboxes`);
  await page.getByRole("button", { name: "Team Ann's Team: switch" }).waitFor();
  await page.getByRole("button", { name: "Account of Ann" }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();

  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await page.waitForURL(`${url}/forgot-password`);
  await page.getByLabel("E-mail").fill(ann.email);
  await page.getByRole("button", { name: "Send the link" }).click();
  await page.getByText("a mail with a link is on its way").waitFor();
  const link = await linkTo(ann.email, "/reset-password");
  await page.goto(link);
  await page.getByLabel("New password", { exact: true }).fill("a louder bird");
  await page.getByLabel("New password once more").fill("a louder bird");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.waitForURL(`${url}/login`);
  await logIn(page, { email: ann.email, password: "a louder bird" });
  assert.deepEqual(page.problems, []);

  // A link is good once.
  page.allow(/status of 400/);
  await page.goto(link);
  await page.getByLabel("New password", { exact: true }).fill("a third bird");
  await page.getByLabel("New password once more").fill("a third bird");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByRole("link", { name: "Ask for a new link" }).waitFor();
});

test("a login by way of a provider that failed says why", async (t) => {
  const page = await openPage(t);
  await page.goto(`${url}/auth/github/callback?error=no_account`);
  await page.getByText("Nobody here is linked to this GitHub account.").waitFor();
  await checkPage(page, "a failed login by GitHub");
  await page.getByRole("link", { name: "Back to the login" }).click();
  await page.waitForURL(`${url}/login`);
});

test("the pages before the login are accessible in every look", async (t) => {
  const page = await openPage(t);
  for (const path of ["/login", "/signup", "/forgot-password", "/reset-password?token=x", "/activate", "/invitation?token=x", "/nowhere"]) {
    await page.goto(url + path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await checkInEveryLook(page, `page ${path}`);
  }
});

test("the theme follows the system until one is chosen, which is remembered", async (t) => {
  const page = await openDashboard(t, "/dashboard/sandboxes", { theme: "dark" });
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  assert.equal(await theme(), "dark");
  await page.emulateMedia({ colorScheme: "light" });
  await eventually(async () => (await theme()) === "light", "the system's theme");
  await page.getByRole("button", { name: /^Account of/ }).click();
  await page.getByRole("menuitem", { name: "Dark theme" }).click();
  assert.equal(await theme(), "dark");
  // A small script sets it before the application runs; without that there would be a flash.
  await page.route("**/_app/**/*.js", (route) => route.abort());
  page.allow(/ERR_FAILED|dynamically imported module/);
  await page.reload();
  assert.equal(await theme(), "dark");
  assert.deepEqual(page.problems, []);
});

test("everything around the pages works by keyboard", async (t) => {
  const page = await openDashboard(t);
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to the content" });
  assert.ok(await skip.evaluate((element) => element === document.activeElement), "the first stop skips to the content");
  await page.keyboard.press("Enter");
  assert.ok(await page.locator("#content").evaluate((element) => element === document.activeElement || location.hash === "#content"));

  await page.keyboard.press("Control+k");
  const palette = page.getByRole("combobox", { name: "Page, sandbox or command" });
  await palette.waitFor();
  await checkPage(page, "the command palette");
  await palette.pressSequentially("api");
  await page.getByRole("option", { name: /^API keys/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(`${url}/dashboard/keys`);

  const user = page.getByRole("button", { name: /^Account of/ });
  await user.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Settings" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("menuitem", { name: "Settings" }).waitFor({ state: "detached" });
  assert.ok(await user.evaluate((element) => element === document.activeElement), "the focus is back");
});

test("a narrow window has a drawer, and teams can be made and changed", async (t) => {
  const page = await openDashboard(t, "/dashboard/sandboxes", { width: 360 });
  await page.getByRole("button", { name: "Open the menu" }).click();
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "API keys" }).waitFor();
  await checkPage(page, "the drawer");
  await page.getByRole("button", { name: /^Team .*: switch$/ }).click();
  await page.getByRole("menuitem", { name: "New team…" }).click();
  await page.getByRole("dialog", { name: "New team" }).getByLabel("Name").fill("Night shift");
  await checkPage(page, "the dialog of a new team");
  await page.getByRole("button", { name: "Create team" }).click();
  await page.waitForURL(`${url}/dashboard/team`);
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByRole("button", { name: "Team Night shift: switch" }).click();
  await page.getByRole("menuitem").first().click();
  await page.waitForURL(`${url}/dashboard/sandboxes`);
  await eventually(async () => (await page.getByRole("button", { name: "Team Night shift: switch" }).count()) === 0, "the other team");
  assert.deepEqual(page.problems, []);
});
