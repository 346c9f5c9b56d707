#!/usr/bin/env python3
"""How long it takes to pause, resume and copy a sandbox, and what paused and idle ones cost.

pause, resume   one sandbox in turn, in which a command has run since; beside plain QEMU that saves and loads its machine
second-pause    what a pause writes to the disk, the first time and when little has changed since the last
fork, fork-10   copies of a running sandbox
hibernate       to object storage (a directory) and back; beside plain QEMU whose file and disk are packed and unpacked by zstd
paused          sandboxes that are paused, all at once
idle            sandboxes that run, and in which nothing happens
"""
import argparse
import concurrent.futures
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench"), str(ROOT / "bench" / "create")]

from report import Report, median, percentile  # noqa: E402
from run import facts, version_of  # noqa: E402
from support.machine import cpu_clock_s, pss  # noqa: E402
from support.server import Wrenn, describe_object_storage  # noqa: E402

CASES = ("pause", "fork", "fork-10", "hibernate", "paused", "idle")
WITH_PEER = {"pause", "fork", "fork-10", "hibernate"}
PEER = "plain QEMU save and load"
MB = 1 << 20
SECONDS_WATCHED = 10


def timed(function, *arguments, **fields):
    """The milliseconds it took, and what came of it."""
    began = time.monotonic()
    result = function(*arguments, **fields)
    return (time.monotonic() - began) * 1000, result


def plain_qemu(wrenn, accelerator, rounds):
    """Of each round: milliseconds to save, to load, bytes; and milliseconds to move it away, packed, and to bring it back."""
    kernel = max((wrenn.directory / "kernels").glob("vmlinux-*"), key=lambda path: version_of(path.name))
    initramfs = kernel.with_name(kernel.name.replace("vmlinux", "initramfs"))
    rootfs = wrenn.directory / "images" / "minimal" / "rootfs.ext4"
    done = subprocess.run(["unshare", "--net", sys.executable, str(pathlib.Path(__file__).with_name("plain_qemu.py")),
                           str(kernel), str(initramfs), str(rootfs), str(wrenn.work), accelerator, str(rounds)],
                          stdout=subprocess.PIPE, text=True, timeout=600, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    return [[float(line[column]) for line in lines] for column in range(5)]


def add_times(report, case, name, times, peer=None, peers=None):
    beside = {} if peers is None else {"peer": peer or PEER, "peers": median(peers)}
    report.add(case, f"{name}p50_ms", median(times), **beside)
    report.add(case, f"{name}p99_ms", percentile(times, 99))


def pause_and_resume(wrenn, report, rounds, peer):
    pauses, resumes, answers, guests, written = [], [], [], [], []
    with wrenn.api.create() as sandbox:
        sandbox.exec("true")
        before = wrenn.machine.files(sandbox.id)
        for _ in range(rounds):
            pause_ms, _ = timed(sandbox.pause)
            after = wrenn.machine.files(sandbox.id)
            written.append(sum(size for file, size in after.items() if file not in before) / MB)
            before = after
            resume_ms, resumed = timed(sandbox.resume)
            # What ran in the guest before answers: a process of its own has to start for it.
            exec_ms, _ = timed(sandbox.exec, "true")
            pauses.append(pause_ms)
            resumes.append(resume_ms)
            answers.append(resume_ms + exec_ms)
            guests.append(resumed["timings_ms"].get("guest", 0))
    saves, loads, sizes = peer[:3] if peer else (None, None, None)
    add_times(report, "pause", "", pauses, peers=saves)
    # The answer to a resume comes when the guest has answered.
    add_times(report, "resume", "", resumes, peers=loads)
    report.add("resume", "of_that_guest_p50_ms", median(guests))
    report.add("resume", "and_exec_p50_ms", median(answers))
    report.add("second-pause", "first_written_mb", written[0])
    report.add("second-pause", "written_mb", median(written[1:]),
               **({"peer": PEER, "peers": median(sizes) / MB} if sizes else {}))


def forks(wrenn, report, rounds, count, peer):
    case = "fork" if count == 1 else f"fork-{count}"
    times, stops, answers = [], [], []
    with wrenn.api.create() as sandbox:
        sandbox.exec("true")
        for _ in range(rounds):
            fork_ms, (copies, timings) = timed(sandbox.fork, count)
            if "source_stopped" in timings:
                stops.append(timings["source_stopped"])
            exec_ms, _ = timed(copies[0].exec, "true")
            times.append(fork_ms)
            answers.append(fork_ms + exec_ms)
            for copy in copies:
                copy.destroy()
    # A copy by hand: the source saves itself, and each copy loads that.
    copied = [save + count * load for save, load in zip(*peer[:2])] if peer else None
    add_times(report, case, "", times, peers=copied)
    if stops:
        add_times(report, case, "source_stopped_", stops, peers=peer[0] if peer else None)
    report.add(case, "and_exec_p50_ms", median(answers))


def hibernate(wrenn, report, rounds, peer):
    store = wrenn.work / "objects"
    store.mkdir()
    describe_object_storage(wrenn.directory, endpoint=f"file://{store}")
    leaves, wakes, answers, sent = [], [], [], []
    with wrenn.api.create() as sandbox:
        for _ in range(rounds + 1):
            sandbox.exec("true")
            before = stored_mb(store)
            leave_ms, _ = timed(sandbox.hibernate)
            sent.append(stored_mb(store) - before)
            wake_ms, _ = timed(sandbox.resume)
            exec_ms, _ = timed(sandbox.exec, "true")
            leaves.append(leave_ms)
            wakes.append(wake_ms)
            answers.append(wake_ms + exec_ms)
    # The first brings the template, too.
    report.add("hibernate", "first_ms", leaves.pop(0))
    report.add("hibernate", "first_sent_mb", sent.pop(0))
    name = "plain QEMU packed by zstd"
    add_times(report, "hibernate", "", leaves, peer=name, peers=peer and peer[3])
    add_times(report, "hibernate", "wake_", wakes[1:], peer=name, peers=peer and peer[4])
    report.add("hibernate", "wake_and_exec_p50_ms", median(answers[1:]))
    report.add("hibernate", "sent_mb", median(sent))


def stored_mb(store):
    return sum(file.stat().st_size for file in store.rglob("*") if file.is_file()) / MB


def make_many(wrenn, count):
    first = wrenn.api.create()
    made = [first]
    while len(made) < count:
        made += first.fork(min(10, count - len(made)))[0]
    return made


def cpu_seconds(pids):
    return sum(cpu_clock_s(pid) or 0 for pid in pids)


def cost(wrenn):
    """Percent of a core, and megabytes, of everything that is Wrenn's."""
    pids = wrenn.machine.processes()
    before = cpu_seconds(pids)
    time.sleep(SECONDS_WATCHED)
    used = cpu_seconds(pids) - before
    return used / SECONDS_WATCHED * 100, sum(pss(pid) for pid in pids) / MB


def idle(wrenn, report, count):
    empty_cpu, empty_mb = cost(wrenn)
    make_many(wrenn, count)
    time.sleep(5)
    cpu, mb = cost(wrenn)
    report.add("idle", f"cpu_percent_of_{count}", max(0, cpu - empty_cpu))
    report.add("idle", "mb_each", (mb - empty_mb) / count)
    wrenn.remove_all()


def paused(wrenn, report, count):
    empty_cpu, empty_mb = cost(wrenn)
    made = make_many(wrenn, count)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda sandbox: sandbox.pause(), made))
    assert wrenn.machine.sandbox_pids() == []
    time.sleep(2)
    cpu, mb = cost(wrenn)
    report.add("paused", f"cpu_percent_of_{count}", max(0, cpu - empty_cpu))
    report.add("paused", f"memory_mb_of_{count}", max(0, mb - empty_mb))
    files = {}
    for sandbox in made:
        files.update(wrenn.machine.files(sandbox.id))
    report.add("paused", "disk_mb_each", sum(files.values()) / MB / count)
    wrenn.remove_all()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=CASES, help="this one only; pause is also resume and second-pause")
    parser.add_argument("--rounds", type=int, default=30, help="of pause and fork; a third of that for fork-10, hibernate and the peer")
    parser.add_argument("--paused", type=int, default=100, help="sandboxes of the case paused")
    parser.add_argument("--idle", type=int, default=50, help="sandboxes of the case idle")
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    cases = options.case or CASES
    fewer = max(2, options.rounds // 3)
    report = Report("lifecycle")
    with Wrenn() as wrenn:
        wrenn.api.timeout = 180
        # The first use of anything is not what is measured.
        with wrenn.api.create() as first:
            first.exec("true")
            first.pause()
            first.resume()
        found = facts(wrenn)
        report.machine(**found)
        has_peer = not options.no_peer and not WITH_PEER.isdisjoint(cases)
        peer = plain_qemu(wrenn, found["accelerator"], fewer) if has_peer else None
        if "pause" in cases:
            pause_and_resume(wrenn, report, options.rounds, peer)
        if "fork" in cases:
            forks(wrenn, report, options.rounds, 1, peer)
        if "fork-10" in cases:
            forks(wrenn, report, fewer, 10, peer)
        if "hibernate" in cases:
            hibernate(wrenn, report, fewer, peer)
        if "paused" in cases:
            paused(wrenn, report, options.paused)
        if "idle" in cases:
            idle(wrenn, report, options.idle)
    report.table()


if __name__ == "__main__":
    main()
