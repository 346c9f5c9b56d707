"""That the benchmark of the API works, and every row of it has a figure."""
import json
import subprocess

from support.server import ROOT

RUN = str(ROOT / "bench" / "api" / "run.py")


def test_every_row_has_a_figure():
    done = subprocess.run([RUN, "--quick"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    peers = {"sqlite-get": "nginx", "postgres-get": "nginx", "create": None, "list": "100 sandboxes"}
    assert {(row["case"], row["metric"], row["peer"]) for row in rows} == {
        (case, metric, peer) for case, peer in peers.items() for metric in ("req_per_s", "p50_ms", "p99_ms")}
    assert all(row["ours"] > 0 for row in rows)
