"""That the benchmark of pauses and copies works, and has a figure for every row."""
import json
import subprocess

from support.server import ROOT

RUN = str(ROOT / "bench" / "lifecycle" / "run.py")
TIMES = {"p50_ms", "p99_ms"}
FORKS = TIMES | {"source_stopped_p50_ms", "source_stopped_p99_ms", "and_exec_p50_ms"}
ROWS = {
    "pause": TIMES,
    "resume": TIMES | {"of_that_guest_p50_ms", "and_exec_p50_ms"},
    "second-pause": {"first_written_mb", "written_mb"},
    "fork": FORKS,
    "fork-10": FORKS,
    "hibernate": TIMES | {"wake_p50_ms", "wake_p99_ms", "wake_and_exec_p50_ms", "first_ms", "first_sent_mb", "sent_mb"},
    "paused": {"cpu_percent_of_2", "memory_mb_of_2", "disk_mb_each"},
    "idle": {"cpu_percent_of_2", "mb_each"},
}


def test_every_row_has_a_figure():
    done = subprocess.run([RUN, "--rounds", "3", "--paused", "2", "--idle", "2"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(row["case"], row["metric"]) for row in rows} == {(case, metric) for case, metrics in ROWS.items() for metric in metrics}
    assert all(row["ours"] > 0 for row in rows if row["case"] not in ("paused", "idle")), rows
    compared = {row["case"] for row in rows if row["peers"]}
    assert compared == {"pause", "resume", "second-pause", "fork", "fork-10", "hibernate"}
