"""Disks by dm-snapshot: on devices of a kernel that has device-mapper, which is the guest's where it is not the host's."""
import os
import pathlib
import re
import subprocess

import pytest

from support.machine import kill, wait_for
from support.proof import Proof
from support.server import IMAGES, ROOT, WRENN, Wrenn

TESTS = ROOT / "build" / "release" / "src" / "storage" / "snapshot_disks_test"
CONTROL = pathlib.Path("/dev/mapper/control")
MODULES = ["loop", "dm-mod", "dm-bufio", "dm-snapshot"]  # Each after those that it needs.
# A guest has no modprobe, and its image no modules.
LOAD = """
import ctypes, os, sys
for path in sys.argv[1:]:
    with open(path, "rb") as module:
        if ctypes.CDLL(None, use_errno=True).syscall(313, module.fileno(), b"", 0) != 0 and ctypes.get_errno() != 17:
            sys.exit(f"{path}: {os.strerror(ctypes.get_errno())}")
"""


def has_device_mapper():
    """The node may be there without what it stands for."""
    try:
        os.close(os.open(CONTROL, os.O_RDWR))
    except OSError:
        return False
    return True


def modules():
    """Those of the guest's kernel, from the package that it was taken of."""
    package = next((IMAGES / "cache" / "images").glob("linux-image-*.deb"))
    archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
    names = subprocess.run(["tar", "t"], input=archive, capture_output=True, check=True).stdout.decode().split()
    for module in MODULES:
        name = next(one for one in names if one.endswith(f"/{module}.ko"))
        yield module, subprocess.run(["tar", "xO", name], input=archive, capture_output=True, check=True).stdout


def libraries():
    """Of the tests' program, by their names, with the dynamic loader."""
    told = subprocess.run(["ldd", TESTS], capture_output=True, text=True, check=True).stdout
    return {pathlib.Path(path).name: pathlib.Path(path) for path in re.findall(r"(/\S+) \(0x", told)}


def test_on_the_devices_of_a_guest(api, tmp_path):
    """The unit tests of the disks, with a real kernel's device-mapper: none may be skipped."""
    assert TESTS.exists(), f"{TESTS} is missing: make build"
    with api.create() as sandbox:
        sandbox.write("/tmp/load.py", LOAD.encode())
        for name, content in modules():
            sandbox.write(f"/tmp/{name}.ko", content)
        for name, path in libraries().items():
            sandbox.write(f"/tmp/lib/{name}", path.read_bytes())
        subprocess.run(["strip", "-o", tmp_path / "program", TESTS], check=True)
        sandbox.write("/tmp/snapshot_disks_test", (tmp_path / "program").read_bytes())
        loaded = sandbox.sh("python3 /tmp/load.py " + " ".join(f"/tmp/{name}.ko" for name in MODULES), user="root", timeout_sec=60)
        assert loaded.exit_code == 0, loaded
        loader = next(name for name in libraries() if name.startswith("ld-linux"))
        done = sandbox.sh(f"chmod 755 /tmp/snapshot_disks_test /tmp/lib/{loader}; export WRENN_NEEDS_DEVICE_MAPPER=1; "
                          f"/tmp/lib/{loader} --library-path /tmp/lib /tmp/snapshot_disks_test 2>&1", user="root", timeout_sec=150)
        assert done.exit_code == 0, done
        assert "SKIPPED" not in done.text and re.search(r"\[  PASSED  \] \d+ tests", done.text), done.text


@pytest.fixture(scope="module")
def snapshots():
    """A Wrenn whose sandboxes have such disks, where this very machine can."""
    if not has_device_mapper():
        pytest.skip(f"no VM on device-mapper's disks: this machine's kernel has no device-mapper ({CONTROL})")
    with Wrenn(environment={"WRENN_STORAGE": "dm-snapshot"}) as server:
        yield server


def devices(server):
    return [one.name for one in pathlib.Path("/sys/block").glob("dm-*")
            if (one / "dm" / "name").read_text().startswith(f"wrenn-{server.machine.tag}-")]


def test_a_sandbox_through_everything(snapshots):
    sandbox = snapshots.api.create()
    assert devices(snapshots)
    proof = Proof(sandbox)
    for _ in range(10):  # More than are merged.
        sandbox.pause()
        assert not devices(snapshots)
        sandbox.resume()
        proof.check_moves()
    twin = snapshots.api.create()
    twin.destroy()
    copies, _ = sandbox.fork(2)
    proof.check_moves()
    for copy in copies:
        copy.destroy()
    proof.check_moves()
    sandbox.destroy()
    wait_for(lambda: not devices(snapshots))


def test_a_new_agent_keeps_the_devices_of_sandboxes_that_run(snapshots):
    sandbox = snapshots.api.create()
    proof = Proof(sandbox)
    before = devices(snapshots)
    kill(snapshots.machine.pid("agent"))
    snapshots.up()
    assert devices(snapshots) == before
    proof.check_moves()
    sandbox.pause()
    sandbox.resume()
    proof.check_moves()
    sandbox.destroy()
    wait_for(lambda: not devices(snapshots))


def test_what_was_asked_for_is_refused_where_it_cannot_be(tmp_path):
    """With the reason and what to do, before anything is made; where it can be, it is not refused."""
    (tmp_path / "kernels").symlink_to(IMAGES / "kernels")
    done = subprocess.run([WRENN.parent / "wrenn-agent", "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert "dm-snapshot" in done.stdout
    if has_device_mapper():
        return
    done = subprocess.run([WRENN.parent / "wrenn-agent", "serve", "--dir", tmp_path, "--storage", "dm-snapshot"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "storage 'dm-snapshot' was asked for: this kernel has no device-mapper" in done.stderr, done.stderr
    assert "modprobe dm_snapshot" in done.stderr
