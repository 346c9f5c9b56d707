#!/usr/bin/env python3
"""What the control plane's API takes by itself, with an agent that answers at once.

sqlite-get    GET of one sandbox, 64 kept connections, the database a file
postgres-get  the same on PostgreSQL
create        POST of a sandbox, one after another, each destroyed before the next
list          the first page of a team that has 100 sandboxes, and of one that has 100 000

The peer of the gets is nginx, one worker, with a constant answer of the same size, by the same load: what HTTP alone takes.
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

from report import Report, median, percentile  # noqa: E402
from support.machine import wait_for  # noqa: E402
from support.outside import die_with_parent  # noqa: E402
from support.postgres import Postgres  # noqa: E402
from support.server import WRENN, free_port  # noqa: E402

CP = pathlib.Path(os.environ.get("WRENN_CP", WRENN.parent / "wrenn-cp"))
AGENT = pathlib.Path(os.environ.get("WRENN_INSTANT_AGENT", ROOT / "build" / "release" / "bench" / "api" / "instant_agent"))
LUA = ROOT / "bench" / "proxy" / "report.lua"
CONNECTIONS = 64
FEW, MANY = 100, 100_000
CASES = ("sqlite-get", "postgres-get", "create", "list")
NGINX = """
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000; default_type application/json;
    client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
    uwsgi_temp_path {directory}; scgi_temp_path {directory};
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{body}'; }} }}
}}
"""


@contextlib.contextmanager
def program(*command, environment=None):
    """Runs until the end of the block, and no longer than we do."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([str(word) for word in command], env={"PATH": os.environ["PATH"], **(environment or {})},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, preexec_fn=die_with_parent)
        try:
            yield process
        except BaseException:
            errors.seek(0)
            print("\n".join(errors.read().decode(errors="replace").splitlines()[-5:]), file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.wait()


class ControlPlane:
    """wrenn-cp with the agent that answers at once, in a directory of its own."""

    def __init__(self, database=None):
        self.database = database
        self.port = free_port()

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="wrenn-bench-api-", dir="/var/tmp"))
        self.stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        try:
            self.start()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()

    def start(self):
        # It logs as it does by default: each request is a line.
        environment = {"WRENN_DATABASE_URL": self.database} if self.database else {}
        socket = self.directory / "agent.sock"
        self.stack.enter_context(program(AGENT, f"unix:{socket}"))
        wait_for(socket.exists)
        made = subprocess.run([CP, "--dir", self.directory, "key", "create", "--name", "bench"],
                              env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, check=True)
        self.key = made.stdout.strip()
        self.stack.enter_context(program(CP, "--dir", self.directory, "--listen", f"127.0.0.1:{self.port}", "--proxy-listen",
                                         "127.0.0.1:0", "--agent", f"unix:{socket}", environment=environment))
        wait_for(self.is_ready, seconds=30)

    def is_ready(self):
        try:
            return self.ask("GET", "/health")[0] == 200
        except OSError:
            return False

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method, path, body=None, connection=None):
        """Status and body; over a connection of its own, unless there is one."""
        own = connection or self.connect()
        own.request(method, path, body, {"X-API-Key": getattr(self, "key", "")})
        response = own.getresponse()
        got = response.status, response.read()
        if connection is None:
            own.close()
        return got

    def create(self, connection=None):
        status, body = self.ask("POST", "/v1/capsules", "{}", connection)
        assert status == 201, body
        return f"/v1/capsules/{json.loads(body)['id']}"


def wrk(url, key, seconds):
    done = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", LUA, "-H", f"X-API-Key: {key}", url],
                          capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["errors"] == 0, figures
    return figures


@contextlib.contextmanager
def nginx(body):
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="wrenn-bench-api-") as directory:
        os.chmod(directory, 0o777)
        config = pathlib.Path(directory, "nginx.conf")
        config.write_text(NGINX.format(directory=directory, port=port, body=body.decode()))
        with program("/usr/sbin/nginx", "-p", directory, "-c", config):
            def answers():
                with contextlib.suppress(OSError):
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                    connection.request("GET", "/")
                    return connection.getresponse().status == 200
            wait_for(answers)
            yield f"http://127.0.0.1:{port}/"


def measure_get(report, case, options, database=None):
    with ControlPlane(database) as control:
        path = control.create()
        status, body = control.ask("GET", path)
        assert status == 200, body
        with nginx(body) as peer:
            wrk(f"http://127.0.0.1:{control.port}{path}", control.key, 1)
            rounds = [(wrk(f"http://127.0.0.1:{control.port}{path}", control.key, options.seconds), wrk(peer, "", options.seconds))
                      for _ in range(options.rounds)]
    for metric, field, scale, better in (("req_per_s", "req_per_s", 1, "higher"), ("p50_ms", "p50_us", 1000, "lower"),
                                         ("p99_ms", "p99_us", 1000, "lower")):
        ours, peers = (median([pair[side][field] for pair in rounds]) / scale for side in (0, 1))
        report.add(case, metric, ours, better, "nginx", peers)


def timed(times, act):
    """Milliseconds that each of so many calls takes."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        act()
        took.append((time.monotonic() - began) * 1000)
    return took


def add_latencies(report, case, took, peer=None, peers=None):
    for name, percent in (("p50_ms", 50), ("p99_ms", 99)):
        report.add(case, name, percentile(took, percent), "lower", peer, percentile(peers, percent) if peers else None)


def measure_create(report, options):
    with ControlPlane() as control, contextlib.closing(control.connect()) as connection:
        took = []
        for _ in range(options.calls):
            began = time.monotonic()
            path = control.create(connection)
            took.append((time.monotonic() - began) * 1000)
            assert control.ask("DELETE", path, connection=connection)[0] == 204
    report.add("create", "req_per_s", 1000 * len(took) / sum(took), "higher")
    add_latencies(report, "create", took)


def multiply(control, count):
    """So many more sandboxes in object storage, which no host is asked about."""
    with contextlib.closing(sqlite3.connect(control.directory / "control" / "wrenn.db", timeout=60)) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(sandboxes)")]
        changed = {"id": "'cl-' || printf('%025d', n)", "host_id": "NULL", "status": "'hibernated'", "created_at": "created_at + n"}
        values = ", ".join(changed.get(name, name) for name in columns)
        database.execute(f"WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) "
                         f"INSERT OR IGNORE INTO sandboxes ({', '.join(columns)}) "
                         f"SELECT {values} FROM numbers, (SELECT * FROM sandboxes LIMIT 1)")
        database.commit()


def measure_list(report, options):
    with ControlPlane() as control, contextlib.closing(control.connect()) as connection:
        def first_page():
            status, body = control.ask("GET", f"/v1/capsules?limit={FEW}", connection=connection)
            assert status == 200 and len(json.loads(body)) == FEW, body[:300]
        control.create(connection)
        multiply(control, FEW - 1)
        few = timed(options.calls, first_page)
        multiply(control, MANY - 1)
        many = timed(options.calls, first_page)
    report.add("list", "req_per_s", 1000 * len(many) / sum(many), "higher", f"{FEW} sandboxes", 1000 * len(few) / sum(few))
    add_latencies(report, "list", many, f"{FEW} sandboxes", few)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=CASES, help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of load in each round")
    parser.add_argument("--calls", type=int, default=1000, help="of creates and lists")
    parser.add_argument("--quick", action="store_true", help="only see that it works")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.calls = 1, 1, 20
    if not AGENT.exists():
        sys.exit(f"{AGENT} is missing; run: make build")
    report = Report("api")
    report.machine()
    cases = options.case or CASES
    if "sqlite-get" in cases:
        measure_get(report, "sqlite-get", options)
    if "postgres-get" in cases:
        with Postgres() as postgres:
            measure_get(report, "postgres-get", options, postgres.url)
    if "create" in cases:
        measure_create(report, options)
    if "list" in cases:
        measure_list(report, options)
    report.table()


if __name__ == "__main__":
    main()
