"""That the benchmark of the proxy works, every row of it has a figure, and nothing of it is left."""
import json
import subprocess

from support.machine import family, is_alive, wait_for
from support.server import ROOT

RUN = str(ROOT / "bench" / "proxy" / "run.py")
PEERS = {"nginx", "haproxy", "caddy"}
REQUESTS = {"req_per_s", "req_per_cpu_s", "p50_us", "p99_us"}
BULK = {"mb_per_s", "cpu_s_per_gb"}
METRICS = {
    "http-1": REQUESTS | {"added_p50_us", "added_p99_us"},
    "http-32": REQUESTS,
    "http-256": REQUESTS,
    "ws-echo": REQUESTS,
    "download-1g": BULK,
    "upload-1g": BULK,
    "idle-ws-10k": {"kb_per_conn"},
}


def test_every_row_has_a_figure():
    done = subprocess.run([RUN, "--quick"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(row["case"], row["metric"], row["peer"]) for row in rows} == {
        (case, metric, peer) for case, metrics in METRICS.items() for metric in metrics for peer in PEERS}
    # What is added to a latency may, in a short run, be less than its noise.
    assert all(row["ours"] > 0 and row["peers"] > 0 for row in rows if not row["metric"].startswith("added"))


def test_nothing_is_left_when_it_is_killed():
    with subprocess.Popen([RUN, "--quick", "--case", "http-1", "--case", "http-32"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as run:
        # The first case is done, the second is under way.
        assert run.stdout.readline()
        started = wait_for(lambda: len(found := family(run.pid)) > 8 and found)
        run.kill()
        run.wait()
        wait_for(lambda: not any(is_alive(pid) for pid in started))
