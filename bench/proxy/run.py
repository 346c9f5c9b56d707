#!/usr/bin/env python3
"""Two hops of ours, an edge and a proxy behind it, against two hops of nginx, of HAProxy and of Caddy, on the same upstream
and with the same requests.

run.py                              everything, in five rounds
run.py --case http-1 --peer nginx   some cases, some peers
run.py --quick                      sees that everything works

Everything runs in namespaces of its own (network, processes, mounts), which the kernel removes with all that is in them when
this program ends, however it does. Needs root for that.
"""
import argparse
import functools
import json
import os
import pathlib
import resource
import signal
import string
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench"), str(ROOT / "bench" / "proxy")]

import peers  # noqa: E402
from hops import LOAD, Bare, Failed, Hops, Process, Upstreams, require_programs  # noqa: E402
from report import Report, median  # noqa: E402
from support.outside import die_with_parent  # noqa: E402

INSIDE = "--inside"
HOST = f"3000-cl-{(string.digits + string.ascii_lowercase)[:25]}.localhost"
GB = 1e9
# Which way is better; the order is that of the report.
BETTER = {"req_per_s": "higher", "req_per_cpu_s": "higher", "p50_us": "lower", "p99_us": "lower", "added_p50_us": "lower",
          "added_p99_us": "lower", "mb_per_s": "higher", "cpu_s_per_gb": "lower", "kb_per_conn": "lower"}


def load(case, hops, *words):
    return [LOAD, case, hops.address, "--host", HOST, "--token", hops.token, *map(str, words)]


def run_load(command, seconds):
    """The JSON object in the last line of what it says."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds + 120,
                          preexec_fn=die_with_parent)
    if done.returncode != 0:
        raise Failed(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def with_cpu(hops, command, seconds):
    before = hops.cpu_s()
    figures = run_load(command, seconds)
    return figures, hops.cpu_s() - before


def wrk(hops, connections, seconds):
    return [peers.program("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "-H", f"Host: {HOST}", "-H",
            f"X-Wrenn-Traffic-Token: {hops.token}", "-s", ROOT / "bench" / "proxy" / "report.lua",
            f"http://{hops.address}/"]


def rates(figures, cpu_s):
    """A clock tick is 10 ms: the total of a case is well above that."""
    shown = {name: figures[name] for name in ("req_per_s", "p50_us", "p99_us")}
    return {**shown, "req_per_cpu_s": figures["operations"] / cpu_s} if cpu_s else shown


def http(connections, hops, options):
    if not options.quick:
        # The first use of anything is not what is measured.
        run_load(wrk(hops, connections, 1), 1)
    figures, cpu_s = with_cpu(hops, wrk(hops, connections, options.seconds), options.seconds)
    if figures["errors"]:
        raise Failed(f"{figures['errors']} of {figures['operations']} requests failed")
    return rates(figures, cpu_s)


def ws_echo(hops, options):
    figures, cpu_s = with_cpu(hops, load("ws-echo", hops, "--connections", 32, "--seconds", options.seconds),
                              options.seconds)
    return rates(figures, cpu_s)


def bulk(case, hops, options):
    # Opens the connection between the hops, and has the programs read what they read once.
    run_load(load(case, hops, "--mib", 1, "--path", "/bulk/1"), 0)
    figures, cpu_s = with_cpu(hops, load(case, hops, "--mib", options.mib, "--path", f"/bulk/{options.mib}"), 0)
    return {"mb_per_s": figures["mb_per_s"], "cpu_s_per_gb": cpu_s / (figures["operations"] / GB)}


def idle(hops, options):
    """The first WebSockets warm up what is allocated once; then the growth for the others."""
    run_load(load("ws-echo", hops, "--connections", 32, "--seconds", 1), 1)
    time.sleep(options.settle)
    before = hops.pss_kb()
    holder = Process(load("idle-ws", hops, "--connections", options.idle), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        holder.read_until("open", seconds=120)
        time.sleep(options.settle)
        grown = hops.pss_kb() - before
        holder.process.stdin.close()
        # Each of them must still work.
        if holder.process.wait(timeout=120) != 0:
            raise holder.failed("found one that was no more")
    finally:
        holder.end()
    return {"kb_per_conn": grown / options.idle / 2}


class Case:
    def __init__(self, measure, upstream, against_bare=False):
        self.measure = measure
        self.upstream = upstream
        self.against_bare = against_bare


CASES = {
    "http-1": Case(functools.partial(http, 1), Upstreams.ANSWERS, against_bare=True),
    "http-32": Case(functools.partial(http, 32), Upstreams.ANSWERS),
    "http-256": Case(functools.partial(http, 256), Upstreams.ANSWERS),
    "ws-echo": Case(ws_echo, Upstreams.STREAMS),
    "download-1g": Case(functools.partial(bulk, "download"), Upstreams.ANSWERS),
    "upload-1g": Case(functools.partial(bulk, "upload"), Upstreams.STREAMS),
    "idle-ws-10k": Case(idle, Upstreams.STREAMS),
}


def measure_once(case, name, place, options):
    """Figures by name, or the reason why there are none."""
    try:
        with Bare(case.upstream) if name == "bare" else Hops(name, place, case.upstream) as hops:
            return case.measure(hops, options)
    except (Failed, subprocess.TimeoutExpired) as error:
        return str(error)


def measure_round(case, names, place, options):
    found = {name: measure_once(case, name, place, options) for name in names}
    if isinstance(bare := found.pop("bare", None), dict):
        for figures in found.values():
            if isinstance(figures, dict):
                for metric in ("p50_us", "p99_us"):
                    figures[f"added_{metric}"] = figures[metric] - bare[metric]
    return found


def run_case(report, name, place, options):
    """In turn, so that a slow moment of the machine meets all of them. True when each has figures."""
    case = CASES[name]
    names = (["bare"] if case.against_bare else []) + ["ours", *options.peer]
    rounds = [measure_round(case, names, place, options) for _ in range(options.rounds)]
    good = {}
    for who in ["ours", *options.peer]:
        failed = [one[who] for one in rounds if isinstance(one[who], str)]
        if failed:
            print(f"{name}: no figure of {who} in {len(failed)} of {len(rounds)} rounds: {failed[0]}", file=sys.stderr)
        good[who] = [one[who] for one in rounds if isinstance(one[who], dict)]
    for metric, better in BETTER.items():
        values = {who: median([one[metric] for one in figures]) for who, figures in good.items()
                  if figures and all(metric in one for one in figures)}
        if "ours" in values:
            for peer in [one for one in options.peer if one in values] or [None]:
                report.add(name, metric, values["ours"], better, *((peer, values[peer]) if peer else ()))
    return all(len(figures) == options.rounds for figures in good.values())


def make_files(directory, sizes):
    """Without blocks: what is read of them are zeros."""
    bulk_files = directory / "files" / "bulk"
    bulk_files.mkdir(parents=True)
    for mib in sizes:
        with open(bulk_files / str(mib), "wb") as file:
            file.truncate(mib << 20)


def version(name):
    words = {"nginx": ["-v"], "haproxy": ["-v"], "caddy": ["version"]}[name]
    done = subprocess.run([peers.program(name), *words], capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).splitlines()[0].strip()


def measure_all(options):
    """In namespaces of our own already."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    directory = pathlib.Path("/media")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(directory)], check=True)
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    place = peers.Place(directory, descriptors)
    options.idle = min(options.idle, place.connections // 100 * 100)
    make_files(directory, {1, options.mib})
    report = Report("proxy")
    report.machine(upstream=version("nginx"), **{f"peer {name}": version(name) for name in options.peer},
                   **{"idle WebSockets": f"{options.idle} (a process may have {descriptors} descriptors)"})
    with Upstreams(place):
        good = [run_case(report, name, place, options) for name in options.case]
    report.table()
    return 0 if all(good) else 1


def run_inside(arguments):
    """This program again, in namespaces that end with it, and it with us."""
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--", sys.executable, __file__]
    inside = subprocess.Popen([*command, *arguments, INSIDE], preexec_fn=die_with_parent)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        return inside.wait()
    finally:
        inside.kill()
        inside.wait()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=list(CASES), help="only these")
    parser.add_argument("--peer", action="append", choices=list(peers.PEERS), help="only these")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement of requests and of echoes")
    parser.add_argument("--quick", action="store_true", help="see that it works: one round of little")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds < 1:
        parser.error("--rounds and --seconds are at least 1")
    options.case = options.case or list(CASES)
    options.peer = options.peer or list(peers.PEERS)
    options.mib, options.idle, options.settle = 1024, 10_000, 3
    if options.quick:
        options.rounds, options.seconds, options.mib, options.idle, options.settle = 1, 1, 64, 300, 0.2
    return options


def main():
    options = parse_arguments()
    if os.geteuid() != 0:
        sys.exit("namespaces need root; run: sudo make bench BENCH=proxy")
    require_programs(options.peer)
    return measure_all(options) if options.inside else run_inside(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
