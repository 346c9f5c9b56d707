// ports.Ports: which TCP ports are listened on, at once and as it changes.
import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { Ports } from "../../build/js/gen/ports_pb.js";
import { clientOf, eventually, isVm, kill, ports, sh, start, url } from "./support.mjs";

/** The list once it satisfies the condition: it follows what happens within 100 ms. */
async function listed(condition) {
  return await eventually(async () => {
    const list = (await ports.list({})).ports;
    return condition(list) && list;
  }, "the list");
}

/** Something in envd's place that listens until it is killed. */
async function listener(port, address) {
  const code = `import socket, sys
server = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((sys.argv[1], int(sys.argv[2])))
server.listen()
print("listens", flush=True)
while True:
    connection, _ = server.accept()
    connection.sendall(b"hello")
    connection.close()
`;
  const command = await start({ process: { cmd: "python3", args: ["-c", code, address, String(port)] }, stdin: false });
  await command.until((one) => one.stdout.includes("listens"));
  command.listensAt = Date.now();
  return command;
}

async function end(command) {
  await kill(command.pid);
  await command.finish();
}

const firstPort = 20000 + Math.floor(Math.random() * 20000);
const find = (list, port) => list.find((one) => one.port === port);

class Watch {
  constructor() {
    this.abort = new AbortController();
    this.stream = ports.watch({}, { signal: this.abort.signal })[Symbol.asyncIterator]();
  }

  async until(condition) {
    for (;;) {
      const { value, done } = await this.stream.next();
      assert.ok(!done, "the stream ended");
      if (condition(value.ports)) return value.ports;
    }
  }
}

test("List shows a port for as long as it is listened on", async () => {
  const port = firstPort;
  const server = await listener(port, "0.0.0.0");
  const found = find(await listed((list) => find(list, port)), port);
  assert.deepEqual([found?.addresses, found?.reachable, found?.relayed], [["0.0.0.0"], true, false]);
  await end(server);
  await listed((list) => !find(list, port));
});

test("the list is ordered and leaves out envd's own port", async () => {
  const servers = [await listener(firstPort + 3, "0.0.0.0"), await listener(firstPort + 1, "::"), await listener(firstPort + 2, "0.0.0.0")];
  const list = await listed((list) => [1, 2, 3].every((offset) => find(list, firstPort + offset)));
  const numbers = list.map((one) => one.port);
  assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
  assert.ok(!numbers.includes(Number(new URL(url).port)));
  for (const server of servers) await end(server);
});

test("List can be asked for with GET", async () => {
  assert.ok(Array.isArray((await clientOf(Ports, { useHttpGet: true }).list({})).ports));
});

test("Watch gives the list at once, then each change", async () => {
  const port = firstPort + 4;
  const watch = new Watch();
  await watch.until((list) => !find(list, port));
  const server = await listener(port, "0.0.0.0");
  await watch.until((list) => find(list, port));
  // Emulated machines are slow: there the bound only shows that nothing is looked for once a second.
  const late = Date.now() - server.listensAt;
  assert.ok(late < (isVm ? 900 : 150), `the change came after ${late} ms`);
  await end(server);
  await watch.until((list) => !find(list, port));
  watch.abort.abort();
});

test("a port of loopback is relayed to the outside, and no longer than it is there", { skip: isVm ? false : "on this machine there is no outside" }, async () => {
  const port = firstPort + 5;
  const watch = new Watch();
  const server = await listener(port, "127.0.0.1");
  await watch.until((list) => find(list, port)?.relayed && find(list, port).reachable);
  const hello = await new Promise((resolve, reject) => {
    const socket = net.connect(port, new URL(url).hostname, () => {});
    let text = "";
    socket.on("data", (bytes) => (text += bytes));
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });
  assert.equal(hello, "hello");
  await end(server);
  await watch.until((list) => !find(list, port));
  watch.abort.abort();
  assert.equal((await sh(`pgrep -fc '[s]ocat.*${port}' || true`)).trim(), "0");
});
