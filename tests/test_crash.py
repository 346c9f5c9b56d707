"""kill -9 of everything, at rest and in the middle of things: no sandbox is lost, no orphan stays."""
import contextlib
import http.client
import threading
import time

import pytest

from support.api import Sandbox
from support.machine import is_alive, kill, wait_for
from support.proof import Proof
from support.websocket import Pty


@pytest.fixture(autouse=True)
def tidy(own_wrenn):
    yield
    own_wrenn.up()
    own_wrenn.remove_all()


def becomes(sandbox, wanted, seconds=10):
    return wait_for(lambda: (info := sandbox.get())["status"] == wanted and info, seconds=seconds)


def test_a_vm_that_dies_is_paused_within_seconds_and_keeps_its_files(own_wrenn):
    machine = own_wrenn.machine
    victim, other = own_wrenn.api.create(auto_resume=False), own_wrenn.api.create()
    proof = Proof(victim)
    proof.check_moves()
    proof.keep()
    began = time.monotonic()
    kill(machine.qemu_pid(victim.id))
    info = becomes(victim, "paused")
    took = time.monotonic() - began
    assert (info["pause_mode"], info["pause_reason"]) == ("disk", "vm_ended") and info["status_reason"], info
    refused = victim.try_exec("true")
    assert refused.status == 409 and refused.code == "invalid_state", refused
    assert other.exec("echo", "alive").text == "alive"
    victim.resume()
    proof.check_booted()
    proof.check_moves()
    assert took < 3, took
    # Also when it dies of what goes on inside it.
    victim.try_exec("/bin/sh", "-c", "sync; echo c >/proc/sysrq-trigger", user="root", timeout_sec=5)
    becomes(victim, "paused", seconds=20)
    victim.resume()
    proof.kept = {}
    proof.check_booted()
    victim.destroy()
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


def test_a_host_that_is_short_of_memory_pauses_who_is_not_used(own_wrenn):
    machine = own_wrenn.machine
    idle, used = own_wrenn.api.create(), own_wrenn.api.create()
    proofs = [Proof(idle), Proof(used)]
    with Pty(used) as pty:
        pty.start("/bin/sh")
        kill(machine.pid("agent"))
        own_wrenn.up(WRENN_RESERVE_MEMORY_MB="10000000")
        info = becomes(idle, "paused", seconds=20)
        assert info["pause_reason"] == "host_memory" and info["pause_mode"] == "memory", info
        assert "memory" in info["status_reason"], info
        time.sleep(1)
        assert used.get()["status"] == "running"
        for reply in (own_wrenn.api.post("/v1/capsules", {}), own_wrenn.api.post(f"{idle.path}/resume", {})):
            assert reply.status == 503 and "memory" in reply.message, reply
        assert idle.get()["status"] == "paused"
        kill(machine.pid("agent"))
        own_wrenn.up()
        for proof in proofs:
            proof.check_moves()


def test_sandboxes_outlive_the_control_plane(own_wrenn):
    sandbox = own_wrenn.api.create()
    kill(own_wrenn.machine.pid("cp"))
    own_wrenn.up()
    assert sandbox.exec("echo", "alive").text == "alive"
    assert [one["id"] for one in own_wrenn.api.list()] == [sandbox.id]


def test_a_vm_that_died_while_nobody_looked_is_paused(own_wrenn):
    machine = own_wrenn.machine
    sandbox = own_wrenn.api.create()
    proof = Proof(sandbox)
    proof.check_moves()
    proof.keep()
    qemu = machine.qemu_pid(sandbox.id)
    kill(machine.pid("agent"))
    kill(qemu)
    own_wrenn.up()
    info = becomes(sandbox, "paused", seconds=20)
    assert (info["pause_mode"], info["pause_reason"]) == ("disk", "vm_ended"), info
    assert machine.sandbox_pids() == []
    proof.check_booted()  # Any call wakes it.
    proof.check_moves()


@pytest.mark.parametrize("delay", [0, 0.03, 0.1])
def test_one_that_is_paused_while_it_shuts_down_boots(own_wrenn, delay):
    """Its memory is of a guest that ends as soon as it goes on."""
    sandbox = own_wrenn.api.create()
    proof = Proof(sandbox)
    proof.check_moves()
    proof.keep()
    with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
        sandbox.background("/bin/sh", "-c", f"sleep {delay}; exec pkill -9 envd", user="root")
    sandbox.api.post(f"{sandbox.path}/pause", {})
    becomes(sandbox, "paused", seconds=20)

    def has_booted():  # It may answer for a moment more.
        reply = sandbox.try_exec("cat", "/proc/sys/kernel/random/boot_id")
        return reply.status == 200 and reply.json()["stdout"].strip() != proof.boot

    wait_for(has_booted, seconds=40)
    proof.check_booted()
    proof.check_moves()


def test_a_paused_sandbox_outlives_agent_and_control_plane(own_wrenn):
    machine = own_wrenn.machine
    sandbox = own_wrenn.api.create()
    proof = Proof(sandbox)
    proof.check_moves()
    sandbox.pause()
    for names in (["agent"], ["cp"], ["cp", "agent"]):
        for name in names:
            kill(machine.pid(name))
        own_wrenn.up()
        assert sandbox.get()["status"] == "paused"
    sandbox.resume()
    proof.check_moves()


def settled(sandbox):
    """Its status once nobody changes it any more. Agent and control plane were restarted: a minute may pass."""
    return wait_for(lambda: (info := sandbox.get())["status"] in ("running", "paused") and info["status"], seconds=90)


@pytest.mark.parametrize("victims", [["agent"], ["cp"], ["cp", "agent"]], ids="+".join)
@pytest.mark.parametrize("verb", ["pause", "resume"])
@pytest.mark.parametrize("delay", [0.01, 0.05, 0.12, 0.25])
def test_killed_in_the_middle_of_a_change_nothing_is_half_done(own_wrenn, victims, verb, delay):
    """Pauses and resumes that are torn are finished or undone: either way the memory is there."""
    machine = own_wrenn.machine
    sandbox = own_wrenn.api.create()
    proof = Proof(sandbox)
    sandbox.pause()
    sandbox.resume()  # There are layers to lose.
    proof.check_moves()
    if verb == "resume":
        sandbox.pause()

    def change():
        try:
            own_wrenn.api.post(f"{sandbox.path}/{verb}", {})
        except (OSError, http.client.HTTPException):
            pass  # The control plane went away, as it was meant to.

    changing = threading.Thread(target=change)
    changing.start()
    time.sleep(delay)
    for victim in victims:
        kill(machine.pid(victim))
    own_wrenn.up()
    changing.join()
    status = settled(sandbox)
    assert machine.sandbox_dirs() == [sandbox.id]
    if status == "paused":
        wait_for(lambda: machine.sandbox_pids() == [])
    proof.check_moves()  # Wakes it where it is asleep.
    assert settled(sandbox) == "running"
    sandbox.pause()
    sandbox.resume()
    proof.check_moves()
    # Nothing of what was begun and given up is left in its directory.
    checkpoints = machine.directory / "sandboxes" / sandbox.id / "checkpoints"
    wait_for(lambda: len(list(checkpoints.iterdir())) == 1)


@pytest.mark.parametrize("victim", ["agent", "cp"])
@pytest.mark.parametrize("delay", [0.05, 0.2, 0.5])
def test_killed_while_forking_the_source_goes_on_and_nothing_is_orphaned(own_wrenn, victim, delay):
    machine, api = own_wrenn.machine, own_wrenn.api
    sandbox = api.create()
    proof = Proof(sandbox)
    begun = proof.copy(sandbox)

    def fork():
        try:
            api.post(f"{sandbox.path}/fork", {"count": 3})
        except (OSError, http.client.HTTPException):
            pass

    forking = threading.Thread(target=fork)
    forking.start()
    time.sleep(delay)
    kill(machine.pid(victim))
    own_wrenn.up()
    forking.join()
    proof.check_moves()

    def agrees():
        rows = {one["id"]: one["status"] for one in own_wrenn.api.list()}
        alive = {id for id, status in rows.items() if status in ("running", "paused")}
        return alive == set(machine.sandbox_dirs()) and not set(rows.values()) - {"running", "paused", "error", "missing"}

    wait_for(agrees, seconds=40, every=0.3)
    for one in own_wrenn.api.list():
        if one["status"] == "running" and one["id"] != sandbox.id:
            begun.copy(Sandbox(own_wrenn.api, one)).check_moves()


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
