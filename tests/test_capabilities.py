"""The agent's unit names the capabilities that it may have: with these and no others it does all it is for, on this machine."""
import os
import pathlib
import re
import shutil
import signal

import pytest

from support.machine import kill
from support.server import ROOT, WRENN, Wrenn

UNIT = ROOT / "deploy/systemd/wrenn-agent.service"
# Of linux/capability.h.
NUMBERS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "DAC_READ_SEARCH": 2, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8,
           "NET_ADMIN": 12, "SYS_CHROOT": 18, "SYS_PTRACE": 19, "SYS_ADMIN": 21, "SYS_RESOURCE": 24, "MKNOD": 27}


def bounding_set():
    lines = re.findall(r"^CapabilityBoundingSet=(.*)$", UNIT.read_text(), re.MULTILINE)
    return [word.removeprefix("CAP_") for line in lines for word in line.split()]


def capabilities(pid):
    """(bounding set, effective ones)"""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return tuple(int(re.search(rf"^{name}:\t(\w+)$", text, re.MULTILINE).group(1), 16) for name in ("CapBnd", "CapEff"))


@pytest.fixture(scope="module")
def bounded(tmp_path_factory):
    """A Wrenn whose agent gets no more than its unit would give it."""
    programs = tmp_path_factory.mktemp("programs")
    for program in WRENN.parent.iterdir():
        if program.is_file():
            shutil.copy2(program, programs)
    agent = programs / "wrenn-agent"
    agent.rename(programs / "agent")
    allowed = ",".join("+" + name.lower() for name in bounding_set())
    agent.write_text(f'#!/bin/sh\nexec setpriv --bounding-set=-all,{allowed} --inh-caps=-all {programs}/agent "$@"\n')
    agent.chmod(0o755)
    with Wrenn(programs=programs) as wrenn:
        yield wrenn


def test_the_agent_lives_with_what_its_unit_gives(bounded):
    pid = bounded.machine.pid("agent")
    held = capabilities(pid)
    names = bounding_set()
    assert len(names) == len(set(names))
    # A machine that is itself a container may lack one of them, and then so do we.
    mask = sum(1 << NUMBERS[name] for name in names) & capabilities(os.getpid())[1]
    assert held == (mask, mask)

    with bounded.api.create() as sandbox:
        sandbox.write("/tmp/file", b"content")
        sandbox.pause()
        assert sandbox.exec("cat", "/tmp/file").stdout == b"content"  # Resumed by its use.
        (copy,), _ = sandbox.fork()
        assert copy.exec("cat", "/tmp/file").stdout == b"content"
        copy.destroy()
        # A new agent takes over, with the same.
        qemu = bounded.machine.qemu_pid(sandbox.id)
        kill(pid, signal.SIGTERM)
        bounded.up()
        assert sandbox.exec("cat", "/tmp/file").stdout == b"content"
        assert bounded.machine.qemu_pid(sandbox.id) == qemu
    assert bounded.machine.sandbox_dirs() == []
