"""Two proxies in a row as processes that can be measured, and what is behind them."""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

import peers
from support.machine import cpu_clock_s, family, is_alive, pss, stat_fields
from support.outside import die_with_parent

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILT = ROOT / "build" / "release" / "bench" / "proxy"
OURS = pathlib.Path(os.environ.get("WRENN_PROXY_HOPS", BUILT / "proxy_hops"))
LOAD = pathlib.Path(os.environ.get("WRENN_PROXY_LOAD", BUILT / "proxy_load"))
TICK = 1 / os.sysconf("SC_CLK_TCK")
NOBODY = 65534
# What the peers are shown: their requests are as long as ours.
SOME_TOKEN = "0123456789abcdef" * 4
START = 20  # Seconds that a program may take until it listens.


class Failed(Exception):
    """There is no figure, and why."""


class Process:
    """A program that runs until this ends. Foreign ones get no privileges."""

    def __init__(self, command, unprivileged=False, environment=None, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL):
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if unprivileged else {}
        self.command = [str(word) for word in command]
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, env={**os.environ, **(environment or {})}, stdin=stdin, stdout=stdout,
                                        stderr=self.errors, text=True, preexec_fn=die_with_parent, **user)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                for pid in reversed(family(self.process.pid)):
                    os.kill(pid, 9)
                self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            if stream:
                stream.close()

    def failed(self, what):
        self.errors.seek(0)
        return Failed(f"{' '.join(self.command)} {what}: {' | '.join(self.errors.read().splitlines()[-3:])}")

    def read_until(self, wanted, seconds=START):
        """Lines of its output up to that one, which must come in time."""
        lines = []
        too_late = threading.Timer(seconds, self.process.kill)
        too_late.start()
        for line in self.process.stdout:
            if line.strip() == wanted:
                too_late.cancel()
                return lines
            lines.append(line.strip())
        too_late.cancel()
        self.process.wait()
        raise self.failed(f"did not say '{wanted}'")

    def wait_for(self, address):
        """Until something listens there: a port of 127.0.0.1, or a Unix socket's path."""
        deadline = time.monotonic() + START
        while not is_listening(address):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise self.failed(f"does not listen at {address}")
            time.sleep(0.01)


def is_listening(address):
    with socket.socket(socket.AF_UNIX if address.startswith("/") else socket.AF_INET) as probe:
        host, _, port = address.rpartition(":")
        return probe.connect_ex((host, int(port)) if host else address) == 0


class Hops:
    """The edge and the one behind it, of one kind, started anew."""
    last_port = 20000

    def __init__(self, name, place, upstream_port):
        self.name = name
        self.place = place
        self.upstream = f"127.0.0.1:{upstream_port}"
        # Another one each time: connections that have just ended are in nobody's way.
        Hops.last_port += 1
        self.address = f"127.0.0.1:{Hops.last_port}"
        self.token = SOME_TOKEN
        self.processes = []

    def __enter__(self):
        inner = str(self.place.directory / f"inner{Hops.last_port}.sock")
        try:
            self.start_ours(inner) if self.name == "ours" else self.start_peer(inner)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.end()

    def start_ours(self, inner):
        self.add(Process([OURS, "inner", "--listen", f"unix:{inner}", "--upstream", self.upstream],
                         stdout=subprocess.PIPE)).read_until("ready")
        edge = self.add(Process([OURS, "edge", "--listen", self.address, "--inner", f"unix:{inner}"], stdout=subprocess.PIPE))
        said = edge.read_until("ready")
        tokens = [line.removeprefix("token ") for line in said if line.startswith("token ")]
        if not tokens:
            raise Failed(f"{OURS} edge did not say its token")
        self.token = tokens[0]

    def start_peer(self, inner):
        configure = peers.PEERS[self.name]
        # One thread of Go code, as the others have one thread.
        environment = {"GOMAXPROCS": "1", "HOME": str(self.place.directory), "XDG_DATA_HOME": str(self.place.directory)}
        for hop, listen, ahead in (("inner", inner, self.upstream), ("edge", self.address, inner)):
            command = configure(self.place, hop, listen, ahead)
            self.add(Process(command, unprivileged=True, environment=environment)).wait_for(listen)

    def add(self, process):
        self.processes.append(process)
        return process

    def family(self):
        return [pid for process in self.processes for pid in family(process.process.pid)]

    def cpu_s(self):
        """User and system time of both hops, with what has ended below them."""
        alive = [pid for pid in self.family() if is_alive(pid)]
        ended = sum(sum(map(int, stat_fields(pid)[13:15])) for pid in alive) * TICK
        return ended + sum(cpu_clock_s(pid) or 0 for pid in alive)

    def pss_kb(self):
        return sum(pss(pid) for pid in self.family()) / 1024


class Bare:
    """No proxy at all: the upstream itself."""

    def __init__(self, upstream_port):
        self.address = f"127.0.0.1:{upstream_port}"
        self.token = SOME_TOKEN

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def cpu_s(self):
        return 0.0


class Upstreams:
    """nginx for small answers and files, proxy_load for WebSockets and uploads."""
    ANSWERS = 9000
    STREAMS = 9001

    def __init__(self, place):
        self.place = place

    def __enter__(self):
        self.answers = Process(peers.upstream(self.place, self.ANSWERS), unprivileged=True)
        self.streams = Process([LOAD, "upstream", f"127.0.0.1:{self.STREAMS}"])
        self.answers.wait_for(f"127.0.0.1:{self.ANSWERS}")
        self.streams.wait_for(f"127.0.0.1:{self.STREAMS}")
        return self

    def __exit__(self, *_):
        self.answers.end()
        self.streams.end()


def require_programs(names):
    missing = [name for name in sorted({"nginx", "wrk", *names}) if peers.program(name) is None]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}; run: sudo make setup")
    for path in (OURS, LOAD):
        if not path.exists():
            sys.exit(f"{path} is missing; run: make build")
