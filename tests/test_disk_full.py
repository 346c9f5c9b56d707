"""A full disk: a clear refusal, the rest goes on, and all is well once there is room again."""
import os
import pathlib

import pytest

from support.machine import wait_for
from support.server import Wrenn


@pytest.fixture(scope="module")
def small_wrenn():
    with Wrenn(disk_mb=1500) as server:
        yield server


def fill(directory):
    """Takes all the room there is; returns the file that did."""
    filler = pathlib.Path(directory, "filler")
    with open(filler, "wb", buffering=0) as file:
        block = b"\0" * (1 << 20)
        while block:
            try:
                file.write(block)
            except OSError:
                block = block[:len(block) // 2]
    return filler


@pytest.mark.parametrize("left", [0, 256 << 10], ids=["no room at all", "room for little"])
def test_create_on_a_full_disk(small_wrenn, left):
    api = small_wrenn.api
    older = api.create()
    assert older.exec("true").exit_code == 0
    filler = fill(small_wrenn.directory)
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


def test_a_full_disk_inside_a_sandbox_is_its_own_affair(sandbox):
    written = sandbox.sh("dd if=/dev/zero of=/dev/shm/x bs=1M count=2000 2>&1; rm -f /dev/shm/x")
    assert "No space left" in written.stdout.decode()
    assert sandbox.exec("true").exit_code == 0
