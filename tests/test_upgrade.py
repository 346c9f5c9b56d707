"""A new agent takes over while sandboxes work and people sit at their terminals."""
import os
import re
import shutil
import signal
import threading
import time

import pytest

from support.machine import kill, wait_for
from support.proof import Proof
from support.server import WRENN, Wrenn
from support.websocket import Pty

SANDBOXES = 10
COUNT_AND_ANSWER = """
stty -echo
(n=0; while :; do n=$((n + 1)); echo n=$n; sleep 0.2; done) &
read x
kill $!
echo got $x
sleep 1000
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A Wrenn whose programs are copies of its own, so that one can be replaced."""
    programs = tmp_path_factory.mktemp("programs")
    for program in WRENN.parent.iterdir():
        if program.is_file():
            shutil.copy2(program, programs)
    with Wrenn(programs=programs) as wrenn:
        yield wrenn


def replace_agent(wrenn):
    """As a package manager does it: the new file under the old name, then the service anew."""
    program = wrenn.programs / "wrenn-agent"
    new = program.with_name("wrenn-agent.new")
    shutil.copy2(program, new)
    with open(new, "ab") as file:
        file.write(b"another build")
    os.rename(new, program)
    before = wrenn.machine.pid("agent")
    kill(before, signal.SIGTERM)
    wrenn.up()
    after = wrenn.machine.pid("agent")
    assert after != before and "deleted" not in os.readlink(f"/proc/{after}/exe")


class Watcher(threading.Thread):
    """Somebody at a terminal in which a program counts; it never attaches anew."""

    def __init__(self, sandbox):
        super().__init__(daemon=True)
        self.pty = Pty(sandbox)
        self.pty.seconds = 300
        self.pty.deadline = time.monotonic() + 300
        self.pty.start("/bin/sh", "-c", COUNT_AND_ANSWER)
        self.failure = None
        self.gap = 0

    def run(self):
        last = time.monotonic()
        try:
            while True:
                self.pty.step()
                self.gap = max(self.gap, time.monotonic() - last)
                last = time.monotonic()
                if b"got bye" in self.pty.output:
                    return
        except Exception as error:
            self.failure = error

    def count(self):
        numbers = [int(number) for number in re.findall(rb"n=(\d+)\r\n", self.pty.output)]
        assert numbers == list(range(1, len(numbers) + 1)), f"some of it is missing: {numbers}"
        return len(numbers)


def test_nobody_notices_a_new_agent_beyond_a_pause(installed):
    machine = installed.machine
    made = [installed.api.create(memory_mb=256) for _ in range(SANDBOXES)]
    proofs = [Proof(sandbox) for sandbox in made[:3]]
    qemus = {sandbox.id: machine.qemu_pid(sandbox.id) for sandbox in made}
    watchers = [Watcher(sandbox) for sandbox in made]
    answers = []
    long = threading.Thread(target=lambda: answers.append(made[0].exec("/bin/sh", "-c", "sleep 8; echo through", timeout_sec=60)))
    for thread in [*watchers, long]:
        thread.start()
    wait_for(lambda: all(watcher.count() > 3 for watcher in watchers), seconds=60)

    replace_agent(installed)
    counts = [watcher.count() for watcher in watchers]
    wait_for(lambda: all(watcher.count() > before + 3 for watcher, before in zip(watchers, counts)), seconds=60)
    # And once more, without a goodbye.
    kill(machine.pid("agent"))
    installed.up()
    for watcher in watchers:
        watcher.pty.type("bye\n")
    for watcher in watchers:
        watcher.join(60)
        assert watcher.failure is None and not watcher.is_alive(), (watcher.failure, watcher.pty.output[-100:])
        watcher.count()
    long.join(60)
    assert answers and answers[0].text == "through"
    print(f"the longest silence of a terminal: {max(watcher.gap for watcher in watchers):.1f} s")
    assert {sandbox.id: machine.qemu_pid(sandbox.id) for sandbox in made} == qemus
    for proof in proofs:
        proof.check_moves()
