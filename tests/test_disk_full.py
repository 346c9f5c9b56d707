"""A full disk: a clear refusal, the rest goes on, and all is well once there is room again."""
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.machine import wait_for
from support.proof import Proof
from support.server import Wrenn


@pytest.fixture(scope="module")
def small_wrenn():
    with Wrenn(disk_mb=1500) as server:
        yield server


@pytest.mark.parametrize("left", [0, 256 << 10], ids=["no room at all", "room for little"])
def test_create_on_a_full_disk(small_wrenn, left):
    api = small_wrenn.api
    older = api.create()
    assert older.exec("true").exit_code == 0
    filler = small_wrenn.fill()
    try:
        os.truncate(filler, filler.stat().st_size - left)
        for _ in range(10):
            refused = api.post("/v1/capsules", {})
            if refused.status != 201:
                break
        assert refused.status >= 500 and refused.code in ("db_error", "agent_error", "no_hosts_available"), refused
        assert "full" in refused.message or "space" in refused.message, refused
        assert api.get("/health").status == 200
        assert older.get()["status"] == "running"
        assert older.exec("echo", "goes on").text == "goes on"
    finally:
        filler.unlink()
    with api.create() as newer:
        assert newer.exec("echo", "room again").text == "room again"
    assert older.exec("echo", "still here").text == "still here"
    # Of those that were refused nothing is left.
    def agrees():
        return {one["id"] for one in api.list()} == set(small_wrenn.machine.sandbox_dirs())
    wait_for(agrees, seconds=40, every=0.3)
    small_wrenn.remove_all()


@pytest.mark.parametrize("left", [0, 1 << 20], ids=["no room at all", "room for little"])
def test_pausing_and_copying_on_a_full_disk(small_wrenn, left):
    """Refused, and the sandbox goes on with all it has; with room again all of it works."""
    api = small_wrenn.api
    sandbox = api.create()
    proof = Proof(sandbox)
    sandbox.pause()
    sandbox.resume()
    sandbox.sh("head -c 30000000 /dev/urandom >/dev/shm/much")
    md5 = sandbox.sh("md5sum </dev/shm/much").text
    filler = small_wrenn.fill()
    try:
        os.truncate(filler, filler.stat().st_size - left)
        for path, body in [("pause", {}), ("fork", {}), ("pause", {"mode": "memory"})]:
            refused = api.post(f"{sandbox.path}/{path}", body)
            assert refused.status >= 500, (path, refused)
            assert "full" in refused.message or "space" in refused.message, (path, refused)
            assert sandbox.get()["status"] == "running"
        assert api.post("/v1/snapshots", {"sandbox_id": sandbox.id, "name": "none"}).status >= 500
    finally:
        filler.unlink()
    proof.check_moves()
    sandbox.pause()
    proof.check_moves()
    assert sandbox.sh("md5sum </dev/shm/much").text == md5
    (fork,), _ = sandbox.fork()
    proof.copy(fork).check_moves()
    # Nothing of the attempts is left.
    for one in (fork, sandbox):
        one.destroy()
    assert small_wrenn.machine.sandbox_dirs() == []
    assert {one["name"] for one in api.get("/v1/snapshots").json()} == {"minimal"}


def test_a_guest_that_finds_no_room_on_the_host_waits_for_it(small_wrenn):
    """It sees no error, and loses nothing."""
    sandbox = small_wrenn.api.create()
    sandbox.exec("true")
    filler = small_wrenn.fill()
    try:
        sandbox.background("/bin/sh", "-c", "head -c 40000000 /dev/urandom >/home/user/much && sync && echo $? >/home/user/done")
        time.sleep(6)
        assert not sandbox_answers(sandbox, "test -e /home/user/done")
    finally:
        filler.unlink()
    wait_for(lambda: sandbox_answers(sandbox, "grep -x 0 /home/user/done"), seconds=60, every=1)
    md5 = sandbox.sh("md5sum </home/user/much; stat -c %s /home/user/much").text
    assert md5.endswith("\n40000000")
    sandbox.pause(mode="disk")
    sandbox.resume()
    assert sandbox.sh("md5sum </home/user/much; stat -c %s /home/user/much; dmesg | grep -ci 'i/o error' || true",
                      user="root").text == md5 + "\n0"
    sandbox.destroy()


def test_a_guest_that_boots_while_there_is_no_room_waits_for_it(small_wrenn):
    """And what waits for others does not wait for it."""
    sandbox, other = small_wrenn.api.create(), small_wrenn.api.create()
    proof = Proof(sandbox)
    proof.keep()
    sandbox.pause(mode="disk")
    pids = small_wrenn.machine.sandbox_pids
    wait_for(lambda: len(pids()) == 1, seconds=10)
    pool = ThreadPoolExecutor(1)
    resumed = pool.submit(sandbox.resume)
    wait_for(lambda: len(pids()) == 2, seconds=10, every=0.01)
    filler = small_wrenn.fill()
    try:
        other.background("/bin/sh", "-c", "head -c 40000000 /dev/urandom >/home/user/much && sync && echo $? >/home/user/done")
        time.sleep(8)
        assert not resumed.done()
    finally:
        filler.unlink()
    began = time.monotonic()
    wait_for(lambda: sandbox_answers(other, "grep -x 0 /home/user/done"), seconds=60, every=1)
    assert resumed.result(timeout=50)["status"] == "running"
    print(f"{time.monotonic() - began:.1f} s after there was room")
    proof.check_moves(may_boot=True)
    small_wrenn.remove_all()


def sandbox_answers(sandbox, script):
    """Whether the script succeeds within seconds."""
    reply = sandbox.try_exec("/bin/sh", "-c", script, timeout_sec=5)
    return reply.status == 200 and reply.json()["exit_code"] == 0


def test_a_full_disk_inside_a_sandbox_is_its_own_affair(sandbox):
    written = sandbox.sh("dd if=/dev/zero of=/dev/shm/x bs=1M count=2000 2>&1; rm -f /dev/shm/x")
    assert "No space left" in written.stdout.decode()
    assert sandbox.exec("true").exit_code == 0
