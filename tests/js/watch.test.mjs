// Watching directories: as a stream, and by asking again and again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventType, FileType } from "../../build/js/gen/filesystem_pb.js";
import { Code, eventually, files, refused, sh, tempDir } from "./support.mjs";

/** A watcher whose events are gathered while they are waited for. */
class Watch {
  static async open(request, options = {}) {
    const watch = new Watch();
    watch.abort = new AbortController();
    watch.stream = files.watchDir(request, { signal: watch.abort.signal, ...options })[Symbol.asyncIterator]();
    watch.seen = [];
    watch.keepalives = watch.overflows = 0;
    assert.equal((await watch.take()).case, "start");
    return watch;
  }

  async take() {
    const { value, done } = await this.stream.next();
    if (done) return null;
    const event = value.event;
    if (event.case === "filesystem") this.seen.push(event.value);
    if (event.case === "keepalive") ++this.keepalives;
    if (event.case === "overflow") ++this.overflows;
    return event;
  }

  /** Waits for an event of that type and name. */
  async until(type, name) {
    const find = () => this.seen.find((one) => one.type === type && one.name === name);
    while (!find()) assert.ok(await this.take(), `no ${EventType[type]} of ${name}: ${this.shown()}`);
    return find();
  }

  shown() {
    return this.seen.map((one) => `${EventType[one.type]} ${one.name}`).join(", ");
  }

  async close() {
    this.abort.abort();
    await refused(this.take(), Code.Canceled);
  }
}

test("every kind of event, in order", async (t) => {
  const dir = await tempDir(t);
  const watch = await Watch.open({ path: dir });
  await sh(`cd ${dir} && echo x > a && chmod 600 a && mv a b && rm b`);
  await watch.until(EventType.REMOVE, "b");
  const order = [[EventType.CREATE, "a"], [EventType.WRITE, "a"], [EventType.CHMOD, "a"], [EventType.RENAME, "a"], [EventType.CREATE, "b"], [EventType.REMOVE, "b"]];
  let at = -1;
  for (const [type, name] of order) {
    const next = watch.seen.findIndex((one, i) => i > at && one.type === type && one.name === name);
    assert.ok(next > at, `${EventType[type]} ${name} is missing in: ${watch.shown()}`);
    at = next;
  }
  await watch.close();
});

test("entries come along when they are asked for", async (t) => {
  const dir = await tempDir(t);
  const watch = await Watch.open({ path: dir, includeEntry: true });
  await sh(`mkdir ${dir}/d && printf 12345 > ${dir}/f`);
  const made = await watch.until(EventType.CREATE, "d");
  assert.deepEqual([made.entry.type, made.entry.path], [FileType.DIRECTORY, `${dir}/d`]);
  await watch.until(EventType.WRITE, "f");
  await watch.close();
  const plain = await Watch.open({ path: dir });
  await sh(`touch ${dir}/g`);
  assert.equal((await plain.until(EventType.CREATE, "g")).entry, undefined);
  await plain.close();
});

test("without recursion what is below stays quiet", async (t) => {
  const dir = await tempDir(t);
  await sh(`mkdir ${dir}/sub`);
  const watch = await Watch.open({ path: dir });
  await sh(`touch ${dir}/sub/below && touch ${dir}/last`);
  await watch.until(EventType.CREATE, "last");
  assert.ok(!watch.seen.some((one) => one.name.includes("below")), watch.shown());
  await watch.close();
});

test("recursion reaches what is there and what is made", async (t) => {
  const dir = await tempDir(t);
  await sh(`mkdir -p ${dir}/old/deep`);
  const watch = await Watch.open({ path: dir, recursive: true });
  await sh(`touch ${dir}/old/deep/f`);
  await watch.until(EventType.CREATE, "old/deep/f");
  await sh(`mkdir -p ${dir}/new/a/b/c && echo x > ${dir}/new/a/b/c/f`);
  await watch.until(EventType.CREATE, "new/a/b/c/f");
  await watch.close();
});

test("nothing in a new directory is lost", async (t) => {
  const dir = await tempDir(t);
  const watch = await Watch.open({ path: dir, recursive: true });
  // Made faster than any watch can be set up.
  await sh(`cd ${dir} && for i in $(seq 50); do mkdir d$i && echo x > d$i/f; done && touch end`);
  await watch.until(EventType.CREATE, "end");
  for (let i = 1; i <= 50; ++i) await watch.until(EventType.CREATE, `d${i}/f`);
  assert.equal(watch.overflows, 0);
  await watch.close();
});

test("a directory that is moved is followed under its new name", async (t) => {
  const dir = await tempDir(t);
  await sh(`mkdir ${dir}/before`);
  const watch = await Watch.open({ path: dir, recursive: true });
  await sh(`mv ${dir}/before ${dir}/after`);
  await watch.until(EventType.CREATE, "after");
  await sh(`touch ${dir}/after/f`);
  await watch.until(EventType.CREATE, "after/f");
  await watch.close();
});

test("several watchers of one directory", async (t) => {
  const dir = await tempDir(t);
  const watches = await Promise.all([1, 2, 3, 4].map(() => Watch.open({ path: dir })));
  await sh(`touch ${dir}/f`);
  for (const watch of watches) await watch.until(EventType.CREATE, "f");
  for (const watch of watches) await watch.close();
});

test("what cannot be watched is refused", async (t) => {
  const dir = await tempDir(t);
  await sh(`touch ${dir}/f`);
  await refused(Watch.open({ path: `${dir}/no` }), Code.NotFound);
  await refused(Watch.open({ path: `${dir}/f` }), Code.InvalidArgument);
  await refused(files.createWatcher({ path: `${dir}/no` }), Code.NotFound);
  await refused(files.createWatcher({ path: `${dir}/f` }), Code.InvalidArgument);
});

test("a deadline ends a watch", async (t) => {
  const dir = await tempDir(t);
  const watch = await Watch.open({ path: dir }, { timeoutMs: 800 });
  await refused(watch.take(), Code.DeadlineExceeded);
});

test("keepalive events come as often as they were asked for", async (t) => {
  const dir = await tempDir(t);
  const watch = await Watch.open({ path: dir }, { headers: { "Keepalive-Ping-Interval": "1" } });
  while (watch.keepalives < 2) await watch.take();
  await watch.close();
});

test("a poll watcher keeps events until they are asked for", async (t) => {
  const dir = await tempDir(t);
  const { watcherId } = await files.createWatcher({ path: dir, recursive: true });
  assert.ok(watcherId);
  await sh(`mkdir ${dir}/d && echo x > ${dir}/d/f`);
  const seen = [];
  await eventually(async () => {
    const { events, overflow } = await files.getWatcherEvents({ watcherId });
    assert.equal(overflow, false);
    seen.push(...events.map((one) => `${EventType[one.type]} ${one.name}`));
    return seen.includes("CREATE d/f");
  }, "the events come");
  assert.ok(seen.includes("CREATE d"));
  // Handed out once.
  const again = (await files.getWatcherEvents({ watcherId })).events;
  assert.ok(!again.some((one) => one.type === EventType.CREATE));
  await files.removeWatcher({ watcherId });
  await refused(files.getWatcherEvents({ watcherId }), Code.NotFound);
});

test("unknown watchers are told", async () => {
  await refused(files.getWatcherEvents({ watcherId: "nonsense" }), Code.NotFound);
  await refused(files.removeWatcher({ watcherId: "nonsense" }), Code.NotFound);
});

test("a poll watcher that nobody asks overflows and says so", async (t) => {
  const dir = await tempDir(t);
  const { watcherId } = await files.createWatcher({ path: dir });
  // Far more than are kept. None is deleted: ext4 is slow to take what was deleted just now for a new file.
  await sh(`cd ${dir} && for i in $(seq 12); do seq -f 'f%g' 1000 | xargs touch; done`);
  // The events may still be on their way.
  await eventually(async () => (await files.getWatcherEvents({ watcherId })).overflow, "an overflow");
  // It goes on afterwards.
  await files.getWatcherEvents({ watcherId });
  await sh(`touch ${dir}/after`);
  await eventually(async () => (await files.getWatcherEvents({ watcherId })).events.some((one) => one.name === "after"), "it goes on");
  await files.removeWatcher({ watcherId });
});

test("a burst reaches a stream whole, or it is told of an overflow", async (t) => {
  const dir = await tempDir(t);
  const watch = await Watch.open({ path: dir });
  await sh(`cd ${dir} && seq -f 'f%g' 5000 | xargs touch && touch end`);
  while (!watch.overflows && !watch.seen.some((one) => one.name === "end" && one.type === EventType.CREATE)) await watch.take();
  if (!watch.overflows) assert.equal(watch.seen.filter((one) => one.type === EventType.CREATE).length, 5001);
  await watch.close();
});
