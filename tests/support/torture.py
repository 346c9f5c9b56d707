"""Random operations on several sandboxes at once while what runs them is killed: at the end everything must be there."""
import contextlib
import http.client
import os
import random
import signal
import threading
import time

from support.api import Sandbox
from support.machine import wait_for
from support.proof import Lost, Proof

# How long whatever was killed may take to be well again: a change whose control plane is gone is given up after a minute.
PATIENCE = 100
SETTLED = ("running", "paused", "hibernated")


def kill(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Subject:
    def __init__(self, name, proof):
        self.name = name
        self.proof = proof
        self.sandbox = proof.sandbox
        self.may_boot = False  # Something was killed that had its memory.
        self.busy = threading.Lock()


class Torture:
    """`seed`: what is done, and in which order; not how fast, so that two runs may still differ."""

    def __init__(self, wrenn, seed, operations, seconds, subjects=4, workers=3, say=lambda line: None):
        self.wrenn, self.seed, self.operations, self.seconds, self.say = wrenn, seed, operations, seconds, say
        self.most, self.workers = subjects, workers
        self.subjects = []
        self.lock = threading.Lock()
        self.done = 0
        self.counts = {}
        self.failure = None
        self.began = time.monotonic()
        self.number = 0

    # What is done to one subject, who is held.

    def op_check(self, subject, _):
        self.insist(lambda: subject.proof.check_moves(subject.may_boot))
        subject.may_boot = False

    def op_write(self, subject, _):
        self.op_check(subject, _)
        self.insist(subject.proof.write_file)

    def op_keep(self, subject, _):
        self.op_check(subject, _)
        self.insist(subject.proof.keep)

    def op_pause(self, subject, _):
        if self.insist(subject.sandbox.get)["status"] == "hibernated":
            self.insist(subject.sandbox.resume)
        self.insist(subject.sandbox.pause)

    def op_pause_and_resume(self, subject, _):
        self.op_pause(subject, _)
        self.insist(subject.sandbox.resume)
        self.op_check(subject, _)

    def op_pause_disk(self, subject, _):
        self.op_check(subject, _)
        subject.may_boot = True
        self.insist(subject.proof.keep)
        self.insist(lambda: subject.sandbox.pause(mode="disk"))

    def op_hibernate(self, subject, random):
        self.op_check(subject, random)
        self.insist(subject.sandbox.hibernate)
        if random.random() < 0.5:
            self.insist(subject.sandbox.resume)
        self.op_check(subject, random)

    def op_leave_hibernated(self, subject, random):
        self.op_check(subject, random)
        self.insist(subject.sandbox.hibernate)

    def op_fall_asleep(self, subject, _):
        self.op_check(subject, _)
        self.insist(lambda: subject.sandbox.set_timeout(timeout_sec=1))
        self.insist(lambda: wait_for(lambda: subject.sandbox.get()["status"] == "paused", seconds=15, every=0.2))
        self.insist(lambda: subject.sandbox.resume(timeout_sec=0))

    def op_together(self, subject, random):
        """Everybody wants something else of it."""
        verbs = [random.choice(["pause", "resume"]) for _ in range(4)]
        threads = [threading.Thread(target=self.try_post, args=(subject, verb)) for verb in verbs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.op_check(subject, random)

    def op_fork(self, subject, _):
        self.op_check(subject, _)
        made = self.once(lambda: subject.sandbox.fork(1))
        if made is None:
            return  # Its answer was lost or it was refused; what is there in the end is looked at then.
        (fork,), _timings = made
        self.add(subject.proof.copy(fork))

    def op_snapshot(self, subject, _):
        self.op_check(subject, _)
        name = f"torture-{self.next_number()}"
        api = self.wrenn.api
        self.once(lambda: api.post("/v1/snapshots", {"sandbox_id": subject.sandbox.id, "name": name}))
        reply = self.once(lambda: api.post("/v1/capsules", {"template": name}))
        if reply is not None and reply.status == 201:
            self.add(subject.proof.copy(Sandbox(api, reply.json())))

        def remove():
            reply = api.delete(f"/v1/snapshots/{name}")
            assert reply.status in (204, 404), reply
        self.insist(remove)

    def op_destroy(self, subject, _):
        self.insist(subject.sandbox.destroy)
        with self.lock:
            self.subjects.remove(subject)

    def op_kill_qemu(self, subject, random):
        """At rest, or in the middle of a change."""
        self.op_check(subject, random)
        if random.random() < 0.5:
            self.insist(subject.proof.keep)
        subject.may_boot = True
        verb = random.choice([None, "pause", "resume", "fork"])
        delay = random.uniform(0, 0.3)
        thread = threading.Thread(target=self.try_post, args=(subject, verb))
        if verb == "resume":
            self.op_pause(subject, random)
        if verb:
            thread.start()
        time.sleep(delay)
        with contextlib.suppress(AssertionError, OSError):
            kill(self.wrenn.machine.qemu_pid(subject.sandbox.id))
        if verb:
            thread.join()

    def op_kill_envd(self, subject, random):
        self.op_check(subject, random)
        subject.may_boot = True
        with contextlib.suppress(OSError, http.client.HTTPException):
            subject.sandbox.try_exec("pkill", "-9", "envd", user="root", timeout_sec=5)

    # How it is done.

    def try_post(self, subject, verb):
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.wrenn.api.post(f"{subject.sandbox.path}/{verb}", {})

    def once(self, call):
        """Its answer, or None when whoever serves it was just killed or says no."""
        try:
            return call()
        except Lost:
            raise
        except (OSError, http.client.HTTPException, AssertionError, ValueError):
            return None

    def insist(self, call):
        """Until it succeeds. Only data that is lost is no matter of time."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return call()
            except Lost:
                raise
            except (OSError, http.client.HTTPException, AssertionError, ValueError):
                if time.monotonic() > until or self.failure:
                    raise
            time.sleep(0.2)

    def next_number(self):
        with self.lock:
            self.number += 1
            return self.number

    def add(self, proof):
        subject = Subject(f"s{self.next_number()}", proof)
        with self.lock:
            self.subjects.append(subject)
        return subject

    def create(self):
        headers = {"Idempotency-Key": f"torture-{self.seed}-{self.next_number()}"}

        def create():
            reply = self.wrenn.api.post("/v1/capsules", {"memory_mb": 256, "auto_resume": True}, headers=headers)
            assert reply.status == 201 and reply.json()["status"] in SETTLED, reply
            return Sandbox(self.wrenn.api, reply.json())

        sandbox = self.insist(create)
        proof = Proof.__new__(Proof)
        # Whole or not at all, and it must not begin twice.
        self.insist(lambda: proof.__init__(sandbox, self.seed))
        return self.add(proof)

    def pick(self, random):
        """Some subject that nobody else holds; None: there are too few."""
        with self.lock:
            free = [one for one in self.subjects if not one.busy.locked()]
            if len(self.subjects) < self.most and (not free or random.random() < 0.5):
                return None
            if not free:
                return False
            subject = random.choice(free)
            subject.busy.acquire()
            return subject

    def is_over(self):
        return self.failure is not None or self.done >= self.operations or time.monotonic() - self.began > self.seconds

    def work(self, number):
        rng = random.Random(f"{self.seed}/{number}")
        weights = {"check": 3, "write": 2, "keep": 1, "pause": 3, "pause_and_resume": 5, "pause_disk": 1, "fall_asleep": 1,
                   "hibernate": 2, "leave_hibernated": 1, "together": 2, "fork": 3, "snapshot": 1, "destroy": 1, "kill_qemu": 2, "kill_envd": 1}
        while not self.is_over():
            subject = self.pick(rng)
            if subject is False:
                time.sleep(0.05)
                continue
            self.attempt(rng, weights, subject)

    def attempt(self, rng, weights, subject):
        held = subject
        name = "create" if subject is None else rng.choices(list(weights), list(weights.values()))[0]
        if name in ("fork", "snapshot") and len(self.subjects) >= self.most + 2:
            name = "destroy"
        began = time.monotonic()
        try:
            if subject is None:
                subject = self.create()
            else:
                getattr(self, f"op_{name}")(subject, rng)
        except BaseException as error:
            self.failure = self.failure or error
            self.note(f"{name} of {subject and subject.name} FAILED: {error!r}", began)
            return
        finally:
            if held:
                held.busy.release()
        with self.lock:
            self.done += 1
            self.counts[name] = self.counts.get(name, 0) + 1
        self.note(f"{name} {subject.name} {subject.sandbox.id}", began)

    def note(self, what, began):
        now = time.monotonic()
        self.say(f"{now - self.began:7.2f} {self.done:4d} {what} ({now - began:.2f} s)")

    def fill_disk(self, seconds):
        filler = self.wrenn.fill()
        try:
            time.sleep(seconds)
        finally:
            filler.unlink()

    def freeze_disk(self, seconds):
        self.wrenn.freeze()
        try:
            time.sleep(seconds)
        finally:
            self.wrenn.thaw()

    def trouble_disk(self, what, how):
        began = time.monotonic()
        how()
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1
        self.note(what, began)

    def leave_in_peace(self, seconds):
        """And until something has been done since, or nothing ever would be on a slow machine."""
        began, done = time.monotonic(), self.done
        time.sleep(seconds)
        while self.done == done and time.monotonic() - began < PATIENCE / 4 and not self.is_over():
            time.sleep(0.1)

    def kill_programs(self):
        """Beside the workers: agent and control plane go, at any moment, and come back; and for a while the disk is full, or so slow
        that nothing gets written."""
        rng = random.Random(f"{self.seed}/programs")
        while not self.is_over():
            self.leave_in_peace(rng.uniform(1, 5))
            if self.wrenn.disk_mb and rng.random() < 0.4:
                what, how = rng.choice([("fill disk", self.fill_disk), ("stop disk", self.freeze_disk)])
                seconds = rng.uniform(0.5, 3)
                self.trouble_disk(what, lambda: how(seconds))
                continue
            began = time.monotonic()
            victims = rng.choice([["agent"], ["agent"], ["cp"], ["agent", "cp"]])
            delay = rng.uniform(0, 1)
            try:
                for victim in victims:
                    if pid := self.wrenn.machine.pid(victim):
                        kill(pid)
                time.sleep(delay)
                self.wrenn.up()
            except BaseException as error:
                self.failure = self.failure or error
                self.note(f"killing {victims} FAILED: {error!r}", began)
                return
            with self.lock:
                for victim in victims:
                    self.counts[f"kill {victim}"] = self.counts.get(f"kill {victim}", 0) + 1
            self.note(f"killed {'+'.join(victims)}", began)

    def run(self):
        threads = [threading.Thread(target=self.work, args=(number,)) for number in range(self.workers)]
        threads.append(threading.Thread(target=self.kill_programs))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failure:
            raise self.failure
        self.wrenn.up()
        self.check_all()

    def rows(self):
        return {one["id"]: one for one in self.wrenn.api.list()}

    def check_all(self):
        """What the API says, what the machine shows and what the sandboxes hold are one."""
        machine = self.wrenn.machine
        final = {*SETTLED, "error", "stopped", "missing"}

        def settled():
            rows = self.rows()
            return all(one["status"] in final for one in rows.values()) and rows or None

        rows = self.insist(lambda: wait_for(settled, seconds=PATIENCE, every=0.3))
        self.note("all is settled", self.began)
        alive = {id for id, one in rows.items() if one["status"] in SETTLED}
        ours = {subject.sandbox.id: subject for subject in self.subjects}
        assert set(ours) <= alive, {id: rows.get(id) for id in set(ours) - alive}

        def agrees():
            rows = self.rows()
            alive = {id for id, one in rows.items() if one["status"] in SETTLED}
            here = {id for id in alive if rows[id]["status"] != "hibernated"}
            return here == set(machine.sandbox_dirs()) and all(
                self.has_vm(id) == (rows[id]["status"] == "running") for id in alive)

        wait_for(agrees, seconds=40, every=0.3)
        self.note("API and host agree", self.began)
        for subject in self.subjects:
            self.op_check(subject, None)
        for id in alive - set(ours):  # Made for somebody whose answer was lost: whole, too.
            Sandbox(self.wrenn.api, rows[id]).exec("true")
        # Everybody sleeps and wakes once more.
        for subject in self.subjects:
            random.choice([subject.sandbox.hibernate, subject.sandbox.pause])()
            subject.sandbox.resume()
            subject.proof.check_moves()
        self.note(f"all of {len(self.subjects)} are whole: {self.counts}", self.began)

    def has_vm(self, sandbox_id):
        try:
            return bool(self.wrenn.machine.qemu_pid(sandbox_id))
        except AssertionError:
            return False
