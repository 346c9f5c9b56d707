"""A full disk: a clear refusal, the rest goes on, and all is well once there is room again."""
import pathlib

import pytest

from support.server import Wrenn


@pytest.fixture
def small_wrenn():
    with Wrenn(tmpfs="1500m") as server:
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


def test_create_on_a_full_disk(small_wrenn):
    api = small_wrenn.api
    with api.create() as older:
        assert older.exec("true").exit_code == 0
        filler = fill(small_wrenn.directory)
        try:
            refused = api.post("/v1/capsules", {})
            assert refused.status in (502, 503, 507), refused
            assert "space" in refused.message.lower(), refused
            assert api.get("/health").status == 200
            assert api.get(older.path).status == 200
            assert older.exec("echo", "goes on").text == "goes on"
            assert len(small_wrenn.machine.sandbox_dirs()) == 1
        finally:
            filler.unlink()
        with api.create() as newer:
            assert newer.exec("echo", "room again").text == "room again"
        assert older.exec("echo", "still here").text == "still here"


def test_a_full_disk_inside_a_sandbox_is_its_own_affair(sandbox):
    written = sandbox.sh("dd if=/dev/zero of=/dev/shm/x bs=1M count=2000 2>&1; rm -f /dev/shm/x")
    assert "No space left" in written.stdout.decode()
    assert sandbox.exec("true").exit_code == 0
