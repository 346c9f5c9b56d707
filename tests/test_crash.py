"""kill -9 of everything, at rest and in the middle of things: no sandbox is lost, no orphan stays."""
import threading
import time

import pytest

from support.machine import is_alive, kill, wait_for


@pytest.fixture(autouse=True)
def tidy(own_wrenn):
    yield
    own_wrenn.up()
    own_wrenn.remove_all()


def test_a_dead_vm_is_seen_within_seconds(own_wrenn):
    machine = own_wrenn.machine
    victim, other = own_wrenn.api.create(), own_wrenn.api.create()
    kill(machine.qemu_pid(victim.id))
    def is_over():
        info = victim.get()
        return info["status"] != "running" and info
    info = wait_for(is_over, seconds=10)
    assert info["status"] in ("error", "stopped", "missing")
    refused = victim.try_exec("true")
    assert refused.status in (404, 409), refused
    assert other.exec("echo", "alive").text == "alive"
    wait_for(lambda: victim.id not in machine.sandbox_dirs())


def test_an_exec_ends_when_its_vm_dies(own_wrenn):
    victim = own_wrenn.api.create()
    replies = []
    waiting = threading.Thread(target=lambda: replies.append(victim.try_exec("sleep", "60", timeout_sec=60)))
    waiting.start()
    time.sleep(1)
    kill(own_wrenn.machine.qemu_pid(victim.id))
    waiting.join(timeout=15)
    assert replies and replies[0].status >= 400, replies


def test_sandboxes_outlive_the_agent(own_wrenn):
    machine = own_wrenn.machine
    sandbox = own_wrenn.api.create()
    sandbox.sh("echo kept > /dev/shm/memory; echo kept > /home/user/disk")
    qemu = machine.qemu_pid(sandbox.id)
    kill(machine.pid("agent"))
    refused = sandbox.try_exec("true")
    assert refused.status == 503, refused
    own_wrenn.up()
    assert machine.qemu_pid(sandbox.id) == qemu
    assert sandbox.sh("cat /dev/shm/memory /home/user/disk").text == "kept\nkept"
    assert sandbox.get()["status"] == "running"
    with own_wrenn.api.create() as another:
        assert another.exec("true").exit_code == 0
    sandbox.destroy()
    wait_for(lambda: not is_alive(qemu))


def test_sandboxes_outlive_the_control_plane(own_wrenn):
    sandbox = own_wrenn.api.create()
    kill(own_wrenn.machine.pid("cp"))
    own_wrenn.up()
    assert sandbox.exec("echo", "alive").text == "alive"
    assert [one["id"] for one in own_wrenn.api.list()] == [sandbox.id]


def test_a_vm_that_died_while_nobody_looked_is_not_kept(own_wrenn):
    machine = own_wrenn.machine
    sandbox = own_wrenn.api.create()
    qemu = machine.qemu_pid(sandbox.id)
    kill(machine.pid("agent"))
    kill(qemu)
    own_wrenn.up()
    wait_for(lambda: sandbox.get()["status"] != "running", seconds=20)
    assert machine.sandbox_dirs() == []
    assert machine.sandbox_pids() == []


@pytest.mark.parametrize("victim", ["agent", "cp"])
@pytest.mark.parametrize("delay", [0.02, 0.1, 0.2, 0.4])
def test_killed_while_creating_nothing_is_orphaned(own_wrenn, victim, delay):
    machine = own_wrenn.machine
    api = own_wrenn.api
    threads = []
    for _ in range(3):
        def attempt():
            try:
                api.post("/v1/capsules", {})
            except OSError:
                pass  # The control plane went away, as it was meant to.
        threads.append(threading.Thread(target=attempt))
        threads[-1].start()
    time.sleep(delay)
    kill(machine.pid(victim))
    for thread in threads:
        thread.join()
    own_wrenn.up()
    # What is there, is there for everybody: rows, directories and processes agree.
    def agrees():
        rows = {one["id"] for one in own_wrenn.api.list() if one["status"] == "running"}
        return rows == set(machine.sandbox_dirs()) and len(machine.sandbox_pids()) == len(rows)
    wait_for(agrees, seconds=40, every=0.3)
    for one in own_wrenn.api.list():
        if one["status"] == "running":
            reply = own_wrenn.api.post(f"/v1/capsules/{one['id']}/exec", {"cmd": "true"})
            assert reply.status == 200, reply
    own_wrenn.remove_all()
    wait_for(lambda: machine.sandbox_pids() == [])
