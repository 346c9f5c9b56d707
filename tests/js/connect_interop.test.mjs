// Our Connect library against another implementation of the protocol, both ways.
//
//   CONNECT_PROGRAMS   where connect_interop_server and connect_interop_client are
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { compressionGzip, connectNodeAdapter, createConnectTransport } from "@connectrpc/connect-node";
import { AskSchema, Color, Echo } from "../../build/js/gen/echo_pb.js";

const programs = process.env.CONNECT_PROGRAMS;
const sleep = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()));
  });

async function ourServer(t) {
  const server = spawn(`${programs}/connect_interop_server`, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => server.kill());
  const [line] = await once(server.stdout, "data");
  return `http://127.0.0.1:${/port=(\d+)/.exec(line)[1]}`;
}

const forms = [];
for (const useBinaryFormat of [false, true]) {
  for (const compression of [[], [compressionGzip]]) {
    forms.push({ useBinaryFormat, acceptCompression: compression, sendCompression: compression[0], compressMinBytes: 1 });
  }
}

async function inEveryForm(t, check) {
  const baseUrl = await ourServer(t);
  for (const form of forms) {
    await check(createClient(Echo, createConnectTransport({ baseUrl, httpVersion: "1.1", ...form })), { baseUrl, form });
  }
}

async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return ConnectError.from(error);
  }
  assert.fail("it should have failed");
}

async function collect(stream) {
  const replies = [];
  for await (const reply of stream) replies.push(reply);
  return replies;
}

async function* asks(...all) {
  yield* all;
}

const text = "t".repeat(3000);

test("unary calls of our server", async (t) => {
  await inEveryForm(t, async (client, { baseUrl, form }) => {
    let header, trailer;
    const reply = await client.unary(
      { text, data: new Uint8Array([0, 255]), favoriteColor: Color.GREEN, labels: { a: "b" } },
      { headers: [["X-Sent", "one"]], onHeader: (h) => (header = h), onTrailer: (h) => (trailer = h) },
    );
    assert.equal(reply.text, text);
    assert.deepEqual([...reply.data], [0, 255]);
    assert.equal(reply.favoriteColor, Color.GREEN);
    assert.deepEqual(reply.sent, ["one"]);
    assert.equal(header.get("x-header"), "one, two");
    assert.equal(trailer.get("x-trailer"), "one, two");
    const get = createClient(Echo, createConnectTransport({ baseUrl, httpVersion: "1.1", useHttpGet: true, ...form }));
    assert.equal((await get.look({ text })).text, text);
  });
});

test("streams of our server", async (t) => {
  await inEveryForm(t, async (client) => {
    let trailer;
    const replies = await collect(client.serverStream({ text, count: 20 }, { onTrailer: (h) => (trailer = h) }));
    assert.deepEqual(replies.map((reply) => reply.index), [...Array(20).keys()]);
    assert.ok(replies.every((reply) => reply.text === text));
    assert.equal(trailer.get("x-trailer"), "one, two");
    const total = await client.clientStream(asks({ text: "a" }, { text: "b" }, { text }));
    assert.deepEqual([total.text, total.asks], ["ab" + text, 3]);
    const both = await collect(client.bidi(asks({ text: "a" }, { text })));
    assert.deepEqual(both.map((reply) => reply.text), ["a", text]);
  });
});

test("errors of our server", async (t) => {
  await inEveryForm(t, async (client) => {
    const failing = { errorCode: "out_of_range", errorMessage: "too far ☺😈\n", errorDetail: "why" };
    for (const call of [
      () => client.unary(failing),
      () => collect(client.serverStream(failing)),
      () => client.clientStream(asks(failing)),
      () => collect(client.bidi(asks(failing))),
    ]) {
      const error = await failure(call());
      assert.equal(error.code, Code.OutOfRange);
      assert.equal(error.rawMessage, failing.errorMessage);
      assert.deepEqual(error.findDetails(AskSchema).map((detail) => detail.text), ["why"]);
      assert.equal(error.metadata.get("x-trailer"), "one, two");
    }
  });
});

test("deadlines and cancellation at our server", async (t) => {
  await inEveryForm(t, async (client) => {
    const slow = { text: "x", delayMs: 30000, count: 2 };
    for (const call of [
      () => client.unary(slow, { timeoutMs: 100 }),
      () => collect(client.serverStream(slow, { timeoutMs: 100 })),
      () => client.clientStream(asks(slow), { timeoutMs: 100 }),
    ]) {
      assert.equal((await failure(call())).code, Code.DeadlineExceeded);
    }
    const abort = new AbortController();
    const stream = client.serverStream(slow, { signal: abort.signal })[Symbol.asyncIterator]();
    assert.equal((await stream.next()).value.text, "x");
    abort.abort();
    assert.equal((await failure(stream.next())).code, Code.Canceled);
    assert.equal((await client.unary({ text: "after" })).text, "after");
  });
});

// What src/connect/testing/echo_service.cc does, as far as our client asks for it. No bidirectional streams: this server
// wants HTTP/2 for them.
const echo = {
  async look(ask, context) {
    greet(context);
    return { text: ask.text };
  },
  async unary(ask, context) {
    await sleep(ask.delayMs, context.signal);
    fail(ask);
    return { text: ask.text };
  },
  async *serverStream(ask, context) {
    greet(context);
    for (let index = 0; index < ask.count; ++index) {
      yield { text: ask.text, index };
      await sleep(ask.delayMs, context.signal);
      context.signal.throwIfAborted();
    }
  },
  async clientStream(stream) {
    return { asks: (await collect(stream)).length };
  },
};

function greet(context) {
  context.responseHeader.append("x-header", "one");
  context.responseTrailer.append("x-trailer", "one");
}

function fail(ask) {
  if (ask.errorCode !== "data_loss") return;
  const error = new ConnectError(ask.errorMessage, Code.DataLoss);
  error.details.push({ desc: AskSchema, value: create(AskSchema, { text: ask.errorDetail }) });
  throw error;
}

test("our client at another server", async (t) => {
  const server = createServer(connectNodeAdapter({ routes: (router) => router.service(Echo, echo), compressMinBytes: 1 }));
  t.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = spawn(`${programs}/connect_interop_client`, [String(server.address().port)], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  client.stderr.on("data", (data) => (said += data));
  const [status] = await once(client, "exit");
  assert.equal(status, 0, said);
});
