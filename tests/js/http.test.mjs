// What travels as plain HTTP: files both ways, settings, health and measurements.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { http, sh, tempDir, token, url, user } from "./support.mjs";

const target = (path, more = "") => `/files?path=${encodeURIComponent(path)}${more}`;
const put = (path, body, headers = {}, more = "") =>
  http(target(path, more), { method: "POST", body, headers: { "Content-Type": "application/octet-stream", ...headers }, duplex: "half" });
const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function good(response, status = 200) {
  assert.equal(response.status, status, await response.clone().text());
  return response;
}

/** The body of a refusal says the status and why. */
async function refused(response, status) {
  assert.equal(response.status, status, await response.clone().text());
  const body = await response.json();
  assert.equal(body.code, status);
  assert.ok(body.message.length > 5, body.message);
  return body.message;
}

test("health needs no token and has no body", async () => {
  const response = await fetch(`${url}/health`);
  assert.ok(response.status === 204 || response.status === 200, String(response.status));
});

test("a file there and back", async (t) => {
  const dir = await tempDir(t);
  const [written] = await (await good(await put(`${dir}/x/y/f`, "content"))).json();
  assert.deepEqual([written.path, written.name, written.type], [`${dir}/x/y/f`, "f", "file"]);
  const response = await good(await http(target(`${dir}/x/y/f`), { headers: { "Accept-Encoding": "identity" } }));
  assert.equal(response.headers.get("content-length"), "7");
  assert.match(response.headers.get("content-disposition"), /^inline; filename\*?=/);
  assert.match(response.headers.get("vary"), /accept-encoding/i);
  assert.equal(await response.text(), "content");
});

test("an empty file has a length of zero", async (t) => {
  const dir = await tempDir(t);
  await good(await put(`${dir}/empty`, ""));
  const response = await good(await http(target(`${dir}/empty`), { headers: { "Accept-Encoding": "identity" } }));
  assert.equal(response.headers.get("content-length"), "0");
});

test("large files in a stream", async (t) => {
  const dir = await tempDir(t);
  const piece = Buffer.alloc(1 << 20, "0123456789abcdef");
  let left = 64;
  const body = new ReadableStream({ pull: (to) => (left-- > 0 ? to.enqueue(piece) : to.close()) });
  await good(await put(`${dir}/large`, body));
  assert.equal(await sh(`stat -c %s ${dir}/large`), `${64 << 20}\n`);
  const hash = createHash("sha256");
  for await (const bytes of (await good(await http(target(`${dir}/large`)))).body) hash.update(bytes);
  assert.equal(hash.digest("hex"), (await sh(`sha256sum ${dir}/large`)).slice(0, 64));
});

test("ranges", async (t) => {
  const dir = await tempDir(t);
  await good(await put(`${dir}/f`, "0123456789"));
  for (const [range, text, content] of [["bytes=2-4", "234", "bytes 2-4/10"], ["bytes=7-", "789", "bytes 7-9/10"], ["bytes=-3", "789", "bytes 7-9/10"], ["bytes=8-99", "89", "bytes 8-9/10"]]) {
    const response = await good(await http(target(`${dir}/f`), { headers: { Range: range } }), 206);
    assert.equal(response.headers.get("content-range"), content);
    assert.equal(await response.text(), text);
  }
  assert.equal((await http(target(`${dir}/f`), { headers: { Range: "bytes=10-" } })).status, 416);
});

test("gzip both ways", async (t) => {
  const dir = await tempDir(t);
  const bytes = Buffer.alloc(2 << 20, "compressible ");
  await good(await put(`${dir}/f`, gzipSync(bytes), { "Content-Encoding": "gzip" }));
  assert.equal((await sh(`sha256sum ${dir}/f`)).slice(0, 64), sha(bytes));
  // fetch() unpacks by itself.
  const response = await good(await http(target(`${dir}/f`), { headers: { "Accept-Encoding": "gzip" } }));
  assert.equal(response.headers.get("content-encoding"), "gzip");
  assert.equal(sha(Buffer.from(await response.arrayBuffer())), sha(bytes));
  await refused(await put(`${dir}/f`, gzipSync(bytes).subarray(0, 1000), { "Content-Encoding": "gzip" }), 400);
  const unknown = await put(`${dir}/f`, "x", { "Content-Encoding": "br" });
  assert.ok([400, 406, 415].includes(unknown.status), String(unknown.status));
  assert.equal((await sh(`sha256sum ${dir}/f`)).slice(0, 64), sha(bytes));
});

test("several files in one form", async (t) => {
  const dir = await tempDir(t);
  const form = new FormData();
  form.append("file", new Blob(["one"]), `${dir}/a`);
  form.append("file", new Blob(["two"]), `${dir}/sub/b`);
  const written = await (await good(await http("/files", { method: "POST", body: form }))).json();
  assert.deepEqual(written.map((one) => one.path), [`${dir}/a`, `${dir}/sub/b`]);
  assert.equal(await sh(`cat ${dir}/a ${dir}/sub/b`), "onetwo");
  const twice = new FormData();
  twice.append("file", new Blob(["one"]), `${dir}/same`);
  twice.append("file", new Blob(["two"]), `${dir}/same`);
  await refused(await http("/files", { method: "POST", body: twice }), 400);
});

test("one file in a form with its path in the query", async (t) => {
  const dir = await tempDir(t);
  const form = new FormData();
  form.append("file", new Blob(["content"]), "ignored");
  await good(await http(target(`${dir}/named`), { method: "POST", body: form }));
  assert.equal(await sh(`cat ${dir}/named`), "content");
});

test("files belong to the user in the query", async (t) => {
  const dir = await tempDir(t);
  await sh(`chmod 777 ${dir}`);
  await good(await put(`${dir}/f`, "x", {}, `&username=${user}`));
  assert.equal(await sh(`stat -c '%U %a' ${dir}/f`), `${user} 644\n`);
  await refused(await put(`${dir}/f`, "x", {}, "&username=nobody-here"), 401);
  await refused(await http(target(`${dir}/f`, "&username=nobody-here")), 401);
});

test("metadata by header, replaced as a whole", async (t) => {
  const dir = await tempDir(t);
  const [written] = await (await good(await put(`${dir}/f`, "x", { "X-Metadata-colour": "blue" }))).json();
  assert.deepEqual(written.metadata, { colour: "blue" });
  const [again] = await (await good(await put(`${dir}/f`, "y", { "X-Metadata-size": "big" }))).json();
  assert.deepEqual(again.metadata, { size: "big" });
});

test("what cannot be read or written is told", async (t) => {
  const dir = await tempDir(t);
  await refused(await http(target(`${dir}/nothing`)), 404);
  await refused(await http(target(dir)), 400);
  await refused(await put(dir, "x"), 400);
  await refused(await http("/files"), 400);
  await refused(await put(`${dir}/x\0y`, "x"), 400);
});

test("files of the kernel are read although they have no size", async () => {
  assert.match(await (await good(await http(target("/proc/self/status")))).text(), /^Name:/);
});

test("compose joins files and removes the parts", async (t) => {
  const dir = await tempDir(t);
  for (const [i, text] of ["one ", "two ", "three"].entries()) await good(await put(`${dir}/part${i}`, text));
  const response = await good(await http("/files/compose", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ source_paths: [0, 1, 2].map((i) => `${dir}/part${i}`), destination: `${dir}/whole` }),
  }));
  assert.equal((await response.json()).path, `${dir}/whole`);
  assert.equal(await sh(`cat ${dir}/whole; ls ${dir}`), "one two threewhole\n");
});

test("metrics are numbers of this machine", async () => {
  const metrics = await (await good(await http("/metrics"))).json();
  const [cpus, kib] = (await sh("nproc --all; awk '/^MemTotal/{print $2}' /proc/meminfo")).trim().split("\n").map(Number);
  assert.equal(metrics.cpu_count, cpus);
  assert.equal(metrics.mem_total, kib * 1024);
  assert.ok(metrics.mem_used > 0 && metrics.mem_used < metrics.mem_total);
  assert.ok(metrics.disk_used > 0 && metrics.disk_used <= metrics.disk_total);
  assert.ok(metrics.cpu_used_pct >= 0 && metrics.cpu_used_pct <= 100);
  assert.ok(Math.abs(metrics.ts - Date.now() / 1000) < 60);
});

test("envs are the sandbox's variables", async () => {
  const envs = await (await good(await http("/envs"))).json();
  for (const [name, value] of Object.entries(envs)) assert.equal(typeof value, "string", name);
});

test("signed addresses need no token", { skip: token ? false : "this envd has no token" }, async (t) => {
  const dir = await tempDir(t);
  await good(await put(`${dir}/f`, "signed"));
  const sign = (verb, expiry) => "v1_" + createHash("sha256").update(`${dir}/f:${verb}::${token}${expiry ? `:${expiry}` : ""}`).digest("base64").replace(/=+$/, "");
  const get = (signature, expiry) => fetch(url + target(`${dir}/f`, `&signature=${encodeURIComponent(signature)}${expiry ? `&signature_expiration=${expiry}` : ""}`));
  assert.equal(await (await good(await get(sign("read")))).text(), "signed");
  const later = Math.floor(Date.now() / 1000) + 600;
  await good(await get(sign("read", later), later));
  const earlier = later - 1200;
  assert.match(await refused(await get(sign("read", earlier), earlier), 401), /signature is already expired/);
  assert.match(await refused(await get(sign("write")), 401), /invalid signature/);
  assert.match(await refused(await fetch(url + target(`${dir}/f`)), 401), /missing signature query parameter/);
});

test("everything else needs the token", { skip: token ? false : "this envd has no token" }, async () => {
  for (const path of ["/envs", "/metrics"]) assert.equal((await fetch(url + path)).status, 401);
  const call = await fetch(`${url}/process.Process/List`, { method: "POST", headers: { "Content-Type": "application/json", "X-Access-Token": "wrong" }, body: "{}" });
  assert.equal(call.status, 401);
});

test("unknown paths and methods", async () => {
  assert.equal((await http("/nothing")).status, 404);
  assert.ok([404, 405].includes((await http("/health", { method: "DELETE" })).status));
});
