// Files of a sandbox, in the dashboard: folders, uploads by drag and drop, editing, moving, downloads.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { api, checkInEveryLook, eventually, openDashboard } from "./dashboard.mjs";

let id;
before(async () => {
  id = (await api("POST", "/v1/capsules", { memory_mb: 512, labels: { test: "files" } })).id;
});
after(() => id && api("DELETE", `/v1/capsules/${id}`));

const exec = async (script) => {
  const result = await api("POST", `/v1/capsules/${id}/exec`, { cmd: "/bin/sh", args: ["-c", script], timeout_sec: 60 });
  assert.equal(result.exit_code, 0, `${script}: ${result.stderr}`);
  return result.stdout;
};
const row = (page, name) => page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });

async function openFiles(t, path) {
  const page = await openDashboard(t, `/dashboard/sandboxes/${id}?tab=files`, { seconds: 60 });
  await page.getByRole("button", { name: "Type a path" }).click();
  await page.getByLabel("Path of a folder").fill(path);
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: `Folder ${path}` }).waitFor();
  return page;
}

test("files and folders are uploaded by drag and drop, and by the button", async (t) => {
  await exec("mkdir -p /tmp/up");
  const page = await openFiles(t, "/tmp/up");
  await page.getByRole("heading", { name: "The folder is empty" }).waitFor();
  const drop = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(["dropped\n"], "dropped.txt"));
    data.items.add(new File([new Uint8Array(3_000_000).fill(7)], "large.bin"));
    return data;
  });
  const place = page.getByRole("region", { name: "Folder /tmp/up" });
  await place.dispatchEvent("dragover", { dataTransfer: drop });
  await page.getByText("Drop to upload to /tmp/up").waitFor();
  await place.dispatchEvent("drop", { dataTransfer: drop });
  await row(page, "dropped.txt").waitFor();
  await row(page, "large.bin").waitFor();
  await page.getByText("The uploads are done").waitFor();
  assert.equal(await exec("cat /tmp/up/dropped.txt; stat -c %s /tmp/up/large.bin"), "dropped\n3000000\n");

  await page.getByLabel("Files to upload").setInputFiles([{ name: "ünïcode name.txt", mimeType: "text/plain", buffer: Buffer.from("button\n") }]);
  await row(page, "ünïcode name.txt").waitFor();
  assert.equal(await exec("cat '/tmp/up/ünïcode name.txt'"), "button\n");
  await page.getByRole("button", { name: "Clear" }).click();
  assert.deepEqual(page.problems, []);
});

test("an upload that fails says why, and can be tried again", async (t) => {
  await exec("mkdir -p /tmp/again");
  const page = await openFiles(t, "/tmp/again");
  page.allow(/ERR_FAILED|503/);
  await page.route("**/files/stream/write", (route) => route.fulfill({ status: 503, json: { error: { code: "host_unavailable", message: "the host does not answer" } } }));
  await page.getByLabel("Files to upload").setInputFiles([{ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a") }]);
  await page.getByText("The host does not answer").waitFor();
  await page.unroute("**/files/stream/write");
  await page.getByRole("button", { name: "Upload a.txt again" }).click();
  await row(page, "a.txt").waitFor();
  assert.equal(await exec("cat /tmp/again/a.txt"), "a");
  assert.deepEqual(page.problems, []);
});

test("a text is edited and saved, and a change from elsewhere is not overwritten unasked", async (t) => {
  await exec("mkdir -p /tmp/edit && printf 'import os\\n' > /tmp/edit/main.py && touch -d '2020-01-01' /tmp/edit/main.py");
  const page = await openFiles(t, "/tmp/edit");
  await row(page, "main.py").click();
  const text = page.getByRole("textbox", { name: "Text of main.py" });
  await text.waitFor();
  await checkInEveryLook(page, "files with an open text");
  await text.click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("print(os.name)");
  await page.getByText("not saved").waitFor();
  await page.keyboard.press("Control+s");
  await page.getByText("main.py was saved").waitFor();
  assert.equal(await exec("cat /tmp/edit/main.py"), "import os\nprint(os.name)");

  await exec("echo elsewhere > /tmp/edit/main.py; touch -d '2021-01-01' /tmp/edit/main.py");
  await text.click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(" # mine");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "The file was changed meanwhile" });
  await dialog.waitFor();
  assert.equal(await exec("cat /tmp/edit/main.py"), "elsewhere\n");
  await dialog.getByRole("button", { name: "Save anyway" }).click();
  await dialog.waitFor({ state: "detached" });
  await eventually(async () => (await exec("cat /tmp/edit/main.py")).endsWith("# mine"), "what was typed is saved");

  await text.click();
  await page.keyboard.type("x");
  await page.getByRole("button", { name: "Close the file" }).click();
  await page.getByRole("dialog", { name: "Leave without saving?" }).getByRole("button", { name: "Leave" }).click();
  await text.waitFor({ state: "detached" });
  assert.deepEqual(page.problems, []);
});

test("files are made, renamed, moved and deleted, by keyboard too", async (t) => {
  await exec("mkdir -p /tmp/move/target");
  const page = await openFiles(t, "/tmp/move");
  await page.getByRole("button", { name: "New file" }).click();
  await page.getByLabel("Name").fill("a/b");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByText("A name has no “/” in it").waitFor();
  await page.getByLabel("Name").fill("first.txt");
  await page.getByRole("button", { name: "Create" }).click();
  await row(page, "first.txt").waitFor();
  await row(page, "first.txt").focus();
  await page.keyboard.press("F2");
  await page.getByLabel("New name or path").fill("target/second.txt");
  await page.getByRole("button", { name: "Move", exact: true }).click();
  await row(page, "first.txt").waitFor({ state: "detached" });
  assert.equal((await exec("ls /tmp/move/target")).trim(), "second.txt");
  await row(page, "target").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: "Folder /tmp/move/target" }).waitFor();
  await row(page, "second.txt").focus();
  await page.keyboard.press("Delete");
  await page.getByRole("dialog", { name: "Delete second.txt?" }).getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "The folder is empty" }).waitFor();
  assert.equal(await exec("ls /tmp/move/target"), "");
  assert.deepEqual(page.problems, []);
});

test("a folder of ten thousand files can be gone through, and what cannot be shown is downloaded", async (t) => {
  await exec("mkdir -p /tmp/many && cd /tmp/many && seq -f 'f%05g' 1 10000 | xargs touch && printf '\\000\\001\\177' > binary.dat && mkdir folder && echo in > folder/in.txt");
  const page = await openFiles(t, "/tmp/many");
  await page.getByText("10,002 entries").waitFor();
  assert.ok((await page.getByRole("row").count()) < 100, "only what is seen is drawn");
  await row(page, "binary.dat").focus();
  await page.keyboard.press("End");
  await row(page, "f10000").waitFor();
  assert.ok(await row(page, "f10000").evaluate((element) => element === document.activeElement), "the keyboard is on the last one");
  await page.keyboard.press("Home");
  await row(page, "binary.dat").click();
  await page.getByText("00 01 7f").waitFor();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download", exact: true }).click()]);
  assert.equal(file.suggestedFilename(), "binary.dat");
  assert.deepEqual([...readFileSync(await file.path())], [0, 1, 127]);
  await page.getByRole("button", { name: "Close the file" }).click();
  await page.getByRole("button", { name: "Actions of folder" }).click();
  const [folder] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "Download as .tar.gz" }).click()]);
  assert.equal(folder.suggestedFilename(), "folder.tar.gz");
  assert.deepEqual([...readFileSync(await folder.path()).subarray(0, 2)], [0x1f, 0x8b]);
  await checkInEveryLook(page, "files");
  assert.deepEqual(page.problems, []);
});
