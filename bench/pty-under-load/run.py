#!/usr/bin/env python3
"""How quick a terminal stays while the proxy to its own sandbox and to another one is as busy as can be.

native  two sandboxes whose guest agent runs on this machine in place of a VM: everything of the path is ours
vm      two real ones

A character is typed, and its echo waited for, through the API's WebSocket, the host agent and the guest agent: without
other traffic, then with downloads and WebSockets through the proxy. Both halves alternate. Needs root.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

from report import Report, median, percentile  # noqa: E402
from support.machine import kill, wait_for  # noqa: E402
from support.outside import die_with_parent  # noqa: E402
from support.server import Wrenn  # noqa: E402
from support.websocket import Pty  # noqa: E402

ENVD = ROOT / "builds" / "envd"
APP = ROOT / "tests" / "apps" / "http_app.py"
APP_PORT = 7000
GUEST = "169.254.0.21"
RAW_CAT = ("/bin/sh", "-c", "stty raw -echo; echo ready; exec cat")


class Native:
    """The sandbox's VM gives way to a guest agent of this machine, in the same network namespace; the host agent adopts it
    as it adopts a VM that has outlived it."""

    def __init__(self, wrenn, sandboxes):
        self.processes = []
        machine = wrenn.machine
        places = [(sandbox, machine.qemu_pid(sandbox.id), machine.manifest(sandbox.id)) for sandbox in sandboxes]
        kill(machine.pid("agent"), 15)
        for sandbox, qemu, manifest in places:
            name = self.netns_of(qemu)
            kill(qemu)
            self.inside = ["nsenter", f"--net=/run/netns/{name}"]
            self.run("ip", "link", "set", "tap0", "down")
            self.run("ip", "link", "set", "lo", "up")
            self.run("ip", "addr", "add", f"{GUEST}/32", "dev", "lo")
            envd = self.start(ENVD, "--addr", GUEST, "--port", "49983")
            token = manifest["envd_token"]
            wait_for(lambda: self.init(token), seconds=20)
            manifest.update(pid=envd.pid, start_ticks=int(start_ticks(envd.pid)))
            file = wrenn.directory / "sandboxes" / sandbox.id / "manifest.json"
            file.write_text(json.dumps(manifest))
        wrenn.up()

    @staticmethod
    def netns_of(pid):
        inode = os.stat(f"/proc/{pid}/ns/net").st_ino
        return next(name for name in os.listdir("/run/netns") if os.stat(f"/run/netns/{name}").st_ino == inode)

    def run(self, *words):
        subprocess.run([*self.inside, *words], check=True)

    def start(self, *words):
        process = subprocess.Popen([*self.inside, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   cwd="/", preexec_fn=die_with_parent)
        self.processes.append(process)
        return process

    def init(self, token):
        code = (f"import http.client\nc = http.client.HTTPConnection('{GUEST}', 49983, timeout=5)\n"
                f"c.request('POST', '/init', '{json.dumps({'accessToken': token})}', "
                "{'Content-Type': 'application/json'})\nassert c.getresponse().status == 204\n")
        return subprocess.run([*self.inside, sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode == 0

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


def start_ticks(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


class Load:
    """Downloads and echoing WebSockets through the proxy, to every sandbox, until it is ended."""

    def __init__(self, wrenn, sandboxes):
        self.ended = threading.Event()
        self.bytes = 0
        self.threads = [threading.Thread(target=self.download, args=(wrenn, sandbox)) for sandbox in sandboxes
                        for _ in range(2)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def download(self, wrenn, sandbox):
        given = sandbox.api.post(f"{sandbox.path}/ports/{APP_PORT}/url", {}).json()
        while not self.ended.is_set():
            command = ["curl", "-s", "-o", "/dev/null", "-w", "%{size_download}", "--max-time", "2", "-H",
                       f"Host: {APP_PORT}-{sandbox.id}.localhost", "-H", f"{given['traffic_header']}: {given['traffic_token']}",
                       f"http://127.0.0.1:{wrenn.proxy_port}/bytes?{1 << 40}"]
            self.bytes += int(subprocess.run(command, capture_output=True, preexec_fn=die_with_parent).stdout or 0)


def echoes(pty, seconds):
    """Microseconds from each character to its echo."""
    times = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        pty.type(b"x")
        while not pty.output:
            pty.deadline = time.monotonic() + 60
            pty.step()
        times.append((time.perf_counter() - began) * 1e6)
        pty.output = b""
        time.sleep(0.01)  # As a quick typist with a key held down; the load goes on meanwhile.
    return times


def measure(wrenn, sandboxes, options):
    with Pty(sandboxes[0]) as pty:
        pty.start(*RAW_CAT, user="root")
        pty.until("ready")
        pty.until("\n")
        pty.output = b""
        echoes(pty, 1)
        idle, busy, moved = [], [], 0
        for _ in range(options.rounds):
            idle.append(echoes(pty, options.seconds))
            with Load(wrenn, sandboxes) as load:
                time.sleep(1)
                busy.append(echoes(pty, options.seconds))
            moved += load.bytes
        return idle, busy, moved


def run(case, options, report):
    with Wrenn() as wrenn:
        sandboxes = [wrenn.api.create(), wrenn.api.create()]
        native = Native(wrenn, sandboxes) if case == "native" else None
        try:
            for sandbox in sandboxes:
                # A native guest agent has no user but root.
                written = sandbox.write("/tmp/wrenn-bench-app.py", APP.read_bytes(), user="root")
                assert written.status == 204, written
                sandbox.background("python3", "/tmp/wrenn-bench-app.py", str(APP_PORT), user="root")
            idle, busy, moved = measure(wrenn, sandboxes, options)
        finally:
            if native:
                native.end()
        p99_idle = median([percentile(times, 99) for times in idle])
        p99_load = median([percentile(times, 99) for times in busy])
        report.add(case, "p50_idle_us", median([median(times) for times in idle]))
        report.add(case, "p99_idle_us", p99_idle)
        report.add(case, "p50_load_us", median([median(times) for times in busy]))
        report.add(case, "p99_load_us", p99_load)
        report.add(case, "p99_load_over_idle", p99_load / p99_idle)
        report.add(case, "load_mb", moved / 1e6, better="higher")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=["native", "vm"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    report = Report("pty-under-load")
    report.machine()
    for case in options.case or ["native", "vm"]:
        run(case, options, report)
    report.table()


if __name__ == "__main__":
    main()
