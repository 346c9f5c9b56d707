// Keys, a team, one's account, usage, the log of changes, channels, hosts and the pages of administrators, as people use them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { api, checkInEveryLook, checkPage, openDashboard, url } from "./dashboard.mjs";

const once = String(Date.now());

test("a key is made with scopes and an end, shown once, good for what it says, and revoked", async (t) => {
  const page = await openDashboard(t, "/dashboard/keys");
  await page.getByRole("table", { name: "API keys" }).waitFor();
  await checkInEveryLook(page, "API keys");
  await page.getByRole("button", { name: "New key" }).first().click();
  const form = page.getByRole("dialog", { name: "New API key" });
  await form.getByLabel("Name").fill(`night ${once}`);
  await form.getByLabel("Expires").selectOption({ label: "In 7 days" });
  await form.getByLabel("Everything").uncheck();
  assert.ok(await form.getByRole("button", { name: "Create key" }).isDisabled(), "a key for nothing is not made");
  await form.getByLabel("templates:read").check();
  await checkPage(page, "the dialog of a new key");
  await form.getByRole("button", { name: "Create key" }).click();
  const shown = page.getByRole("dialog", { name: `Key “night ${once}”` });
  const key = (await shown.getByRole("region", { name: "API key" }).textContent()).trim();
  assert.match(key, /^wrn_[0-9a-f]{32}$/);
  await checkPage(page, "a key that is shown once");
  const asked = (path) => fetch(url + path, { headers: { "X-API-Key": key } }).then((reply) => reply.status);
  assert.equal(await asked("/v1/snapshots"), 200);
  assert.equal(await asked("/v1/capsules"), 403);
  await page.keyboard.press("Escape");
  assert.ok(await shown.isVisible(), "it is not closed by accident");
  await shown.getByRole("button", { name: "I have copied it" }).click();
  const row = page.getByRole("row", { name: new RegExp(`night ${once}`) });
  await row.waitFor();
  assert.ok(!(await page.content()).includes(key), "the key is nowhere any more");
  await row.getByRole("button", { name: /^Revoke/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke key" }).click();
  await row.waitFor({ state: "detached" });
  assert.equal(await asked("/v1/snapshots"), 401);
  assert.deepEqual(page.problems, []);
});

test("a team is made, renamed, somebody is invited, and it is deleted by its name", async (t) => {
  const page = await openDashboard(t);
  await page.getByRole("button", { name: /^Team .*: switch$/ }).click();
  await page.getByRole("menuitem", { name: "New team…" }).click();
  await page.getByRole("dialog", { name: "New team" }).getByLabel("Name").fill(`Day ${once}`);
  await page.getByRole("button", { name: "Create team" }).click();
  await page.waitForURL(`${url}/dashboard/team`);
  await page.getByRole("table", { name: "Members" }).getByText("Owner").waitFor();
  await checkInEveryLook(page, "a team");

  const name = page.getByRole("main").getByLabel("Name");
  await name.fill("a/b");
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByText("Use letters, digits, spaces").waitFor();
  await name.fill(`Dusk ${once}`);
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByRole("button", { name: `Team Dusk ${once}: switch` }).waitFor();

  await page.getByRole("button", { name: "Invite" }).click();
  const invite = page.getByRole("dialog", { name: "Invite somebody" });
  await invite.getByLabel("E-mail").fill(`bob-${once}@example.com`);
  await checkPage(page, "the dialog of an invitation");
  await invite.getByRole("button", { name: "Send invitation" }).click();
  await page.getByRole("button", { name: `Withdraw the invitation of bob-${once}@example.com` }).click();
  await page.getByText("Nobody is invited at the moment.").waitFor();

  assert.ok(await page.getByRole("button", { name: "Leave team" }).isDisabled(), "an owner stays");
  await page.getByRole("button", { name: "Delete team" }).click();
  const dialog = page.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: "Delete team" });
  assert.ok(await confirm.isDisabled(), "the name has to be typed");
  await dialog.getByRole("textbox").fill(`Dusk ${once}`);
  await confirm.click();
  await page.waitForURL(`${url}/dashboard/sandboxes`);
  assert.deepEqual(page.problems, []);
});

test("the settings show the account, its sessions and the theme", async (t) => {
  const page = await openDashboard(t, "/dashboard/settings");
  await page.getByText("This one").waitFor();
  await checkInEveryLook(page, "settings");
  await page.getByLabel("Dark").check();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.getByLabel("New password", { exact: true }).fill("one bird");
  await page.getByLabel("New password once more").fill("two birds");
  await page.getByLabel("Current password").fill("x");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("The two are not the same.").waitFor();
  await page.getByRole("button", { name: "Delete account" }).click();
  assert.ok(await page.getByRole("dialog").getByRole("button", { name: "Delete account" }).isDisabled(), "the address has to be typed");
  assert.deepEqual(page.problems, []);
});

test("usage and quotas are shown for any range", async (t) => {
  const page = await openDashboard(t, "/dashboard/usage");
  await page.getByRole("img", { name: /^vCPU-hours: .* in 30 days/ }).waitFor();
  await page.getByText(/of|no limit/).first().waitFor();
  await checkInEveryLook(page, "usage");
  await page.getByLabel("Range").selectOption({ label: "Last 7 days" });
  await page.getByRole("img", { name: /^vCPU-hours: .* in 7 days/ }).waitFor();
  await page.getByLabel("Range").selectOption({ label: "Own range" });
  await page.getByLabel("From").fill("2020-01-01");
  await page.getByText("Take 92 days at most.").waitFor();
  assert.deepEqual(page.problems, []);
});

test("the log of changes is filtered, looked into, and saved as a file", async (t) => {
  const page = await openDashboard(t, "/dashboard/audit");
  const table = page.getByRole("table", { name: "Entries" });
  await table.getByText("api_key.revoke").first().waitFor();
  await checkInEveryLook(page, "the log of changes");
  await page.getByLabel("Action").fill("api_key.create");
  await table.getByText("api_key.revoke").first().waitFor({ state: "detached" });
  await table.getByRole("button", { name: "Details of api_key.create" }).first().click();
  await page.getByRole("dialog", { name: "api_key.create" }).getByText("Request").waitFor();
  await checkPage(page, "an entry of the log");
  await page.keyboard.press("Escape");
  await page.getByLabel("By", { exact: true }).fill("nobody at all");
  await page.getByText("Nothing matches").waitFor();
  await page.getByLabel("By", { exact: true }).fill("USER");
  await table.getByText("api_key.create").first().waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
  const lines = readFileSync(await download.path(), "utf8").trim().split("\n");
  assert.match(lines[0], /^created_at,id,/);
  assert.ok(lines.length > 1 && lines.slice(1).every((line) => line.includes("api_key.create")), lines.join("\n"));
  assert.deepEqual(page.problems, []);
});

test("a channel is made in two steps, its secret is shown once, and it is switched off and deleted", async (t) => {
  const page = await openDashboard(t, "/dashboard/channels");
  await page.getByRole("button", { name: "New channel" }).first().click();
  await checkPage(page, "the choice of a provider");
  await page.getByRole("button", { name: /^Webhook/ }).click();
  const form = page.getByRole("dialog", { name: "New Webhook channel" });
  await form.getByLabel("Name").fill(`ops-${once}`);
  await form.getByRole("button", { name: "Create channel" }).click();
  await form.getByText("This is needed.").waitFor();
  await form.getByLabel("Address").fill("https://example.com/hook");
  await checkPage(page, "the dialog of a new channel");
  await form.getByRole("button", { name: "Create channel" }).click();
  const shown = page.getByRole("dialog", { name: `Secret of ops-${once}` });
  assert.ok((await shown.getByRole("region", { name: "Secret" }).textContent()).trim().length >= 16);
  await shown.getByRole("button", { name: "I have copied it" }).click();
  const row = page.getByRole("row", { name: new RegExp(`ops-${once}`) });
  await row.waitFor();
  await checkInEveryLook(page, "channels");
  const choose = async (item) => {
    await row.getByRole("button", { name: /^Actions of/ }).click();
    await page.getByRole("menuitem", { name: item }).click();
  };
  await choose("Switch off");
  await row.getByText("Off").waitFor();
  await choose("Deliveries");
  await page.getByText("Nothing was delivered yet").waitFor();
  await page.keyboard.press("Escape");
  await choose("Delete…");
  await page.getByRole("dialog").getByRole("button", { name: "Delete channel" }).click();
  await row.waitFor({ state: "detached" });
  assert.deepEqual(page.problems, []);
});

test("an administrator adds a host, gets its command once, and removes it; sees users, teams and quotas", async (t) => {
  const page = await openDashboard(t, "/admin/hosts");
  page.allow(/status of 404/);  // A team without a quota of its own.
  await page.getByRole("article").first().waitFor();
  await page.getByRole("button", { name: "Add host" }).click();
  const form = page.getByRole("dialog", { name: "Add host" });
  await form.getByLabel("Name").fill(`rack-${once}`);
  await form.getByLabel("Labels").fill("zone=a");
  await form.getByRole("button", { name: "Add host" }).click();
  const shown = page.getByRole("dialog", { name: `Register rack-${once}` });
  assert.match(await shown.getByRole("region", { name: "Command" }).textContent(), /WRENN_REGISTRATION_TOKEN=\S+\nwrenn-agent /);
  await shown.getByRole("button", { name: "I have copied it" }).click();
  const card = page.getByRole("article", { name: `Host rack-${once}` });
  await card.getByText("zone=a").waitFor();
  await checkInEveryLook(page, "hosts");
  await card.getByRole("button", { name: /^Actions of/ }).click();
  await page.getByRole("menuitem", { name: "Remove…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("No sandboxes are on it.").waitFor();
  await dialog.getByRole("textbox").fill(`rack-${once}`);
  await dialog.getByRole("button", { name: "Remove host" }).click();
  await card.waitFor({ state: "detached" });

  await page.goto(`${url}/admin/teams`);
  await page.getByRole("table", { name: "Teams" }).getByText("Deleted").first().waitFor();
  await checkInEveryLook(page, "teams of the platform");
  await page.getByRole("button", { name: /^Actions of/ }).first().click();
  await page.getByRole("menuitem", { name: "Quota…" }).click();
  const quota = page.getByRole("dialog", { name: /^Quota of/ });
  await quota.getByLabel("Sandboxes").fill("50");
  await quota.getByRole("button", { name: "Save" }).click();
  await quota.waitFor({ state: "detached" });
  await page.getByRole("button", { name: /^Actions of/ }).first().click();
  await page.getByRole("menuitem", { name: "Quota…" }).click();
  await quota.getByRole("button", { name: "Remove quota" }).click();
  await quota.waitFor({ state: "detached" });
  const { id, host_id: hostId } = await api("POST", "/v1/capsules", { labels: { test: "platform" } });
  await page.goto(`${url}/admin/hosts`);
  const first = page.getByRole("article").filter({ hasText: "vCPUs" }).first();
  await first.getByText("Sandboxes on it").click();
  await first.getByText(id).waitFor();
  await checkInEveryLook(page, "a host with sandboxes");
  await page.goto(`${url}/admin/sandboxes`);
  await page.getByLabel("Host").fill(hostId);
  await page.getByRole("row").filter({ hasText: id }).getByText("Running").waitFor();
  await checkInEveryLook(page, "sandboxes of the platform");
  await page.getByRole("button", { name: `Destroy ${id}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Destroy", exact: true }).click();
  await page.getByRole("row").filter({ hasText: id }).waitFor({ state: "detached" });
  assert.equal((await api("GET", `/v1/capsules/${id}`)).status, "stopped");

  for (const [path, what] of [["users", "Users"], ["templates", "Images"], ["audit", "Entries"]]) {
    await page.goto(`${url}/admin/${path}`);
    await page.getByLabel(what, { exact: true }).first().waitFor();
    await checkPage(page, `platform: ${path}`);
  }
});
