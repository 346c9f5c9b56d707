// What the tests here share: clients of the envd that the environment names, and short ways to ask it things.
//
//   ENVD_URL     where it answers
//   ENVD_TOKEN   its token, if it has one
//   ENVD_CODEC   "json" or "binary"
//   ENVD_USER    a user that is not root and whose home exists
//   ENVD_VM      "1" when it runs in a virtual machine, and not on this machine
import assert from "node:assert/strict";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Filesystem } from "../../build/js/gen/filesystem_pb.js";
import { Ports } from "../../build/js/gen/ports_pb.js";
import { Process } from "../../build/js/gen/process_pb.js";

export { Code, ConnectError };

export const url = process.env.ENVD_URL;
export const token = process.env.ENVD_TOKEN ?? "";
export const isBinary = process.env.ENVD_CODEC === "binary";
export const isVm = process.env.ENVD_VM === "1";
export const user = process.env.ENVD_USER ?? "daemon";

export function transport(options = {}) {
  const addToken = (next) => (request) => {
    if (token && !request.header.has("X-Access-Token")) request.header.set("X-Access-Token", token);
    return next(request);
  };
  return createConnectTransport({
    baseUrl: url,
    httpVersion: "1.1",
    useBinaryFormat: isBinary,
    interceptors: [addToken],
    ...options,
  });
}

export const processes = createClient(Process, transport());
export const files = createClient(Filesystem, transport());
export const ports = createClient(Ports, transport());
export const clientOf = (service, options) => createClient(service, transport(options));

export const as = (name) => ({ headers: { Authorization: "Basic " + Buffer.from(`${name}:`).toString("base64") } });
export const byPid = (pid) => ({ selector: { case: "pid", value: pid } });
export const byTag = (tag) => ({ selector: { case: "tag", value: tag } });
export const stdin = (text) => ({ input: { case: "stdin", value: Buffer.from(text) } });
export const typed = (text) => ({ input: { case: "pty", value: Buffer.from(text) } });

/** A request that runs a script in /bin/sh, without standard input unless it is asked for. */
export function shell(script, { envs = {}, cwd, ...rest } = {}) {
  return { process: { cmd: "/bin/sh", args: ["-c", script], envs, cwd }, stdin: false, ...rest };
}

/** A running command: its pid is known, its output is gathered while `next` is called. */
export class Command {
  constructor(stream) {
    this.events = stream[Symbol.asyncIterator]();
    this.stdout = this.stderr = this.pty = "";
    this.decoders = {};
    this.keepalives = 0;
  }

  /** The next event, or null at the stream's end. */
  async next() {
    const { value, done } = await this.events.next();
    if (done) return null;
    const event = value.event.event;
    if (event.case === "keepalive") ++this.keepalives;
    if (event.case === "start") this.start = event.value;
    if (event.case === "end") this.end = event.value;
    if (event.case === "data") {
      const { case: kind, value: bytes } = event.value.output;
      const decoder = (this.decoders[kind] ??= new TextDecoder());
      this[kind] += decoder.decode(bytes, { stream: true });
    }
    return event;
  }

  async until(condition) {
    while (!condition(this)) assert.ok(await this.next(), `the stream ended early: ${JSON.stringify(this.shown())}`);
    return this;
  }

  async finish() {
    while (await this.next());
    return this;
  }

  shown() {
    return { stdout: this.stdout.slice(-500), stderr: this.stderr.slice(-500), pty: this.pty.slice(-500), end: this.end };
  }

  get pid() {
    return this.start.pid;
  }
}

/** Starts a command and waits for its start event. */
export async function start(request, options = {}) {
  const command = new Command(processes.start(request, options));
  const first = await command.next();
  assert.equal(first?.case, "start", "the first event is the start");
  return command;
}

/** Runs a command to its end. */
export const run = async (request, options) => (await start(request, options)).finish();

/** The output of a script, which must succeed. */
export async function sh(script, options = {}, call = {}) {
  const done = await run(shell(script, options), call);
  assert.equal(done.end?.exitCode, 0, `${script}: ${JSON.stringify(done.shown())}`);
  return done.stdout;
}

export async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return ConnectError.from(error);
  }
  assert.fail("it should have failed");
}

/** Checks code and words of an error; every error must say something. */
export async function refused(promise, code, words = /./) {
  const error = await failure(promise);
  assert.equal(Code[error.code], Code[code], error.message);
  assert.match(error.rawMessage, words);
  return error;
}

export const kill = (pid, signal = 9) => processes.sendSignal({ process: byPid(pid), signal });

/** Plain HTTP to envd, with its token. */
export function http(path, { headers = {}, ...options } = {}) {
  return fetch(url + path, { ...options, headers: { ...(token ? { "X-Access-Token": token } : {}), ...headers } });
}

/** A directory of the test's own on envd's disk, removed when the test ends. Not in /tmp, which may be memory and keeps no
 * metadata then. */
export async function tempDir(test) {
  const path = (await sh("dir=$(mktemp -d /var/tmp/envd-js-XXXXXX) && chmod 755 $dir && echo $dir")).trim();
  test.after(() => files.remove({ path }));
  return path;
}

/** The first true answer; fails after a while. For what no event announces. */
export async function eventually(question, what, seconds = 10) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    assert.ok(Date.now() < deadline, `${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
