#!/usr/bin/env python3
"""The peer: plain QEMU with the same kernel and root disk, whose machine is saved to a file as `virsh save` does it (stop, then
migrate), ended, and started again from that file.

As a program, in a network namespace of its own, so that all it makes goes away with it:
  unshare --net plain_qemu.py KERNEL INITRAMFS ROOTFS WORKDIR kvm|tcg ROUNDS
prints for each round the milliseconds from asking for the save to the end of QEMU, and from starting QEMU anew to the first
answer from envd; the size of the file in bytes; and then the milliseconds of the same when the file and the disk are moved away,
packed by `zstd`, and brought back from there.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "create"))

from plain_boot import answers, die_with_parent, open_tap, qemu_command, run_true  # noqa: E402

DEADLINE = 60


class Qmp:
    """QEMU's control socket, one command at a time."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        until(lambda: self.socket.connect_ex(str(path)) == 0)
        self.lines = self.socket.makefile()
        self.lines.readline()  # Its greeting.
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        for line in self.lines:
            answer = json.loads(line)
            if "error" in answer:
                sys.exit(f"{command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]
        sys.exit(f"{command}: QEMU has ended")

    def close(self):
        self.lines.close()
        self.socket.close()


def until(condition, pause=0.001):
    """Looks often, so that what is measured is QEMU's time and not ours."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("plain QEMU is stuck")
        time.sleep(pause)


class Machine:
    def __init__(self, command, tap, control, *more):
        control.unlink(missing_ok=True)
        self.process = subprocess.Popen([*command, "-qmp", f"unix:{control},server=on,wait=off", *more], pass_fds=[tap],
                                        stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.control = control

    def wait_for_answer(self):
        until(lambda: self.process.poll() is not None or answers())
        if self.process.poll() is not None:
            sys.exit("plain QEMU has ended")

    def save(self, file):
        """Until the file is whole and the process is gone."""
        qmp = Qmp(self.control)
        qmp("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        began = time.monotonic()
        qmp("stop")
        qmp("migrate", uri=f"exec:cat >{file}")
        until(lambda: qmp("query-migrate").get("status") in ("completed", "failed"))
        status = qmp("query-migrate")["status"]
        if status != "completed":
            sys.exit(f"the migration {status}")
        qmp("quit")
        self.process.wait()
        qmp.close()
        return (time.monotonic() - began) * 1000

    def load(self):
        """Of one that was started from a file: it goes on as soon as that is read, as it stood still when it was saved."""
        qmp = Qmp(self.control)
        until(lambda: qmp("query-status")["status"] != "inmigrate")
        qmp("cont")
        qmp.close()
        self.wait_for_answer()

    def end(self):
        self.process.kill()
        self.process.wait()


def pack(file, packed):
    subprocess.run(["zstd", "-q", "-f", "-1", str(file), "-o", str(packed)], check=True)
    with open(packed, "rb") as written:
        os.fsync(written.fileno())
    file.unlink()


def main():
    die_with_parent()
    kernel, initramfs, rootfs, work, accelerator, rounds = sys.argv[1:]
    place = pathlib.Path(work, f"plain-{os.getpid()}")
    place.mkdir()
    disk, control, file = place / "disk.qcow2", place / "qmp", place / "state"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", rootfs, str(disk)], check=True)
    tap = open_tap()
    command = qemu_command(kernel, initramfs, disk, accelerator, tap)
    machine = Machine(command, tap, control)
    try:
        machine.wait_for_answer()
        for _ in range(int(rounds)):
            run_true()
            saved_ms = machine.save(file)
            began = time.monotonic()
            machine = Machine(command, tap, control, "-incoming", f"exec:cat {file}")
            machine.load()
            loaded_ms = (time.monotonic() - began) * 1000
            size = file.stat().st_size

            run_true()
            began = time.monotonic()
            machine.save(file)
            pack(file, place / "state.zst")
            pack(disk, place / "disk.zst")
            left_ms = (time.monotonic() - began) * 1000
            began = time.monotonic()
            subprocess.run(["zstd", "-q", "-d", str(place / "disk.zst"), "-o", str(disk)], check=True)
            machine = Machine(command, tap, control, "-incoming", f"exec:zstd -dcq {place / 'state.zst'}")
            machine.load()
            back_ms = (time.monotonic() - began) * 1000
            print(f"{saved_ms:.1f} {loaded_ms:.1f} {size} {left_ms:.1f} {back_ms:.1f}", flush=True)
    finally:
        machine.end()
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
