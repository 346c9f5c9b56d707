"""That the benchmark of the guest agent works, and every row of it has a figure."""
import json
import subprocess

from support.server import ROOT


def test_every_row_has_a_figure():
    done = subprocess.run([str(ROOT / "bench" / "envd" / "run.py"), "--quick"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "no figure" not in done.stderr, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) > 40
    assert all(row["ours"] >= 0 and row["bench"] == "envd" and row["peer"] is None for row in rows)
