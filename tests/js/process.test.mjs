// process.Process: commands, their output, input, signals and deadlines.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Process, Signal } from "../../build/js/gen/process_pb.js";
import { Code, as, byPid, byTag, clientOf, eventually, kill, processes, refused, run, sh, shell, start, stdin, user } from "./support.mjs";
import * as support from "./support.mjs";

test("output, errors and status of a command", async () => {
  const done = await run(shell("echo out; echo err >&2; exit 7"));
  assert.deepEqual([done.stdout, done.stderr, done.end.exitCode], ["out\n", "err\n", 7]);
  assert.equal(done.end.exited, true);
  assert.equal(done.end.status, "exit status 7");
  assert.ok(done.pid > 1);
});

test("success says so", async () => {
  const done = await run(shell("true"));
  assert.deepEqual([done.end.exitCode, done.end.exited, done.end.status], [0, true, "exit status 0"]);
});

test("arguments reach the command as they are", async () => {
  const done = await run({ process: { cmd: "printf", args: ["%s|", "a b", "$HOME", "", "ü", "*"] }, stdin: false });
  assert.equal(done.stdout, "a b|$HOME||ü|*|");
});

test("bytes that are no text come through", async () => {
  let bytes = Buffer.alloc(0);
  for await (const { event } of processes.start(shell("printf '\\000\\377\\200x'"))) {
    if (event.event.case === "data") bytes = Buffer.concat([bytes, event.event.value.output.value]);
  }
  assert.deepEqual([...bytes], [0, 255, 128, 120]);
});

test("ten megabytes arrive whole and in order", async () => {
  const done = await run(shell("seq 1 1400000"));
  const lines = done.stdout.split("\n");
  assert.equal(lines.length, 1400001);
  assert.ok(lines.slice(0, -1).every((line, i) => line === String(i + 1)));
});

test("environment: the user's own, then the request's", async () => {
  const done = await sh('echo "$HOME $USER $LOGNAME $COLOUR"; echo $PATH', { envs: { COLOUR: "blue" } }, as("root"));
  const [line, path] = done.split("\n");
  assert.equal(line, "/root root root blue");
  assert.match(path, /\/usr\/bin/);
  assert.equal(await sh("echo $HOME", { envs: { HOME: "/elsewhere" } }), "/elsewhere\n");
});

test("the working directory: the request's, else the home", async () => {
  assert.equal(await sh("pwd", { cwd: "/usr/lib" }), "/usr/lib\n");
  assert.equal(await sh("pwd", { cwd: "~" }, as("root")), "/root\n");
  await refused(run(shell("pwd", { cwd: "/no/such/dir" })), Code.InvalidArgument, /\/no\/such\/dir/);
});

test("a user by name, with groups", async () => {
  const uid = (await sh(`id -u ${user}`)).trim();
  const groups = (await sh(`id -G ${user}`)).trim();
  assert.equal(await sh("id -u; id -un; id -G", { cwd: "/" }, as(user)), `${uid}\n${user}\n${groups}\n`);
  await refused(run(shell("true"), as("nobody-here")), Code.Unauthenticated, /nobody-here/);
});

test("an unknown program is told", async () => {
  const done = support.failure(run({ process: { cmd: "no-such-program" }, stdin: false }));
  assert.match((await done).rawMessage, /no-such-program/);
});

test("a signal that ends a command is seen in its end", async () => {
  const done = await run(shell("kill -KILL $$"));
  assert.deepEqual([done.end.exitCode, done.end.exited, done.end.status, done.end.signal], [-1, false, "signal: killed", 9]);
});

test("SendSignal reaches the whole group of the command", async () => {
  const command = await start(shell("sleep 98761 & sleep 98761 & echo ready; wait"));
  await command.until((one) => one.stdout === "ready\n");
  await kill(command.pid);
  await command.finish();
  assert.deepEqual([command.end.exited, command.end.signal], [false, 9]);
  await eventually(async () => (await sh("pgrep -fc 'sleep 9876[1]' || true")) === "0\n", "the children are gone");
});

test("a command may catch a signal", async () => {
  const command = await start(shell("trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.05; done"));
  await command.until((one) => one.stdout === "ready\n");
  await kill(command.pid, Signal.SIGTERM);
  await command.finish();
  // Whatever else the group hears, the command's own words come last.
  assert.equal(command.end.exitCode, 3, JSON.stringify(command.shown()));
  assert.equal(command.stdout, "ready\ncaught\n");
});

test("every signal of the contract can be sent", async () => {
  for (const [signal, number] of [[Signal.SIGHUP, 1], [Signal.SIGINT, 2], [Signal.SIGQUIT, 3], [Signal.SIGUSR1, 10], [Signal.SIGUSR2, 12], [Signal.SIGTERM, 15]]) {
    const command = await start({ process: { cmd: "sleep", args: ["98762"] }, stdin: false });
    await kill(command.pid, signal);
    await command.finish();
    assert.equal(command.end.signal, number);
  }
  const command = await start({ process: { cmd: "sleep", args: ["98762"] }, stdin: false });
  const state = () => sh(`cut -d' ' -f3 /proc/${command.pid}/stat`);
  await kill(command.pid, Signal.SIGSTOP);
  await eventually(async () => (await state()) === "T\n", "stopped");
  await kill(command.pid, Signal.SIGCONT);
  await eventually(async () => (await state()) === "S\n", "goes on");
  await kill(command.pid);
  await command.finish();
});

test("signals to nobody and of no kind are refused", async () => {
  await refused(kill(4194000), Code.NotFound);
  await refused(processes.sendSignal({ process: byTag("no such tag"), signal: 9 }), Code.NotFound);
  await refused(processes.sendSignal({ signal: 9 }), Code.InvalidArgument);
  const command = await start({ process: { cmd: "sleep", args: ["98763"] }, stdin: false });
  await refused(kill(command.pid, Signal.UNSPECIFIED), Code.InvalidArgument);
  await kill(command.pid);
  await command.finish();
});

test("standard input: sent, closed, and none", async () => {
  const command = await start({ process: { cmd: "cat" }, stdin: true });
  await processes.sendInput({ process: byPid(command.pid), input: stdin("one\n") });
  await command.until((one) => one.stdout === "one\n");
  await processes.sendInput({ process: byPid(command.pid), input: stdin("two") });
  await processes.closeStdin({ process: byPid(command.pid) });
  await command.finish();
  assert.deepEqual([command.stdout, command.end.exitCode], ["one\ntwo", 0]);
  assert.equal((await run({ process: { cmd: "cat" }, stdin: false })).end.exitCode, 0);
});

test("standard input is a pipe unless it is refused", async () => {
  const command = await start({ process: { cmd: "cat" } });
  await processes.closeStdin({ process: byPid(command.pid) });
  assert.equal((await command.finish()).end.exitCode, 0);
});

test("input for nobody, or for a command without input, is refused", async () => {
  await refused(processes.sendInput({ process: byPid(4194000), input: stdin("x") }), Code.NotFound);
  const command = await start({ process: { cmd: "sleep", args: ["98764"] }, stdin: false });
  await support.failure(processes.sendInput({ process: byPid(command.pid), input: stdin("x") }));
  await support.failure(processes.sendInput({ process: byPid(command.pid), input: support.typed("x") }));
  await kill(command.pid);
  await command.finish();
});

test("StreamInput feeds a command", async () => {
  const command = await start({ process: { cmd: "cat" }, stdin: true, tag: "fed" });
  const select = { event: { case: "start", value: { process: byTag("fed") } } };
  const data = (text) => ({ event: { case: "data", value: { input: stdin(text) } } });
  async function* requests() {
    yield select;
    for (let i = 0; i < 100; ++i) yield data(`${i}\n`);
    yield { event: { case: "keepalive", value: {} } };
    yield data("end\n");
  }
  await processes.streamInput(requests());
  await command.until((one) => one.stdout.endsWith("end\n"));
  assert.equal(command.stdout, [...Array(100).keys(), "end"].join("\n") + "\n");
  await processes.closeStdin({ process: byPid(command.pid) });
  await command.finish();
});

test("StreamInput must begin with its command", async () => {
  async function* requests() {
    yield { event: { case: "data", value: { input: stdin("x") } } };
  }
  await refused(processes.streamInput(requests()), Code.InvalidArgument);
  async function* nobody() {
    yield { event: { case: "start", value: { process: byPid(4194000) } } };
  }
  await refused(processes.streamInput(nobody()), Code.NotFound);
});

test("List shows running commands as they were asked for", async () => {
  const command = await start({ process: { cmd: "sleep", args: ["98765"], envs: { A: "b" }, cwd: "/usr" }, stdin: false, tag: "listed" });
  const { processes: listed } = await processes.list({});
  const mine = listed.find((one) => one.pid === command.pid);
  assert.deepEqual([mine.tag, mine.config.cmd, mine.config.args, mine.config.envs, mine.config.cwd], ["listed", "sleep", ["98765"], { A: "b" }, "/usr"]);
  await kill(command.pid);
  await command.finish();
  assert.ok(!(await processes.list({})).processes.some((one) => one.pid === command.pid));
});

test("List can be asked for with GET", async () => {
  const { processes: listed } = await clientOf(Process, { useHttpGet: true }).list({});
  assert.ok(Array.isArray(listed));
});

test("a client that leaves does not end its command, another may connect", async () => {
  const abort = new AbortController();
  const command = await start(shell("read line; echo $line; exit 4", { stdin: true, tag: "left" }), { signal: abort.signal });
  abort.abort();
  await refused(command.finish(), Code.Canceled);
  assert.ok((await processes.list({})).processes.some((one) => one.pid === command.pid));
  const again = new support.Command(processes.connect({ process: byTag("left") }));
  assert.equal((await again.next()).case, "start");
  assert.equal(again.pid, command.pid);
  await processes.sendInput({ process: byTag("left"), input: stdin("back\n") });
  await again.finish();
  assert.deepEqual([again.stdout, again.end.exitCode], ["back\n", 4]);
});

test("Connect gives the end of a command that is over", async () => {
  const command = await run(shell("echo gone; exit 5"));
  const late = await new support.Command(processes.connect({ process: byPid(command.pid) })).finish();
  assert.deepEqual([late.pid, late.end.exitCode], [command.pid, 5]);
  await refused(new support.Command(processes.connect({ process: byPid(4194000) })).finish(), Code.NotFound);
});

test("Connect gives output again from an offset", async () => {
  const command = await run(shell("printf 0123456789"));
  const again = (outputOffset) => new support.Command(processes.connect({ process: byPid(command.pid), outputOffset })).finish();
  assert.equal(command.start.outputOffset, 0n);
  assert.equal((await again(0n)).stdout, "0123456789");
  const middle = await again(4n);
  assert.deepEqual([middle.stdout, middle.start.outputOffset], ["456789", 4n]);
});

test("of much output the last MiB is kept", async () => {
  const command = await run(shell("seq 1 400000"));
  const again = await new support.Command(processes.connect({ process: byPid(command.pid), outputOffset: 0n })).finish();
  const offset = Number(again.start.outputOffset);
  assert.ok(offset > 0 && command.stdout.length - offset >= 1 << 20, `begins at ${offset}`);
  assert.equal(again.stdout, command.stdout.slice(offset));
});

test("several clients see the same output", async () => {
  const command = await start(shell("read go; seq 1 20000", { stdin: true }));
  const others = [1, 2, 3].map(() => new support.Command(processes.connect({ process: byPid(command.pid) })));
  for (const other of others) await other.next();
  await processes.sendInput({ process: byPid(command.pid), input: stdin("go\n") });
  await Promise.all([command, ...others].map((one) => one.finish()));
  for (const other of others) assert.equal(other.stdout, command.stdout);
  assert.ok(command.stdout.endsWith("\n20000\n"));
});

test("a deadline kills the whole group", async () => {
  const late = run(shell("sleep 98766 & sleep 98766"), { timeoutMs: 700 });
  await refused(late, Code.DeadlineExceeded);
  await eventually(async () => (await sh("pgrep -fc 'sleep 9876[6]' || true")) === "0\n", "the command is gone");
});

test("a deadline is kept when the client itself has gone", async () => {
  const abort = new AbortController();
  await start(shell("sleep 98767"), { headers: { "Connect-Timeout-Ms": "700" }, signal: abort.signal });
  abort.abort();
  await eventually(async () => (await sh("pgrep -fc 'sleep 9876[7]' || true")) === "0\n", "the command is gone");
});

test("keepalive events come as often as they were asked for", async () => {
  const command = await start(shell("sleep 98768"), { headers: { "Keepalive-Ping-Interval": "1" } });
  await command.until((one) => one.keepalives === 2);
  await kill(command.pid);
  await command.finish();
});

test("a slow reader slows its command and loses nothing", async () => {
  const dir = "/tmp";
  const command = await start(shell("seq 1 3000000; echo end", { cwd: dir }));
  // Nothing is read for a while: the command must stand still and not fill anybody's memory.
  const written = async () => Number((await sh(`grep ^wchar /proc/${command.pid}/io 2>/dev/null || echo wchar: 0`)).split(" ")[1]);
  let before = -1;
  await eventually(async () => {
    const now = await written();
    const same = now === before && (await sh(`cut -d' ' -f3 /proc/${command.pid}/stat`)) === "S\n";
    before = now;
    return same;
  }, "the command stands still");
  await command.finish();
  assert.equal(command.end.exitCode, 0);
  assert.ok(command.stdout.endsWith("2999999\n3000000\nend\n"));
  assert.equal(command.stdout.length, 22888896 + 4);
});

test("a child that keeps the output open does not keep the command", async () => {
  const done = await run(shell("sleep 98769 & echo done"));
  assert.deepEqual([done.stdout, done.end.exitCode], ["done\n", 0]);
  await sh("pkill -f 'sleep 9876[9]'");
});

test("a hundred commands at once", async () => {
  const all = await Promise.all([...Array(100).keys()].map((i) => run(shell(`echo ${i}; exit ${i}`))));
  all.forEach((one, i) => assert.deepEqual([one.stdout, one.end.exitCode], [`${i}\n`, i]));
});

test("an empty command is refused", async () => {
  await refused(run({ process: { cmd: "" } }), Code.InvalidArgument);
  await refused(run({}), Code.InvalidArgument);
});
