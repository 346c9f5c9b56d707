// Templates and builds, as people use them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { api, checkInEveryLook, checkPage, openDashboard, url } from "./dashboard.mjs";

const name = `web-${Date.now()}`;

test("a build is followed to its end; what it made is tagged, launched and deleted", async (t) => {
  const build = await api("POST", "/v1/builds", { name, dockerfile: "FROM minimal\nRUN echo quiet-as-a-wren\n" });
  const page = await openDashboard(t, `/dashboard/builds/${build.id}`, { seconds: 120 });
  await page.getByRole("heading", { level: 1, name: `${name}:latest` }).waitFor();
  await page.getByRole("list", { name: "Steps" }).getByText("quiet-as-a-wren", { exact: true }).waitFor();
  await page.getByText("Ready").waitFor();
  await checkInEveryLook(page, "a build");

  await page.goto(`${url}/dashboard/templates`);
  await page.getByRole("button", { name, exact: true }).click();
  const versions = page.getByRole("dialog", { name: `Versions of ${name}` });
  await versions.getByRole("button", { name: "Tag version 1" }).click();
  await versions.getByLabel("Tag", { exact: true }).fill("no good");
  await versions.getByRole("button", { name: "Set tag" }).click();
  await versions.getByText("Use up to 64 letters").waitFor();
  await versions.getByLabel("Tag", { exact: true }).fill("stable");
  await versions.getByRole("button", { name: "Set tag" }).click();
  await versions.getByRole("button", { name: "Take the tag stable away" }).waitFor();
  await checkPage(page, "versions of a template");
  await page.keyboard.press("Escape");
  await versions.waitFor({ state: "detached" });
  await checkInEveryLook(page, "templates");

  await page.getByRole("link", { name: `Launch ${name}` }).click();
  await page.waitForURL(`${url}/dashboard/sandboxes?create=1&template=${name}`);
  assert.equal(await page.getByRole("dialog").getByRole("combobox", { name: "Template" }).inputValue(), name);

  await page.goto(`${url}/dashboard/templates`);
  await page.getByRole("button", { name: `Delete ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name, exact: true }).waitFor({ state: "detached" });
  assert.deepEqual(page.problems, []);
});

test("a build that fails says where and why", async (t) => {
  const build = await api("POST", "/v1/builds", { name, dockerfile: "FROM minimal\nRUN echo before; exit 7\n" });
  const page = await openDashboard(t, `/dashboard/builds/${build.id}`, { seconds: 120 });
  await page.getByText("The build failed").waitFor();
  await page.getByText("Failed", { exact: true }).first().waitFor();
  await checkPage(page, "a failed build");
});
