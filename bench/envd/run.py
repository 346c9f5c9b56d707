#!/usr/bin/env python3
"""How fast the guest agent is, natively and without a VM: commands, output, terminals, files, many processes, and what it
costs in memory and CPU.

run.py                   starts builds/envd on a free port and measures it
run.py ADDRESS           measures the agent at host:port, ours or another that speaks the same protocol
run.py [ADDRESS] --peer ADDRESS
                         measures both in alternation and sets the second against the first

A token that an agent wants is taken from ENVD_TOKEN and ENVD_PEER_TOKEN.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

from report import Report, median  # noqa: E402
from support.envd import ENVD, Envd  # noqa: E402
from support.machine import rss  # noqa: E402

LOAD = pathlib.Path(os.environ.get("WRENN_ENVD_BENCH", ROOT / "build" / "release" / "bench" / "envd" / "envd_bench"))
MB = 1 << 20
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
# The case, its codec, and of its figures those that are shown with the better direction.
CASES = (
    ("exec", "json", {"p50_us": "lower", "p99_us": "lower"}),
    ("exec", "proto", {"p50_us": "lower", "p99_us": "lower"}),
    ("rate", "json", {"per_s": "higher"}),
    ("rate", "proto", {"per_s": "higher"}),
    ("output", "json", {"mb_per_s": "higher"}),
    ("output", "proto", {"mb_per_s": "higher"}),
    ("pty", "json", {"p50_us": "lower", "p99_us": "lower"}),
    ("pty", "proto", {"p50_us": "lower", "p99_us": "lower"}),
    ("stat", "json", {"p50_us": "lower", "p99_us": "lower"}),
    ("stat", "proto", {"p50_us": "lower", "p99_us": "lower"}),
    ("list", "json", {"p50_ms": "lower"}),
    ("list", "proto", {"p50_ms": "lower"}),
    ("upload", None, {"mb_per_s": "higher"}),
    ("upload-form", None, {"mb_per_s": "higher"}),
    ("download", None, {"mb_per_s": "higher"}),
    ("many", "proto", {"start_ms": "lower", "list_ms": "lower", "end_ms": "lower", "rss_mb": "lower"}),
)
# Of these one operation is a MiB.
PER_MIB = ("output", "upload", "upload-form", "download")


class Agent:
    """One of those that are measured."""

    def __init__(self, address, token, pid=None):
        self.address = address
        self.environment = {**os.environ, "ENVD_TOKEN": token}
        self.pid = pid or listener_pid(address)

    def cpu_ms(self):
        """User and system time of the agent itself, without its commands."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_MS

    def rss_mb(self):
        return rss(self.pid) / MB if self.pid else None

    def measure(self, case, codec, options):
        """Its figures by name, or the reason why there are none."""
        command = [str(LOAD), case, self.address, "--dir", options.dir]
        if codec:
            command += ["--codec", codec]
        if self.pid:
            command += ["--pid", str(self.pid)]
        if case in options.counts:
            command += ["--count", str(options.counts[case])]
        before = self.cpu_ms() if self.pid else None
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=600)
        if done.returncode == 3:
            return "unimplemented"
        if done.returncode != 0:
            return done.stderr.strip() or f"ended with {done.returncode}"
        figures = json.loads(done.stdout)
        operations = figures.pop("operations")
        if self.pid:
            # A clock tick is 10 ms: the total of a case is well above that.
            figures["cpu_us_per_mib" if case in PER_MIB else "cpu_us_per_op"] = (self.cpu_ms() - before) * 1000 / operations
        return figures


def listener_pid(address):
    """The process on this machine that listens on the port, or None."""
    found = re.search(rf":{address.rpartition(':')[2]}\s.*pid=(\d+)",
                      subprocess.run(["ss", "-Htlnp"], capture_output=True, text=True, check=True).stdout)
    return int(found.group(1)) if found else None


def start_ms(program, count):
    done = subprocess.run([str(LOAD), "start", str(program), "--count", str(count)], capture_output=True, text=True,
                          timeout=120, check=True)
    return json.loads(done.stdout)


def middle(rounds, metric):
    values = [figures[metric] for figures in rounds if metric in figures]
    return median(values) if values else None


def run_case(report, agents, case, codec, shown, options):
    """In turn, so that a slow moment of the machine meets both."""
    results = [[] for _ in agents]
    for _ in range(options.rounds):
        for agent, rounds in zip(agents, results):
            rounds.append(agent.measure(case, codec, options))
    name = f"{case}_{codec}" if codec else case
    failed = [(which, rounds[0]) for which, rounds in zip(("ours", "peer"), results)
              for rounds in [[one for one in rounds if isinstance(one, str)]] if rounds]
    for which, reason in failed:
        print(f"{name}: no figure of {which}: {reason}", file=sys.stderr)
    good = [[one for one in rounds if isinstance(one, dict)] for rounds in results]
    if not good[0]:
        return not failed or failed[0][1] == "unimplemented"
    cpu = "cpu_us_per_mib" if case in PER_MIB else "cpu_us_per_op"
    for metric, better in {**shown, cpu: "lower"}.items():
        ours = middle(good[0], metric)
        if ours is None:
            continue
        peers = middle(good[1], metric) if len(good) > 1 else None
        report.add(name, metric, ours, better, *(() if peers is None else (options.peer, peers)))
    return all(reason == "unimplemented" for _, reason in failed)


def memory(report, agents, options, case):
    values = [agent.rss_mb() for agent in agents]
    if values[0]:
        report.add(case, "rss_mb", values[0], "lower", *((options.peer, values[1]) if len(values) > 1 and values[1] else ()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", nargs="?", help="host:port of an agent that runs already")
    parser.add_argument("--peer", help="host:port of another one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", default="/dev/shm/envd-bench", help="for files, in the agent's file system")
    parser.add_argument("--case", action="append", help="only these")
    parser.add_argument("--quick", action="store_true", help="see that it works: one round of little")
    options = parser.parse_args()
    options.counts = {}
    if options.quick:
        options.rounds = 1
        options.counts = {"exec": 20, "rate": 50, "output": 8, "pty": 50, "many": 50, "upload": 8, "upload-form": 8,
                          "download": 8, "list": 200, "stat": 50}
    if not LOAD.exists():
        sys.exit(f"{LOAD} is missing; run: make build")
    report = Report("envd")
    report.machine(agent=options.address or ENVD, peer=options.peer or "none", files=options.dir)
    good = True
    with contextlib.ExitStack() as stack:
        if options.address:
            agents = [Agent(options.address, os.environ.get("ENVD_TOKEN", ""))]
        else:
            envd = stack.enter_context(Envd())
            agents = [Agent(f"127.0.0.1:{envd.port}", "", envd.process.pid)]
            started = start_ms(ENVD, 5 if options.quick else 40)
            for metric, value in started.items():
                report.add("start", f"listening_{metric}", value)
        if options.peer:
            agents.append(Agent(options.peer, os.environ.get("ENVD_PEER_TOKEN", "")))
        memory(report, agents, options, "idle")
        for case, codec, shown in CASES:
            if not options.case or case in options.case:
                good = run_case(report, agents, case, codec, shown, options) and good
        # What was freed may go back to the kernel a moment later.
        time.sleep(5)
        memory(report, agents, options, "after")
    report.table()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
