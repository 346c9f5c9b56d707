// The Connect protocol itself, bytes as they are on the wire, and what clients of other makes rely on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { compressionGzip } from "@connectrpc/connect-node";
import { Process } from "../../build/js/gen/process_pb.js";
import { clientOf, http, processes, run, shell } from "./support.mjs";

const post = (path, body, headers = {}) => http(path, { method: "POST", body, headers: { "Content-Type": "application/json", ...headers } });

function envelope(bytes, flags = 0) {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, Buffer.from(bytes)]);
}

function envelopes(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1);
    found.push({ flags: bytes[at], data: bytes.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return found;
}

const stream = (bytes, headers = {}) => post("/process.Process/Start", bytes, { "Content-Type": "application/connect+json", "Connect-Protocol-Version": "1", ...headers });

/** The messages and the end of a stream in JSON. */
async function parts(response) {
  assert.equal(response.status, 200);
  const all = envelopes(Buffer.from(await response.arrayBuffer())).map(({ flags, data }) => ({ flags, json: JSON.parse(flags & 1 ? gunzipSync(data) : data) }));
  const end = all.pop();
  assert.equal(end.flags & 2, 2);
  return { messages: all.map((one) => one.json), end: end.json };
}

const trueRequest = JSON.stringify({ process: { cmd: "/bin/true" }, stdin: false });

test("a stream in JSON, as it is on the wire", async () => {
  const { messages, end } = await parts(await stream(envelope(trueRequest)));
  assert.equal(typeof messages[0].event.start.pid, "number");
  assert.deepEqual(messages.at(-1).event.end.status, "exit status 0");
  assert.deepEqual(end, {});
});

test("unknown fields and both spellings of names are taken", async () => {
  const { messages } = await parts(await stream(envelope(JSON.stringify({ process: { cmd: "/bin/true", later: [1] }, stdin: false, future: { a: 1 } }))));
  assert.equal(messages.at(-1).event.end.exited, true);
  const response = await post("/filesystem.Filesystem/ListDir", JSON.stringify({ path: "/etc", unknown: null }));
  assert.equal(response.status, 200);
});

test("an error of a unary call: status, code and words", async () => {
  const response = await post("/filesystem.Filesystem/Stat", JSON.stringify({ path: "/no/such" }));
  assert.equal(response.status, 404);
  assert.match(response.headers.get("content-type"), /^application\/json/);
  const body = await response.json();
  assert.equal(body.code, "not_found");
  assert.match(body.message, /no\/such/);
});

test("an error of a stream comes at its end", async () => {
  const { messages, end } = await parts(await stream(envelope(JSON.stringify({ process: { cmd: "/bin/true", cwd: "/no/such/dir" } }))));
  assert.deepEqual(messages, []);
  assert.equal(end.error.code, "invalid_argument");
  assert.match(end.error.message, /no\/such\/dir/);
});

test("what is no JSON is an invalid argument", async () => {
  for (const body of ["{", "[]", "nonsense", '{"path": 5}']) {
    const response = await post("/filesystem.Filesystem/Stat", body);
    assert.equal(response.status, 400, body);
    assert.equal((await response.json()).code, "invalid_argument");
  }
});

test("broken envelopes are refused", async () => {
  const whole = envelope(trueRequest);
  for (const [what, bytes] of [
    ["nothing", Buffer.alloc(0)],
    ["half a head", whole.subarray(0, 3)],
    ["half a message", whole.subarray(0, 20)],
    ["two messages", Buffer.concat([whole, whole])],
    ["a lying length", Buffer.concat([Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), whole])],
    ["unknown flags", envelope(trueRequest, 0x40)],
    ["compressed without saying how", envelope(gzipSync(trueRequest), 1)],
  ]) {
    const { messages, end } = await parts(await stream(bytes));
    assert.deepEqual(messages, [], what);
    assert.ok(["invalid_argument", "resource_exhausted", "internal", "unimplemented"].includes(end.error?.code), `${what}: ${JSON.stringify(end)}`);
  }
});

test("unknown methods, services, types and versions", async () => {
  assert.equal((await post("/process.Process/Nothing", "{}")).status, 404);
  assert.equal((await post("/no.Service/Nothing", "{}")).status, 404);
  assert.equal((await post("/process.Process/List", "{}", { "Content-Type": "text/plain" })).status, 415);
  assert.equal((await post("/process.Process/List", "{}", { "Connect-Protocol-Version": "2" })).status, 400);
  assert.ok([404, 405].includes((await http("/process.Process/SendSignal")).status));
});

test("gzip both ways", async () => {
  const packed = clientOf(Process, { sendCompression: compressionGzip, acceptCompression: [compressionGzip], compressMinBytes: 0 });
  await packed.list({});
  let output = "";
  for await (const { event } of packed.start(shell("seq 1 20000"))) {
    if (event.event.case === "data") output += Buffer.from(event.event.value.output.value).toString();
  }
  assert.ok(output.endsWith("\n20000\n"));
  const response = await post("/filesystem.Filesystem/ListDir", gzipSync('{"path":"/usr/bin"}'), { "Content-Encoding": "gzip", "Accept-Encoding": "gzip" });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-encoding"), "gzip");
  assert.ok((await response.json()).entries.length > 50);
});

test("an unknown compression is refused with what is known", async () => {
  const response = await post("/process.Process/List", "x", { "Content-Encoding": "zstd" });
  assert.equal(response.status, 501);
  const body = await response.json();
  assert.equal(body.code, "unimplemented");
  assert.match(body.message, /gzip/);
});

test("deadlines that are no number are refused", async () => {
  for (const value of ["soon", "-1", "12345678901"]) {
    assert.equal((await post("/process.Process/List", "{}", { "Connect-Timeout-Ms": value })).status, 400, value);
  }
});

test("messages have a limit", async () => {
  const response = await post("/process.Process/List", JSON.stringify({ x: "y".repeat(80 << 20) })).catch((error) => error);
  // A server may hang up on so much, but must go on answering.
  if (response instanceof Response) assert.equal((await response.json()).code, "resource_exhausted");
  await processes.list({});
});

test("a client that dies in the middle of a request harms nobody", async () => {
  for (let i = 0; i < 20; ++i) {
    const abort = new AbortController();
    const body = new ReadableStream({ start: (to) => to.enqueue(Buffer.from([0, 0, 0, 1])) });
    const dying = http("/process.Process/Start", { method: "POST", body, duplex: "half", signal: abort.signal, headers: { "Content-Type": "application/connect+json" } });
    dying.catch(() => {});
    setTimeout(() => abort.abort(), i);
    await assert.rejects(dying);
  }
  assert.equal((await run(shell("echo alive"))).stdout, "alive\n");
});

test("browsers may ask from anywhere", async () => {
  const response = await http("/process.Process/List", { method: "OPTIONS", headers: { Origin: "https://example.com", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type" } });
  assert.ok(response.status === 200 || response.status === 204, String(response.status));
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
});
