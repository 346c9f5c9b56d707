"""That the benchmark of terminals under load works, and has a figure for every row."""
import json
import subprocess

from support.server import ROOT

RUN = str(ROOT / "bench" / "pty-under-load" / "run.py")
ECHO = {"p50_idle_us", "p99_idle_us", "p50_load_us", "p99_load_us", "p99_load_over_idle"}
METRICS = ECHO | {f"shared_{metric}" for metric in ECHO} | {"load_mb", "load_echoes"}


def test_every_row_has_a_figure():
    done = subprocess.run([RUN, "--quick", "--shared", "--case", "native"], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(row["case"], row["metric"]) for row in rows} == {("native", metric) for metric in METRICS}
    assert all(row["ours"] > 0 for row in rows)
    left = subprocess.run(["pgrep", "-f", f"{ROOT}/(tests/apps/http_app.py|build/release/bench/proxy/proxy_load)"],
                          capture_output=True, text=True).stdout.split()
    assert not left, "the benchmark left what it had started"
