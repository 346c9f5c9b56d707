#!/usr/bin/env python3
"""How quick a terminal stays while the proxy to its own sandbox and to another one is as busy as can be.

native  two sandboxes whose guest agent runs on this machine in place of a VM: everything of the path is ours
vm      two real ones

A character is typed, and its echo waited for, through the API's WebSocket, the host agent and the guest agent: without
other traffic, then with downloads and WebSockets through the proxy. Both halves alternate. With --shared the same again
with a terminal that shares the load's transport. Needs root.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

from report import Report, median, percentile  # noqa: E402
from support.machine import kill, wait_for  # noqa: E402
from support.outside import die_with_parent  # noqa: E402
from support.server import Wrenn  # noqa: E402
from support.websocket import BINARY, Pty, WebSocket  # noqa: E402

ENVD = ROOT / "builds" / "envd"
APP = ROOT / "tests" / "apps" / "http_app.py"
LOAD = ROOT / "build" / "release" / "bench" / "proxy" / "proxy_load"
APP_PORT, WS_PORT = 7000, 7001
DOWNLOADS, WEBSOCKETS = 2, 8  # For each sandbox.
GUEST = "169.254.0.21"
DIES = ("setpriv", "--pdeathsig", "KILL")


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


def open_ports(sandbox):
    return {port["port"] for port in sandbox.api.get(f"{sandbox.path}/ports").json()["ports"]}


def traffic_token(sandbox):
    url = sandbox.api.post(f"{sandbox.path}/ports/{APP_PORT}/url", {}).json()
    return {url["traffic_header"]: url["traffic_token"]}


def start_ticks(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


class Load:
    """Downloads and WebSockets through the proxy, to every sandbox; programs of their own, so that nothing here waits for them."""

    def __init__(self, wrenn, sandboxes, seconds):
        self.bytes = self.echoes = 0
        self.downloads, self.websockets = [], []
        seconds = int(seconds + 3)
        for sandbox in sandboxes:
            (header, token), = traffic_token(sandbox).items()
            curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{size_download}", "--max-time", str(seconds),
                    "-H", f"Host: {APP_PORT}-{sandbox.id}.localhost", "-H", f"{header}: {token}",
                    f"http://127.0.0.1:{wrenn.proxy_port}/bytes?{1 << 40}"]
            self.downloads += [self.start(curl) for _ in range(DOWNLOADS)]
            self.websockets.append(self.start(
                [LOAD, "ws-echo", f"127.0.0.1:{wrenn.proxy_port}", "--host", f"{WS_PORT}-{sandbox.id}.localhost",
                 "--token", token, "--connections", str(WEBSOCKETS), "--seconds", str(seconds)]))

    @staticmethod
    def start(command):
        return subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=die_with_parent)

    def wait(self):
        for process in self.downloads:
            self.bytes += int(process.communicate()[0])
        for process in self.websockets:
            figures = process.communicate()[0]
            assert process.returncode == 0, "the WebSockets of the load failed; see above"
            self.echoes += json.loads(figures)["operations"]


class Terminal:
    """`cat` in a terminal of the sandbox, through the API."""

    def __init__(self, wrenn, sandbox):
        self.pty = Pty(sandbox)
        self.pty.start("/bin/sh", "-c", "stty raw -echo; echo ready; exec cat", user="root")
        self.pty.until("ready\n")

    def echo(self):
        self.pty.type(b"x")
        self.pty.until(b"x")

    def close(self):
        self.pty.socket.close()


class Shared:
    """A character there and back on the transport of the load: a WebSocket through the proxy."""

    def __init__(self, wrenn, sandbox):
        self.socket = WebSocket("127.0.0.1", wrenn.proxy_port, "/", {
            "Host": f"{WS_PORT}-{sandbox.id}.localhost", **traffic_token(sandbox)})

    def echo(self):
        self.socket.send_frame(BINARY, b"x")
        assert self.socket.receive_frame() == (BINARY, b"x")

    def close(self):
        self.socket.socket.close()


def echoes(terminal, seconds):
    """Microseconds from each character to its echo."""
    times = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        terminal.echo()
        times.append((time.perf_counter() - began) * 1e6)
        time.sleep(0.01)  # As a quick typist with a key held down; the load goes on meanwhile.
    return times


class Times:
    """What was measured of one terminal, a list for each round."""

    def __init__(self):
        self.idle, self.busy = [], []

    def report(self, report, case, name=""):
        p99_idle = median([percentile(times, 99) for times in self.idle])
        p99_load = median([percentile(times, 99) for times in self.busy])
        report.add(case, f"{name}p50_idle_us", median([median(times) for times in self.idle]))
        report.add(case, f"{name}p99_idle_us", p99_idle)
        report.add(case, f"{name}p50_load_us", median([median(times) for times in self.busy]))
        report.add(case, f"{name}p99_load_us", p99_load)
        report.add(case, f"{name}p99_load_over_idle", p99_load / p99_idle)


def measure(wrenn, sandboxes, options, kind):
    times, moved, turns = Times(), 0, 0
    terminal = kind(wrenn, sandboxes[0])
    echoes(terminal, 1)
    for _ in range(options.rounds):
        times.idle.append(echoes(terminal, options.seconds))
        load = Load(wrenn, sandboxes, options.seconds)
        time.sleep(1)
        times.busy.append(echoes(terminal, options.seconds))
        load.wait()
        moved += load.bytes
        turns += load.echoes
    terminal.close()
    return times, moved, turns


def place(sandbox, file, native):
    """Where the sandbox has it. A native one sees this machine's files."""
    if native:
        return str(file)
    there = f"/var/tmp/{file.name}"
    written = sandbox.write(there, file.read_bytes(), user="root")
    assert written.status == 204, written
    assert sandbox.exec("chmod", "+x", there, user="root").exit_code == 0
    return there


def run(case, options, report):
    with Wrenn() as wrenn:
        sandboxes = [wrenn.api.create(), wrenn.api.create()]
        native = Native(wrenn, sandboxes) if case == "native" else None
        try:
            for sandbox in sandboxes:
                app, upstream = [place(sandbox, file, native) for file in (APP, LOAD)]
                # They end with a native guest agent, however that ends.
                sandbox.background(*DIES, "python3", app, str(APP_PORT), user="root")
                sandbox.background(*DIES, upstream, "upstream", f"0.0.0.0:{WS_PORT}", user="root")
            wait_for(lambda: all(open_ports(sandbox) >= {APP_PORT, WS_PORT} for sandbox in sandboxes), seconds=20)
            times, moved, turns = measure(wrenn, sandboxes, options, Terminal)
            times.report(report, case)
            report.add(case, "load_mb", moved / 1e6, better="higher")
            report.add(case, "load_echoes", turns, better="higher")
            if options.shared:
                measure(wrenn, sandboxes, options, Shared)[0].report(report, case, "shared_")
        finally:
            if native:
                native.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=["native", "vm"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--shared", action="store_true", help="also a terminal on the transport of the load")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it works")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    # What is measured is how long Wrenn takes, not how long this program waits for a processor.
    os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    report = Report("pty-under-load")
    report.machine()
    for case in options.case or ["native", "vm"]:
        run(case, options, report)
    report.table()


if __name__ == "__main__":
    main()
