// Sandboxes in the dashboard, as a person uses them: the first one in three clicks, a list that is live, and the page of one.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { api, checkInEveryLook, checkPage, eventually, openDashboard, url } from "./dashboard.mjs";

const list = () => api("GET", "/v1/capsules");
const create = (body = {}) => api("POST", "/v1/capsules", body);
const row = (page, id) => page.getByRole("row").filter({ hasText: id });
const state = (page, id, name) => row(page, id).getByText(name, { exact: true });

async function destroyAll() {
  for (const one of await list()) await api("DELETE", `/v1/capsules/${one.id}`);
}

test("an empty system leads to a running sandbox with a terminal in three clicks", async (t) => {
  await destroyAll();
  const page = await openDashboard(t);
  await page.getByRole("heading", { name: "No sandboxes yet" }).waitFor();
  await checkInEveryLook(page, "no sandboxes");

  await page.getByRole("button", { name: "Create a sandbox" }).click();
  const dialog = page.getByRole("dialog", { name: "New sandbox" });
  await dialog.getByText(/^Image/).waitFor();
  await checkInEveryLook(page, "the dialog of a new sandbox");
  await dialog.getByRole("button", { name: "Create sandbox" }).click();
  await page.waitForURL(/\/dashboard\/sandboxes\/cl-[0-9a-z]+\?tab=terminal$/, { timeout: 90_000 });
  const id = new URL(page.url()).pathname.split("/").at(-1);
  await page.getByRole("heading", { level: 1, name: id }).waitFor();
  await page.getByText("Running", { exact: true }).first().waitFor();
  assert.equal(await page.getByRole("tab", { name: "Terminal", exact: true }).getAttribute("aria-selected"), "true");
  assert.equal((await api("GET", `/v1/capsules/${id}`)).status, "running");
  assert.deepEqual(page.problems, []);
});

test("the dialog says what is wrong at the field, and its curl call makes what it would make", async (t) => {
  const page = await openDashboard(t);
  await row(page, "cl-").first().waitFor();
  await page.keyboard.press("c");
  const dialog = page.getByRole("dialog", { name: "New sandbox" });
  await dialog.getByLabel("Timeout").fill("soon");
  await dialog.getByRole("button", { name: "Create sandbox" }).click();
  await dialog.getByText("Write a time like 90s, 15m, 1h or 7d, or never.").waitFor();
  assert.ok(await dialog.getByLabel("Timeout").evaluate((element) => element === document.activeElement), "the field has the focus");
  await dialog.getByLabel("Timeout").fill("15m");
  await dialog.getByRole("button", { name: "Add label" }).click();
  await page.keyboard.type("user");
  await dialog.getByLabel("Value of label 1").fill("it's ann");
  await dialog.getByText("The same by CLI, curl or code").click();
  await dialog.getByText("wrenn sandbox create --timeout 15m --label 'user=it'\\''s ann'").waitFor();
  await dialog.getByRole("tab", { name: "curl" }).click();
  const command = await dialog.getByRole("region", { name: "curl" }).textContent();
  const made = JSON.parse(execFileSync("bash", ["-c", `${command} -sS`], { env: { ...process.env, WRENN_API_KEY: process.env.API_KEY }, encoding: "utf8" }));
  assert.deepEqual([made.status, made.timeout_sec, made.labels], ["running", 900, { user: "it's ann" }]);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  // Nobody reloaded the page.
  await row(page, made.id).waitFor();
  assert.deepEqual(page.problems, []);
});

test("the list is live, narrowed by the address, and used by keyboard and in bulk", async (t) => {
  const page = await openDashboard(t);
  const made = await create({ labels: { team: "night", job: "1" } });
  const other = (await list()).find((one) => one.id !== made.id);
  await state(page, made.id, "Running").waitFor();
  await api("POST", `/v1/capsules/${made.id}/pause`);
  await state(page, made.id, "Paused").waitFor();
  await checkInEveryLook(page, "the list of sandboxes");

  await page.getByLabel("Search by id or label").fill("night");
  await page.waitForURL(/\?q=night$/);
  await row(page, other.id).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "State: all that are there" }).click();
  await page.getByRole("menuitem", { name: "Paused" }).click();
  await page.waitForURL(/\?q=night&status=paused$/);
  await page.reload();
  await row(page, made.id).waitFor();
  assert.equal(await page.getByLabel("Search by id or label").inputValue(), "night");
  await api("POST", `/v1/capsules/${made.id}/resume`);
  await page.getByText("No sandbox fits the filters").waitFor();
  await page.getByRole("button", { name: "Clear filters" }).last().click();
  await row(page, other.id).waitFor();
  await page.getByLabel("Label, as name=value").fill("team=night");
  await page.keyboard.press("Enter");
  await row(page, other.id).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Without the filter team=night" }).click();
  await row(page, other.id).waitFor();

  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  const bar = page.getByRole("region", { name: "With those that are chosen" });
  await bar.getByText("2 sandboxes chosen").waitFor();
  await bar.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("dialog", { name: "Pause 2 sandboxes" }).getByRole("button", { name: "Pause" }).click();
  await page.getByText("2 sandboxes were paused").waitFor({ timeout: 60_000 });
  await eventually(async () => (await list()).filter((one) => one.status === "paused").length === 2, "two are paused");
  await checkPage(page, "chosen sandboxes");

  // What cannot be done to one is told for it, and the others are done.
  await bar.getByRole("button", { name: "Destroy" }).click();
  const dialog = page.getByRole("dialog", { name: "Destroy 2 sandboxes" });
  await checkPage(page, "the dialog of many");
  await page.route(`**/v1/capsules/${made.id}`, (route) => route.fulfill({ status: 503, json: { error: { code: "host_unavailable", message: "the host does not answer" } } }));
  page.allow(/status of 503/);
  await dialog.getByRole("button", { name: "Destroy" }).click();
  await page.getByText("1 of 2 sandboxes was destroyed.").waitFor({ timeout: 60_000 });
  await page.getByText("The host does not answer.").waitFor();
  await page.getByRole("button", { name: "Close" }).last().click();
  await eventually(async () => (await list()).some((one) => one.id === made.id), "the one that could not be destroyed is there");
  assert.deepEqual(page.problems, []);
});

test("a sandbox has its facts, labels, limits and charts, and its page is live", async (t) => {
  await destroyAll();
  const made = await create({ labels: { user: "ann" } });
  const page = await openDashboard(t, `/dashboard/sandboxes/${made.id}`);
  await page.getByRole("heading", { level: 1, name: made.id }).waitFor();
  await page.getByRole("button", { name: "Edit labels" }).click();
  await page.getByLabel("Value of label 1").fill("ben");
  await page.getByRole("button", { name: "Save labels" }).click();
  await page.getByText("user=ben").waitFor();
  assert.deepEqual((await api("GET", `/v1/capsules/${made.id}`)).labels, { user: "ben" });

  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Time limits…" }).click();
  await page.getByRole("dialog", { name: "Time limits" }).getByLabel("Timeout").fill("2h");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("after 2 h without use").waitFor();

  await page.getByRole("img", { name: /^CPU: CPU \d/ }).waitFor({ timeout: 60_000 });
  await page.getByRole("group", { name: "Range of the charts" }).getByRole("button", { name: "1h" }).click();
  await checkInEveryLook(page, "a sandbox");

  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByRole("button", { name: "Resume", exact: true }).waitFor({ timeout: 60_000 });
  await api("POST", `/v1/capsules/${made.id}/resume`);
  await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
  assert.deepEqual(page.problems, []);
});

test("forks and snapshots are a tree, and all that happened is a timeline", async (t) => {
  const [made] = await list();
  const page = await openDashboard(t, `/dashboard/sandboxes/${made.id}?tab=snapshots`);
  await page.getByRole("button", { name: "Make a snapshot" }).click();
  const dialog = page.getByRole("dialog", { name: "Make a snapshot" });
  await dialog.getByLabel("Name").fill("not a name");
  await dialog.getByText("It begins with a letter or digit").waitFor();
  await dialog.getByLabel("Name").fill("frozen");
  await dialog.getByRole("button", { name: "Make snapshot" }).click();
  await page.getByText("Template frozen, version 1, was made").waitFor({ timeout: 60_000 });
  await page.getByRole("table", { name: "Snapshots of this sandbox" }).getByText("frozen").waitFor();

  await page.getByRole("button", { name: "Fork…" }).click();
  await page.getByRole("dialog", { name: "Fork the sandbox" }).getByRole("button", { name: "Fork", exact: true }).click();
  await page.getByText("1 copy made").waitFor({ timeout: 90_000 });
  const fork = (await list()).find((one) => one.id !== made.id);
  const tree = page.getByRole("group", { name: "Fork tree" });
  await tree.getByText(fork.id).waitFor();
  await tree.getByText("frozen@1").waitFor();
  await checkInEveryLook(page, "the fork tree");
  await page.getByText("The same as a list").click();
  await page.getByRole("link", { name: `Sandbox ${fork.id}, running` }).waitFor();

  // From a node to the next by the keyboard, and to its page.
  await tree.getByRole("link").filter({ hasText: made.id }).focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: fork.id }).waitFor();
  await tree.getByText(made.id).waitFor();

  await page.setViewportSize({ width: 360, height: 800 });
  await page.goto(`${url}/dashboard/sandboxes/${made.id}?tab=activity`);
  const timeline = page.getByRole("list", { name: "Activity" });
  for (const what of ["Created", "Labels changed", "Time limits changed", "Paused", "Resumed", "Forked"]) {
    await timeline.getByText(what, { exact: true }).first().waitFor();
  }
  await timeline.getByText(/^by (API key|Administrator|Admin)/).first().waitFor();
  const isInSight = ({ left, right }) => left >= 0 && right <= 360;
  assert.ok(isInSight(await page.getByRole("tab", { name: "Activity", exact: true }).evaluate((tab) => tab.getBoundingClientRect().toJSON())), "the chosen tab is in sight");
  await page.setViewportSize({ width: 1280, height: 800 });
  await checkInEveryLook(page, "the activity of a sandbox");

  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Destroy…" }).click();
  await page.getByRole("dialog", { name: "Destroy the sandbox?" }).getByRole("button", { name: "Destroy" }).click();
  await page.waitForURL(`${url}/dashboard/sandboxes`);
  await row(page, fork.id).waitFor();
  await row(page, made.id).waitFor({ state: "detached" });
  assert.deepEqual(page.problems, []);
  await api("DELETE", "/v1/snapshots/frozen");
  await destroyAll();
});
