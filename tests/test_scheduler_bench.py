"""That the simulator of the scheduler works, and that nothing is refused or overfilled by ours."""
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
        if row["metric"] in ("failed_with_room", "overfilled"):
            assert row["ours"] == 0, row
        elif row["metric"] != "failed_when_full":
            assert row["ours"] > 0, row
