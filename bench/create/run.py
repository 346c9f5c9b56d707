#!/usr/bin/env python3
"""How long it takes from asking for a sandbox to the result of a first command, and what an idle sandbox costs.

sequential  one after another, each destroyed before the next, in turn with plain QEMU boots
staggered   a new one every 500 ms, whatever became of those before
burst       twenty asked for at once
"""
import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

from report import Report, median, percentile  # noqa: E402
from support.machine import pss, rss  # noqa: E402
from support.server import Wrenn  # noqa: E402

PEER = "plain QEMU boot"
STAGGER = 0.5
MB = 1 << 20


class Attempt:
    """One sandbox: created, one command run, kept or destroyed."""

    def __init__(self, api, keep=False):
        self.ok = False
        self.running_ms = self.exec_ms = None
        began = time.monotonic()
        try:
            sandbox = api.create()
            self.running_ms = (time.monotonic() - began) * 1000
            self.ok = sandbox.exec("true").exit_code == 0
            self.exec_ms = (time.monotonic() - began) * 1000
            if not keep:
                sandbox.destroy()
        except (AssertionError, OSError) as error:
            print(f"failed: {error}", file=sys.stderr)


def plain_boot(wrenn, accelerator):
    kernel = max((wrenn.directory / "kernels").glob("vmlinux-*"), key=lambda path: version_of(path.name))
    initramfs = kernel.with_name(kernel.name.replace("vmlinux", "initramfs"))
    rootfs = wrenn.directory / "images" / "minimal" / "rootfs.ext4"
    done = subprocess.run(["unshare", "--net", sys.executable, str(pathlib.Path(__file__).with_name("plain_boot.py")),
                           str(kernel), str(initramfs), str(rootfs), str(wrenn.work), accelerator],
                          stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    answered_ms, exec_ms = (float(word) for word in done.stdout.split())
    return answered_ms, exec_ms


def version_of(name):
    return [int(part) for part in name.split("-")[1].split(".")]


def facts(wrenn):
    manifest = next((wrenn.directory / "snapshots").glob("minimal/*/manifest.json"))
    template = json.loads(manifest.read_text())
    return {"guest kernel": template["kernel_version"], "accelerator": template["accelerator"],
            "hypervisor": f"{template['hypervisor']} {template['hypervisor_version']}"}


def report_case(report, case, attempts, boots=None):
    good = [attempt for attempt in attempts if attempt.ok]
    answered, executed = ({"peer": PEER, "peers": median(times)} for times in zip(*boots)) if boots else ({}, {})
    if good:
        report.add(case, "create_to_running_p50_ms", median([one.running_ms for one in good]), **answered)
        execs = [one.exec_ms for one in good]
        report.add(case, "create_to_exec_p50_ms", median(execs), **executed)
        report.add(case, "create_to_exec_p95_ms", percentile(execs, 95))
        report.add(case, "create_to_exec_p99_ms", percentile(execs, 99))
    report.add(case, "success", len(good) / len(attempts), better="higher")


def sequential(wrenn, report, rounds, accelerator):
    attempts, boots = [], []
    for _ in range(rounds):
        boots.append(plain_boot(wrenn, accelerator))
        attempts += [Attempt(wrenn.api) for _ in range(4)]
    report_case(report, "sequential", attempts, boots)


def staggered(wrenn, report, count):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        futures = []
        for _ in range(count):
            futures.append(pool.submit(Attempt, wrenn.api))
            time.sleep(STAGGER)
        report_case(report, "staggered", [future.result() for future in futures])


def idle(wrenn, report, count):
    """Sandboxes in which nothing was run yet; what is shared is counted evenly."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        made = list(pool.map(lambda _: wrenn.api.create(), range(count)))
    time.sleep(2)
    machine = wrenn.machine
    report.add("idle", "sandbox_pss_mb", pss_of_each(machine, count))
    for sandbox in made:
        sandbox.exec("true")
    report.add("idle", "sandbox_pss_after_true_mb", pss_of_each(machine, count))
    report.add("idle", "agent_and_control_plane_rss_mb", (rss(machine.pid("agent")) + rss(machine.pid("cp"))) / MB)
    wrenn.remove_all()


def pss_of_each(machine, count):
    return sum(pss(pid) for pid in machine.sandbox_pids()) / MB / count


def burst(wrenn, report, count):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(Attempt, wrenn.api, True) for _ in range(count)]
        report_case(report, "burst", [future.result() for future in futures])
    wrenn.remove_all()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6, help="plain boots, each followed by four sandboxes")
    parser.add_argument("--count", type=int, default=20, help="sandboxes of the staggered case and of the burst")
    options = parser.parse_args()
    report = Report("create")
    with Wrenn() as wrenn:
        found = facts(wrenn)
        report.machine(**found)
        # The first use of anything is not what is measured.
        for _ in range(2):
            Attempt(wrenn.api)
        sequential(wrenn, report, options.rounds, found["accelerator"])
        staggered(wrenn, report, options.count)
        burst(wrenn, report, options.count)
        idle(wrenn, report, options.count)
    report.table()
    return 0 if all(row["ours"] == 1 for row in report.rows if row["metric"] == "success") else 1


if __name__ == "__main__":
    sys.exit(main())
