#!/usr/bin/env python3
"""How evenly and how quickly the scheduler places sandboxes on a fleet that is only simulated.

even      2 000 equal hosts
mixed     2 000 hosts of three sizes
replicas  the same, and four control planes that hear of each other's placements only now and then
scale     5 000 hosts, beside ten

A million sandboxes of mixed sizes come, and others go. Of the memory that the fleet may promise 60 % is in the first half, in which
imbalance is measured, and 93 % in the second. The peers see the same sandboxes: the best of three hosts at random, and a scan of
all for the one with the most room, which reserves nothing.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from report import Report, median  # noqa: E402

BENCH = pathlib.Path(os.environ.get("WRENN_SCHEDULER_BENCH", ROOT / "build" / "release" / "bench" / "scheduler" / "scheduler_bench"))
HOSTS = 2000
CASES = {"even": [], "mixed": ["--mixed"], "replicas": ["--mixed", "--planes", "4"]}
FEW, MANY = 10, 5000
PEERS = ("best-of-3", "full-scan")
METRICS = (("placements_per_s", "higher"), ("p99_to_mean", "lower"), ("max_to_mean", "lower"), ("failed_with_room", "lower"),
           ("overfilled", "lower"))


def simulate(policy, arguments, seed):
    done = subprocess.run([BENCH, "--policy", policy, "--seed", str(seed), *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure(report, case, options):
    arguments = [*CASES[case], "--sandboxes", str(options.sandboxes), "--hosts", str(options.hosts)]
    rounds = [{policy: simulate(policy, arguments, seed) for policy in ("ours", *PEERS)} for seed in range(1, options.rounds + 1)]
    for metric, better in METRICS:
        figure = {policy: median([one[policy][metric] for one in rounds]) for policy in rounds[0]}
        for peer in PEERS:
            report.add(case, metric, figure["ours"], better, peer, figure[peer])
    full = median([one["ours"]["failed_when_full"] for one in rounds])
    report.add(case, "failed_when_full", full, "lower")


def measure_scale(report, options):
    rates = [median([simulate("ours", ["--mixed", "--hosts", str(hosts), "--sandboxes", str(options.sandboxes)], seed)["placements_per_s"]
                     for seed in range(1, options.rounds + 1)]) for hosts in (MANY, FEW)]
    report.add("scale", "placements_per_s", rates[0], "higher", f"{FEW} hosts", rates[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=[*CASES, "scale"], help="only this one; may be repeated")
    parser.add_argument("--sandboxes", type=int, default=1_000_000)
    parser.add_argument("--hosts", type=int, default=HOSTS)
    parser.add_argument("--rounds", type=int, default=1, help="each with other sandboxes; medians")
    parser.add_argument("--quick", action="store_true", help="only see that it works")
    options = parser.parse_args()
    if options.quick:
        options.sandboxes, options.hosts = 20_000, 100
    if not BENCH.exists():
        sys.exit(f"{BENCH} is missing; run: make build")
    report = Report("scheduler")
    report.machine()
    for case in options.case or [*CASES, "scale"]:
        if case == "scale":
            measure_scale(report, options)
        else:
            measure(report, case, options)
    report.table()


if __name__ == "__main__":
    main()
