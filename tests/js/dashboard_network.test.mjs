// The network of a sandbox in the dashboard: what it may reach is changed, and what it was refused is allowed by a click.
import assert from "node:assert/strict";
import { test } from "node:test";
import { api, checkInEveryLook, eventually, openDashboard } from "./dashboard.mjs";

// Nothing is there in the tests' network, so that only what is refused is refused at once.
const ADDRESS = "203.0.113.7";
const network = async (id) => (await api("GET", `/v1/capsules/${id}`)).network;
const connect = (id, address = ADDRESS, port = 443) =>
  api("POST", `/v1/capsules/${id}/exec`, { cmd: "python3", args: ["-c", `import socket\ntry: socket.create_connection(("${address}", ${port}), timeout=3)\nexcept OSError as error: print(error)`] });
const tab = (id) => `/dashboard/sandboxes/${id}?tab=network`;

test("what a sandbox is refused is shown within seconds, and allowed by a click", async (t) => {
  const made = await api("POST", "/v1/capsules", { network: { allow_internet_access: false } });
  t.after(() => api("DELETE", `/v1/capsules/${made.id}`));
  const page = await openDashboard(t, tab(made.id));
  await page.getByText("Nothing was refused").waitFor();
  assert.equal(await page.getByRole("switch", { name: "Internet access" }).getAttribute("aria-checked"), "false");
  await checkInEveryLook(page, "a network without denials");

  await connect(made.id);
  await connect(made.id, "10.0.0.1", 80);
  const row = page.getByRole("row").filter({ hasText: ADDRESS });
  await row.waitFor();
  assert.match(await row.textContent(), /tcp.*443/);
  await page.getByRole("row").filter({ hasText: "10.0.0.1" }).getByText("refused always").waitFor();
  await checkInEveryLook(page, "a network with denials");

  // What is being typed is not lost by it, and not sent with it either.
  await page.getByLabel("Denied", { exact: true }).fill("198.51.100.0/24");
  await row.getByRole("button", { name: `Allow ${ADDRESS}` }).click();
  await row.getByText("allowed now").waitFor();
  assert.deepEqual(await network(made.id), { allow_internet_access: false, allow_out: [ADDRESS], deny_out: [] });
  assert.equal(await page.getByLabel("Always allowed").inputValue(), ADDRESS);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The network was changed").waitFor();
  assert.deepEqual(await network(made.id), { allow_internet_access: false, allow_out: [ADDRESS], deny_out: ["198.51.100.0/24"] });
  assert.deepEqual(page.problems, []);
});

test("a network is edited, mistakes are told at their field, and others' changes are seen", async (t) => {
  const made = await api("POST", "/v1/capsules", {});
  t.after(() => api("DELETE", `/v1/capsules/${made.id}`));
  const page = await openDashboard(t, tab(made.id));
  const denied = page.getByLabel("Denied", { exact: true });
  await denied.fill("203.0.113.1/24\nexample.com");
  page.allow(/status of 400/);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("write 203.0.113.0/24 for all of it").waitFor();
  assert.ok(await denied.evaluate((element) => element === document.activeElement && element.getAttribute("aria-invalid") === "true"), "the field has the focus");
  await checkInEveryLook(page, "a network with a mistake");
  await denied.fill("203.0.113.0/24");
  await page.getByRole("switch", { name: "Internet access" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The network was changed").waitFor();
  assert.deepEqual(await network(made.id), { allow_internet_access: false, allow_out: [], deny_out: ["203.0.113.0/24"] });

  await api("PUT", `/v1/capsules/${made.id}/network`, { allow_out: ["203.0.113.9"] });
  await eventually(async () => (await page.getByLabel("Always allowed").inputValue()) === "203.0.113.9", "the page shows what somebody else has changed");
  assert.equal(await denied.inputValue(), "");

  // Paused, it can be changed, and stays as it is.
  await api("POST", `/v1/capsules/${made.id}/pause`);
  await page.getByText("The sandbox is paused").waitFor();
  await checkInEveryLook(page, "the network of a paused sandbox");
  await denied.fill("203.0.113.5");
  await page.getByRole("button", { name: "Save" }).click();
  await eventually(async () => (await network(made.id)).deny_out[0] === "203.0.113.5", "it was changed while it is paused");
  assert.equal((await api("GET", `/v1/capsules/${made.id}`)).status, "paused");
  await page.getByRole("tab", { name: "Overview" }).click();
  await page.getByRole("link", { name: "internet access, 1 allowed, 1 denied" }).waitFor();
  assert.deepEqual(page.problems, []);
});

test("a sandbox is made without internet access by a checkbox", async (t) => {
  const page = await openDashboard(t);
  await page.getByRole("button", { name: /^(New|Create a) sandbox$/ }).first().click();
  const dialog = page.getByRole("dialog", { name: "New sandbox" });
  await dialog.getByRole("checkbox", { name: /No internet access/ }).check();
  await dialog.getByText("The same by CLI, curl or code").click();
  await dialog.getByText("wrenn sandbox create --no-internet").waitFor();
  await dialog.getByRole("button", { name: "Create sandbox" }).click();
  await page.waitForURL(/\/dashboard\/sandboxes\/cl-[0-9a-z]+\?tab=terminal$/, { timeout: 90_000 });
  const id = new URL(page.url()).pathname.split("/").at(-1);
  t.after(() => api("DELETE", `/v1/capsules/${id}`));
  assert.equal((await network(id)).allow_internet_access, false);
  assert.deepEqual(page.problems, []);
});
