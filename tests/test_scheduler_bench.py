"""That the simulator of the scheduler works, that ours overfills nothing, and that one control plane refuses nothing while there is room."""
import json
import subprocess

from support.server import ROOT

RUN = str(ROOT / "bench" / "scheduler" / "run.py")
CASES = ("even", "mixed", "replicas")
COMPARED = ("placements_per_s", "p99_to_mean", "max_to_mean", "failed_with_room", "overfilled")


def test_every_row_has_a_figure():
    done = subprocess.run([RUN, "--quick"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    expected = {(case, metric, peer) for case in CASES for metric in COMPARED for peer in ("best-of-3", "full-scan")}
    assert {(row["case"], row["metric"], row["peer"]) for row in rows} == expected | {
        (case, "failed_when_full", None) for case in CASES} | {("scale", "placements_per_s", "10 hosts")}
    for row in rows:
        # Several control planes may not have heard yet of what has ended at the others.
        is_exact = row["metric"] == "overfilled" or (row["metric"] == "failed_with_room" and row["case"] != "replicas")
        if is_exact:
            assert row["ours"] == 0, row
        elif not row["metric"].startswith("failed"):
            assert row["ours"] > 0, row
