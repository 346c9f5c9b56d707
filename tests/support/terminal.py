"""A terminal with `wrenn` in it: what a person would see, and type."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from support.outside import die_with_parent
from support.server import WRENN


class Terminal:
    """`all`: everything it has shown."""

    def __init__(self, server, *arguments, rows=24, cols=80):
        self.ours, self.theirs = pty.openpty()
        self.resize(rows, cols)
        self.before = termios.tcgetattr(self.theirs)
        self.all = b""
        self.looked_at = 0

        def become_terminal():
            die_with_parent()
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen([str(WRENN), *map(str, arguments)], stdin=self.theirs, stdout=self.theirs,
                                        stderr=self.theirs, env=server.environment(TERM="xterm"), preexec_fn=become_terminal)

    def resize(self, rows, cols):
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, text):
        os.write(self.ours, text.encode())

    def read(self, seconds):
        if select.select([self.ours], [], [], max(0, seconds))[0]:
            self.all += os.read(self.ours, 65536)

    def sees(self, text, seconds=60):
        """Whether that is shown in time, behind what was looked for before."""
        deadline = time.monotonic() + seconds
        wanted = text.encode()
        while wanted not in self.all[self.looked_at:]:
            if time.monotonic() > deadline:
                return False
            self.read(0.2)
        return True

    def until(self, text, seconds=60):
        """What was shown up to that, and it."""
        assert self.sees(text, seconds), f"no {text!r} in {self.all[self.looked_at:][-1000:]!r}"
        end = self.all.index(text.encode(), self.looked_at) + len(text.encode())
        shown = self.all[self.looked_at:end]
        self.looked_at = end
        return shown

    def wait(self, seconds=60):
        """Its exit status; what it still shows is read meanwhile."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end: {self.all[-1000:]!r}"
            self.read(0.1)
        while select.select([self.ours], [], [], 0)[0]:
            self.read(0)
        return self.process.returncode

    def is_as_before(self):
        return termios.tcgetattr(self.theirs) == self.before

    def signal(self, number):
        self.process.send_signal(number)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)
