"""A host of its own beside the one of a Wrenn: an agent with a directory and a network namespace of its own."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from support.machine import Installation, kill, wait_for
from support.outside import die_with_parent
from support.server import GUARD, IMAGES, WRENN, share


class SecondHost:
    """Its agent ends with us, and whatever it has is removed even should we be killed."""
    flags = ()  # More of them for its agent.

    def __init__(self, number=1):
        """`number`: of hosts that are there at once, each has its own."""
        self.address = f"198.18.{76 + number}.1"  # Where it sees this machine.
        self.own_address = f"198.18.{76 + number}.2"
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="wrenn-host-", dir="/var/tmp"))
        self.directory = self.work / "dir"
        self.machine = Installation(self.directory)
        self.link = f"wsh{os.getpid() % 100000}n{number}"
        self.agent = self.guard = self.space = None

    def __enter__(self):
        self.guard = subprocess.Popen([sys.executable, str(GUARD), str(WRENN), str(self.directory), str(self.work)],
                                      stdin=subprocess.PIPE, start_new_session=True)
        try:
            self.directory.mkdir()
            for folder in ("kernels", "images"):
                share(IMAGES / folder, self.directory / folder)
            self.make_network()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def make_network(self):
        self.space = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], preexec_fn=die_with_parent)
        own = os.readlink("/proc/self/ns/net")
        wait_for(lambda: os.readlink(f"/proc/{self.space.pid}/ns/net") != own)
        ip = lambda *words: subprocess.run(["ip", *words], check=True)
        inside = lambda *words: subprocess.run([*self.within(), "ip", *words], check=True)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self.space.pid))
        ip("address", "add", f"{self.address}/24", "dev", self.link)
        ip("link", "set", self.link, "up")
        inside("address", "add", f"{self.own_address}/24", "dev", "eth0")
        inside("link", "set", "eth0", "up")
        inside("link", "set", "lo", "up")

    def within(self):
        return ["nsenter", f"--net=/proc/{self.space.pid}/ns/net"]

    def start(self):
        read_end, write_end = os.pipe()
        with open(self.work / "agent.log", "ab") as log:
            self.agent = subprocess.Popen(
                [*self.within(), str(WRENN.parent / "wrenn-agent"), "serve", "--dir", str(self.directory), "--ready-fd",
                 str(write_end), *self.flags], stdout=log, stderr=log, pass_fds=[write_end], preexec_fn=die_with_parent)
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            assert ready.read() == "ready\n", (self.work / "agent.log").read_text()

    def stop(self, number=signal.SIGTERM):
        kill(self.agent.pid, number) if number == signal.SIGKILL else self.agent.send_signal(number)
        self.agent.wait()

    def __exit__(self, *_):
        try:
            if self.agent and self.agent.poll() is None:
                self.stop()
            if self.space:
                subprocess.run([*self.within(), str(WRENN.parent / "wrenn-agent"), "purge", "--dir", str(self.directory)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        finally:
            if self.space:
                self.space.kill()
                self.space.wait()
            shutil.rmtree(self.work, ignore_errors=True)
            self.guard.communicate(b"done")

    @property
    def endpoint(self):
        return f"unix:{self.directory}/run/agent.sock"
