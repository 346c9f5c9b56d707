// The npm package e2b in debug mode, where it talks to the envd of its own machine: commands, files, terminals, watching.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { CommandExitError, FileNotFoundError, FileType, FilesystemEventType, NotFoundError, Sandbox, TimeoutError } from "e2b";

const user = process.env.ENVD_USER ?? "daemon";
const sandbox = await Sandbox.create();
const { commands, files, pty } = sandbox;
const dir = (await commands.run("mktemp -d /tmp/envd-e2b-XXXXXX")).stdout.trim();
await commands.run(`chmod 777 ${dir}`);
after(() => files.remove(dir));

async function until(condition, what, seconds = 10) {
  const deadline = Date.now() + seconds * 1000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("the sandbox runs", async () => {
  assert.equal(await sandbox.isRunning(), true);
});

test("commands.run gives output and exit code", async () => {
  const done = await commands.run("echo out; echo err >&2");
  assert.deepEqual([done.stdout, done.stderr, done.exitCode], ["out\n", "err\n", 0]);
});

test("a command that fails throws with its output", async () => {
  const error = await commands.run("echo so far; echo why >&2; exit 9").catch((caught) => caught);
  assert.ok(error instanceof CommandExitError, String(error));
  assert.deepEqual([error.exitCode, error.stdout, error.stderr], [9, "so far\n", "why\n"]);
});

test("envs, cwd and user of a command", async () => {
  const done = await commands.run("echo $COLOUR; pwd; id -un", { envs: { COLOUR: "blue" }, cwd: "/usr/lib", user });
  assert.equal(done.stdout, `blue\n/usr/lib\n${user}\n`);
  await assert.rejects(commands.run("true", { cwd: "/no/such/dir" }), /\/no\/such\/dir/);
  await assert.rejects(commands.run("true", { user: "nobody-here" }), /nobody-here/);
});

test("callbacks hear output while the command runs", async () => {
  const heard = [];
  const command = await commands.run("echo one; read line; echo two >&2", {
    background: true,
    stdin: true,
    onStdout: (text) => heard.push(`out ${text}`),
    onStderr: (text) => heard.push(`err ${text}`),
  });
  await until(() => heard.length === 1, "the first line");
  await commands.sendStdin(command.pid, "go\n");
  await command.wait();
  assert.deepEqual(heard, ["out one\n", "err two\n"]);
});

test("standard input, and its end", async () => {
  const command = await commands.run("cat; echo over", { background: true, stdin: true });
  await commands.sendStdin(command.pid, "first ");
  await command.sendStdin("second ");
  await commands.closeStdin(command.pid);
  assert.equal((await command.wait()).stdout, "first second over\n");
});

test("without stdin a command reads nothing", async () => {
  assert.equal((await commands.run("cat; echo over")).stdout, "over\n");
});

test("background commands are listed, connected to and killed", async () => {
  const command = await commands.run("echo begun; sleep 76543", { background: true });
  const listed = (await commands.list()).find((one) => one.pid === command.pid);
  assert.deepEqual([listed.cmd, listed.args], ["/bin/bash", ["-l", "-c", "echo begun; sleep 76543"]]);
  await command.disconnect();
  const again = await commands.connect(command.pid);
  assert.equal(await commands.kill(command.pid), true);
  const error = await again.wait().catch((caught) => caught);
  assert.ok(error instanceof CommandExitError, String(error));
  assert.equal(error.exitCode, -1);
  assert.equal(await commands.kill(4194000), false);
  await assert.rejects(commands.connect(4194000), NotFoundError);
});

test("a timeout ends a command", async () => {
  const error = await commands.run("sleep 76544", { timeoutMs: 700 }).catch((caught) => caught);
  assert.ok(error instanceof TimeoutError, String(error));
  await assert.rejects(commands.run("pgrep -f 'sleep 7654[4]'"), CommandExitError);
});

test("text in pieces and much of it", async () => {
  const done = await commands.run("for i in $(seq 20000); do echo 'grün 😀'; done");
  assert.equal(done.stdout, "grün 😀\n".repeat(20000));
});

test("files.write and files.read in every form", async () => {
  const path = `${dir}/a/b/text`;
  const info = await files.write(path, "grün\n");
  assert.deepEqual([info.name, info.path, info.type], ["text", path, FileType.FILE]);
  assert.equal(await files.read(path), "grün\n");
  assert.deepEqual(Buffer.from(await files.read(path, { format: "bytes" })), Buffer.from("grün\n"));
  assert.equal(await (await files.read(path, { format: "blob" })).text(), "grün\n");
  let text = "";
  for await (const piece of await files.read(path, { format: "stream" })) text += Buffer.from(piece).toString("latin1");
  assert.equal(Buffer.from(text, "latin1").toString(), "grün\n");
});

test("files.write takes bytes, blobs and streams", async () => {
  const bytes = Buffer.alloc(3 << 20, "pattern of bytes\0\xff", "latin1");
  const source = () => new Blob([bytes]).stream();
  for (const [name, data, options] of [
    ["buffer", bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)],
    ["blob", new Blob([bytes])],
    ["stream", source()],
    ["octets", new Blob([bytes]), { useOctetStream: true }],
    ["gzip", new Blob([bytes]), { gzip: true }],
  ]) {
    await files.write(`${dir}/${name}`, data, options);
    assert.ok(bytes.equals(Buffer.from(await files.read(`${dir}/${name}`, { format: "bytes" }))), name);
  }
});

test("an empty file", async () => {
  await files.write(`${dir}/empty`, "");
  assert.equal(await files.read(`${dir}/empty`), "");
  assert.equal((await files.read(`${dir}/empty`, { format: "bytes" })).length, 0);
});

test("files.writeFiles writes several at once", async () => {
  const entries = [1, 2, 3].map((i) => ({ path: `${dir}/many/f${i}`, data: `content ${i}` }));
  const written = await files.writeFiles(entries);
  assert.deepEqual(written.map((one) => one.path), entries.map((one) => one.path));
  for (const { path, data } of entries) assert.equal(await files.read(path), data);
  assert.deepEqual(await files.writeFiles([]), []);
});

test("reading what is not there", async () => {
  await assert.rejects(files.read(`${dir}/nothing`), FileNotFoundError);
  await assert.rejects(files.list(`${dir}/nothing`), FileNotFoundError);
});

test("files: makeDir, exists, list, rename, remove, getInfo", async () => {
  assert.equal(await files.makeDir(`${dir}/made/deep`), true);
  assert.equal(await files.makeDir(`${dir}/made/deep`), false);
  await files.write(`${dir}/made/f`, "1234");
  assert.equal(await files.exists(`${dir}/made/f`), true);
  assert.equal(await files.exists(`${dir}/made/g`), false);
  assert.deepEqual((await files.list(`${dir}/made`)).map((one) => [one.name, one.type]), [["deep", FileType.DIR], ["f", FileType.FILE]]);
  assert.deepEqual((await files.list(`${dir}`, { depth: 2 })).filter((one) => one.path.startsWith(`${dir}/made/`)).length, 2);
  const renamed = await files.rename(`${dir}/made/f`, `${dir}/made/h`);
  assert.deepEqual([renamed.name, renamed.size], ["h", 4]);
  const info = await files.getInfo(`${dir}/made/h`);
  assert.deepEqual([info.name, info.path, info.type, info.size, info.mode, info.permissions, info.owner], ["h", `${dir}/made/h`, FileType.FILE, 4, 0o644, "-rw-r--r--", "root"]);
  assert.ok(Math.abs(info.modifiedTime.getTime() - Date.now()) < 60_000);
  await files.remove(`${dir}/made`);
  assert.equal(await files.exists(`${dir}/made`), false);
});

test("files belong to the user who writes them", async () => {
  await files.write(`${dir}/theirs`, "x", { user });
  assert.equal((await files.getInfo(`${dir}/theirs`)).owner, user);
});

test("a link is shown with where it leads", async () => {
  await files.write(`${dir}/target`, "x");
  await commands.run(`ln -s target ${dir}/link`);
  const info = await files.getInfo(`${dir}/link`);
  assert.deepEqual([info.type, info.symlinkTarget], [FileType.FILE, `${dir}/target`]);
});

test("metadata of files", async () => {
  const info = await files.write(`${dir}/tagged`, "x", { metadata: { colour: "blue" } });
  assert.deepEqual(info.metadata, { colour: "blue" });
  assert.deepEqual((await files.getInfo(`${dir}/tagged`)).metadata, { colour: "blue" });
  await commands.run(`python3 -c "import os; os.setxattr('${dir}/tagged', 'user.e2b.size', b'big')"`);
  assert.deepEqual((await files.getInfo(`${dir}/tagged`)).metadata, { colour: "blue", size: "big" });
  await files.write(`${dir}/tagged`, "y");
  assert.deepEqual((await files.getInfo(`${dir}/tagged`)).metadata ?? {}, {});
});

test("files.watchDir tells what happens", async () => {
  await files.makeDir(`${dir}/watched`);
  const events = [];
  const watch = await files.watchDir(`${dir}/watched`, (event) => void events.push(event));
  const seen = (type, name) => events.some((one) => one.type === type && one.name === name);
  await files.write(`${dir}/watched/f`, "x");
  await until(() => seen(FilesystemEventType.WRITE, "f") || seen(FilesystemEventType.CREATE, "f"), "the file is seen");
  await commands.run(`touch ${dir}/watched/g && chmod 600 ${dir}/watched/g && mv ${dir}/watched/g ${dir}/watched/h && rm ${dir}/watched/h`);
  await until(() => seen(FilesystemEventType.REMOVE, "h"), "the end is seen");
  assert.ok(seen(FilesystemEventType.CREATE, "g") && seen(FilesystemEventType.CHMOD, "g") && seen(FilesystemEventType.RENAME, "g"), JSON.stringify(events));
  await watch.stop();
});

test("files.watchDir with recursion and entries", async () => {
  await files.makeDir(`${dir}/tree`);
  const events = [];
  const watch = await files.watchDir(`${dir}/tree`, (event) => void events.push(event), { recursive: true, includeEntry: true });
  await commands.run(`mkdir -p ${dir}/tree/a/b && echo x > ${dir}/tree/a/b/f`);
  await until(() => events.some((one) => one.name === "a/b/f"), "the file in the new directory");
  assert.equal(events.find((one) => one.name === "a" && one.entry)?.entry.type, FileType.DIR);
  await watch.stop();
});

test("watching what is not there", async () => {
  await assert.rejects(files.watchDir(`${dir}/nothing`, () => {}), FileNotFoundError);
});

test("a terminal: input, echo, size, end", async () => {
  let text = "";
  const terminal = await pty.create({ cols: 80, rows: 24, envs: { COLOUR: "blue" }, cwd: "/usr", onData: (bytes) => void (text += Buffer.from(bytes)) });
  const type = (line) => pty.sendInput(terminal.pid, Buffer.from(line + "\n"));
  await type("echo \"<$COLOUR $TERM $(pwd) $(tput cols)x$(tput lines)>\"");
  await until(() => text.includes("<blue xterm-256color /usr 80x24>"), "the answer of the shell");
  await pty.resize(terminal.pid, { cols: 100, rows: 30 });
  await type("echo \"<$(tput cols)x$(tput lines)>\"");
  await until(() => text.includes("<100x30>"), "the new size");
  await type("exit 0");
  assert.equal((await terminal.wait()).exitCode, 0);
});

test("a terminal is killed", async () => {
  const terminal = await pty.create({ cols: 80, rows: 24, onData: () => {}, user });
  assert.equal(await pty.kill(terminal.pid), true);
  await assert.rejects(terminal.wait(), CommandExitError);
});
