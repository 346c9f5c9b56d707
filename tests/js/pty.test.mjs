// Commands in a terminal.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, as, byPid, failure, kill, processes, refused, start, stdin, typed, user } from "./support.mjs";

const terminal = (cmd, args = [], size = { cols: 80, rows: 24 }) =>
  start({ process: { cmd, args, envs: { TERM: "xterm" } }, pty: { size } });
const type = (command, text) => processes.sendInput({ process: byPid(command.pid), input: typed(text) });

test("what is typed is echoed, and the command reads it", async () => {
  const command = await terminal("/bin/sh", ["-c", "read line; echo got:$line; exit 6"]);
  await type(command, "hello\n");
  await command.finish();
  assert.equal(command.pty, "hello\r\ngot:hello\r\n");
  assert.deepEqual([command.stdout, command.stderr, command.end.exitCode], ["", "", 6]);
});

test("it is a terminal, and the command's own", async () => {
  const command = await terminal("/bin/sh", ["-c", "test -t 0 && test -t 1 && test -t 2 && tty && echo own > /dev/tty && ps -o tty= -p $$"]);
  await command.finish();
  assert.equal(command.end.exitCode, 0, command.pty);
  assert.match(command.pty, /^\/dev\/pts\/\d+\r\nown\r\npts\/\d+\s/);
});

test("its size, and a change of it", async () => {
  const command = await terminal("/bin/sh", ["-c", "stty size; trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done"], { cols: 91, rows: 17 });
  await command.until((one) => one.pty.includes("ready"));
  assert.match(command.pty, /^17 91\r\n/);
  await processes.update({ process: byPid(command.pid), pty: { size: { cols: 133, rows: 44 } } });
  await command.finish();
  assert.match(command.pty, /44 133\r\n$/);
});

test("Ctrl-C interrupts, Ctrl-D ends input", async () => {
  const interrupted = await terminal("cat");
  // Its answer shows that it runs and reads.
  await type(interrupted, "x\n");
  await interrupted.until((one) => one.pty.includes("x\r\nx\r\n"));
  await type(interrupted, "\x03");
  await interrupted.finish();
  assert.equal(interrupted.end.signal, 2);
  const ended = await terminal("/bin/sh", ["-c", "cat; echo over"]);
  await type(ended, "x\n\x04");
  await ended.finish();
  assert.match(ended.pty, /x\r\nover\r\n$/);
});

test("a whole shell with a user", async () => {
  const command = await start({ process: { cmd: "/bin/bash", args: ["-i"], envs: { TERM: "xterm", PS1: "$ " }, cwd: "/" }, pty: { size: { cols: 80, rows: 24 } } }, as(user));
  await type(command, "id -un; echo $((6*7))\n");
  await command.until((one) => one.pty.includes(`${user}\r\n42\r\n`));
  await type(command, "exit\n");
  await command.finish();
  assert.equal(command.end.exitCode, 0);
});

test("much output through a terminal", async () => {
  const command = await terminal("/bin/sh", ["-c", "stty -onlcr; seq 1 200000"]);
  await command.finish();
  assert.ok(command.pty.endsWith("199999\n200000\n"));
  assert.equal(command.pty.length, 1288895);
});

test("StreamInput types into a terminal", async () => {
  const command = await terminal("/bin/sh", ["-c", "read a; read b; echo \"<$a$b>\""]);
  async function* requests() {
    yield { event: { case: "start", value: { process: byPid(command.pid) } } };
    for (const text of ["o", "ne\n", "two\n"]) yield { event: { case: "data", value: { input: typed(text) } } };
  }
  await processes.streamInput(requests());
  await command.finish();
  assert.match(command.pty, /<onetwo>/);
});

test("a terminal that is killed hangs up on its children", async () => {
  const command = await terminal("/bin/sh", ["-c", "sleep 97651 & echo ready; wait"]);
  await command.until((one) => one.pty.includes("ready"));
  await kill(command.pid);
  await command.finish();
  assert.deepEqual([command.end.exited, command.end.signal], [false, 9]);
});

test("what fits no terminal is refused", async () => {
  const command = await terminal("cat");
  await failure(processes.closeStdin({ process: byPid(command.pid) }));
  await failure(processes.sendInput({ process: byPid(command.pid), input: stdin("x") }));
  await kill(command.pid);
  await command.finish();
  const plain = await start({ process: { cmd: "cat" }, stdin: true });
  await failure(processes.update({ process: byPid(plain.pid), pty: { size: { cols: 1, rows: 1 } } }));
  await failure(processes.sendInput({ process: byPid(plain.pid), input: typed("x") }));
  await kill(plain.pid);
  await plain.finish();
  await refused(processes.update({ process: byPid(4194000), pty: { size: { cols: 80, rows: 24 } } }), Code.NotFound);
});
