// filesystem.Filesystem: entries, directories, links, metadata, and what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FileType, Filesystem } from "../../build/js/gen/filesystem_pb.js";
import { Code, as, clientOf, files, http, refused, sh, tempDir, user } from "./support.mjs";

const stat = async (path, call) => (await files.stat({ path }, call)).entry;
const list = async (path, depth = 1) => (await files.listDir({ path, depth })).entries;

test("Stat tells everything about a file", async (t) => {
  const dir = await tempDir(t);
  await sh(`printf 0123 > ${dir}/a && chmod 640 ${dir}/a && touch -d '2020-01-02 03:04:05Z' ${dir}/a`, {}, as("root"));
  await sh(`chown ${user}: ${dir}/a`, {}, as("root"));
  const entry = await stat(`${dir}/a`);
  assert.deepEqual([entry.name, entry.path, entry.type, entry.size], ["a", `${dir}/a`, FileType.FILE, 4n]);
  assert.deepEqual([entry.mode, entry.permissions, entry.owner], [0o640, "-rw-r-----", user]);
  assert.equal(entry.group, (await sh(`id -gn ${user}`)).trim());
  assert.equal(entry.modifiedTime.seconds, BigInt(Date.UTC(2020, 0, 2, 3, 4, 5) / 1000));
  assert.equal(entry.symlinkTarget, undefined);
  assert.deepEqual(entry.metadata, {});
});

test("Stat of directories, links and other things", async (t) => {
  const dir = await tempDir(t);
  await sh(`cd ${dir} && mkdir d && touch f && chmod 600 f && ln -s f link && ln -s d dirlink && ln -s nowhere broken && ln -s loop loop && mkfifo pipe`);
  assert.equal((await stat(`${dir}/d`)).type, FileType.DIRECTORY);
  assert.match((await stat(`${dir}/d`)).permissions, /^d/);
  const link = await stat(`${dir}/link`);
  assert.deepEqual([link.type, link.symlinkTarget, link.mode, link.name], [FileType.FILE, `${dir}/f`, 0o600, "link"]);
  assert.match(link.permissions, /^[lL]rwxrwxrwx$/);
  assert.equal(link.size, 1n);
  assert.equal((await stat(`${dir}/dirlink`)).type, FileType.DIRECTORY);
  assert.equal((await stat(`${dir}/broken`)).type, FileType.UNSPECIFIED);
  assert.equal((await stat(`${dir}/loop`)).type, FileType.UNSPECIFIED);
  assert.equal((await stat(`${dir}/pipe`)).type, FileType.UNSPECIFIED);
});

test("the user's extended attributes are the metadata", async (t) => {
  const dir = await tempDir(t);
  const written = await http(`/files?path=${dir}/m`, {
    method: "POST",
    body: "x",
    headers: { "Content-Type": "application/octet-stream", "X-Metadata-Colour": "blue", "X-Metadata-Size": "big one" },
  });
  assert.equal(written.status, 200, await written.clone().text());
  const { metadata } = await stat(`${dir}/m`);
  assert.deepEqual(Object.fromEntries(Object.entries(metadata).map(([k, v]) => [k.toLowerCase(), v])), { colour: "blue", size: "big one" });
});

test("what is not there is not found", async (t) => {
  const dir = await tempDir(t);
  await refused(files.stat({ path: `${dir}/no` }), Code.NotFound, /no/);
  await refused(files.listDir({ path: `${dir}/no` }), Code.NotFound);
  await refused(files.move({ source: `${dir}/no`, destination: `${dir}/x` }), Code.NotFound);
  await files.remove({ path: `${dir}/no` });
});

test("MakeDir makes parents, for the acting user", async (t) => {
  const dir = await tempDir(t);
  await sh(`chmod 777 ${dir}`);
  const { entry } = await files.makeDir({ path: `${dir}/a/b/c` }, as(user));
  assert.deepEqual([entry.type, entry.path, entry.owner, entry.mode], [FileType.DIRECTORY, `${dir}/a/b/c`, user, 0o755]);
  assert.equal((await stat(`${dir}/a`)).owner, user);
  await refused(files.makeDir({ path: `${dir}/a/b/c` }), Code.AlreadyExists);
  await sh(`touch ${dir}/file`);
  await refused(files.makeDir({ path: `${dir}/file` }), Code.InvalidArgument);
  await refused(files.makeDir({ path: `${dir}/file/below` }), Code.InvalidArgument);
});

test("Move makes the parents of its destination", async (t) => {
  const dir = await tempDir(t);
  await sh(`cd ${dir} && echo content > a && mkdir d && touch d/x`);
  const { entry } = await files.move({ source: `${dir}/a`, destination: `${dir}/new/deep/b` });
  assert.deepEqual([entry.path, entry.name, entry.size], [`${dir}/new/deep/b`, "b", 8n]);
  await files.move({ source: `${dir}/d`, destination: `${dir}/e` });
  assert.equal((await stat(`${dir}/e/x`)).type, FileType.FILE);
  await refused(files.stat({ path: `${dir}/a` }), Code.NotFound);
});

test("Remove takes trees, and links without what they point to", async (t) => {
  const dir = await tempDir(t);
  await sh(`cd ${dir} && mkdir -p kept tree/a/b && touch kept/file tree/a/b/c && ln -s ../kept tree/link`);
  await files.remove({ path: `${dir}/tree` });
  await refused(files.stat({ path: `${dir}/tree` }), Code.NotFound);
  assert.equal((await stat(`${dir}/kept/file`)).type, FileType.FILE);
});

test("ListDir in order and to a depth", async (t) => {
  const dir = await tempDir(t);
  await sh(`cd ${dir} && mkdir -p b/c/d && touch a b/x b/c/y z .hidden`);
  const paths = (entries) => entries.map((one) => one.path.slice(dir.length + 1));
  assert.deepEqual(paths(await list(dir)), [".hidden", "a", "b", "z"]);
  assert.deepEqual(paths(await list(dir, 0)), [".hidden", "a", "b", "z"]);
  assert.deepEqual(paths(await list(dir, 2)), [".hidden", "a", "b", "b/c", "b/x", "z"]);
  assert.deepEqual(paths(await list(dir, 9)), [".hidden", "a", "b", "b/c", "b/c/d", "b/c/y", "b/x", "z"]);
});

test("ListDir follows the link it is given, and none inside", async (t) => {
  const dir = await tempDir(t);
  await sh(`cd ${dir} && mkdir -p real/sub && touch real/f real/sub/g && ln -s real top && ln -s sub real/inner`);
  const entries = await list(`${dir}/top`, 3);
  assert.deepEqual(entries.map((one) => one.path), ["f", "inner", "sub", "sub/g"].map((name) => `${dir}/top/${name}`));
  assert.equal(entries[1].symlinkTarget, `${dir}/real/sub`);
});

test("ListDir of a file is refused", async (t) => {
  const dir = await tempDir(t);
  await sh(`touch ${dir}/f`);
  await refused(files.listDir({ path: `${dir}/f` }), Code.InvalidArgument);
});

test("ten thousand entries", async (t) => {
  const dir = await tempDir(t);
  await sh(`cd ${dir} && seq 10000 | xargs touch`);
  const entries = await list(dir);
  assert.equal(entries.length, 10000);
  assert.equal(new Set(entries.map((one) => one.name)).size, 10000);
});

test("files may vanish during a listing", async (t) => {
  const dir = await tempDir(t);
  await sh(`cd ${dir} && mkdir keep && touch keep/one`);
  const busy = sh(`cd ${dir} && for i in $(seq 60); do seq -f 'f%g' 200 | xargs touch; rm -f f*; done`);
  let done = false;
  busy.finally(() => (done = true));
  let listings = 0;
  while (!done) {
    assert.ok((await list(dir, 2)).some((one) => one.name === "keep"));
    ++listings;
  }
  await busy;
  assert.ok(listings > 3);
});

test("names of every kind", async (t) => {
  const dir = await tempDir(t);
  const names = ["with space", "ümläut", "quote'\"", "new\nline", "emoji😀", "percent%20", "back\\slash", "-dash"];
  for (const name of names) await files.makeDir({ path: `${dir}/${name}` });
  const found = (await list(dir)).map((one) => one.name);
  assert.deepEqual([...found].sort(), [...names].sort());
  for (const name of names) assert.equal((await stat(`${dir}/${name}`)).name, name);
});

test("a name that is no text does not spoil a listing", async (t) => {
  const dir = await tempDir(t);
  await sh(`cd ${dir} && touch "$(printf 'bad\\377name')" good`);
  const names = (await list(dir)).map((one) => one.name);
  assert.ok(names.includes("good"), JSON.stringify(names));
});

test("paths: home, relative, dots", async () => {
  assert.equal((await stat("~", as("root"))).path, "/root");
  assert.equal((await stat("/usr/../etc/./passwd")).path, "/etc/passwd");
  await refused(files.stat({ path: "~somebody-else/x" }), Code.InvalidArgument);
  await refused(files.stat({ path: "" }, as("nobody-here")), Code.Unauthenticated);
});

test("hostile paths are refused with a reason", async () => {
  await refused(files.stat({ path: "/etc/pass\0wd" }), Code.InvalidArgument);
  await refused(files.stat({ path: "/" + "x".repeat(5000) }), Code.InvalidArgument);
  await refused(files.remove({ path: "/" }), Code.InvalidArgument);
});

test("Stat and ListDir can be asked for with GET", async () => {
  const client = clientOf(Filesystem, { useHttpGet: true });
  assert.equal((await client.stat({ path: "/etc/passwd" })).entry.name, "passwd");
  assert.ok((await client.listDir({ path: "/etc" })).entries.length > 3);
});
