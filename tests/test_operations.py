"""What those who run Wrenn look at: metrics, whether it is ready, and logs."""
import http.client
import json
import os
import re
import socket
import subprocess

import pytest

from support.machine import kill, wait_for
from support.metrics import Metrics, UnixConnection, fetch
from support.server import Wrenn, free_port

PORT = 3000
SIZE = 300_000


class Operated(Wrenn):
    """With listeners for metrics, and logs for programs."""

    def __init__(self):
        self.cp_port, self.agent_port = free_port(), free_port()
        super().__init__(environment={"WRENN_CP_METRICS_LISTEN_ADDR": f"127.0.0.1:{self.cp_port}",
                                      "WRENN_AGENT_METRICS_LISTEN_ADDR": f"127.0.0.1:{self.agent_port}",
                                      "LOG_FORMAT": "json"})

    def cp(self):
        return Metrics.of(self.cp_port)

    def agent(self):
        return Metrics.of(self.agent_port)


@pytest.fixture(scope="module")
def operated():
    with Operated() as operated:
        yield operated


def test_operations_are_counted(operated):
    before = {"cp": operated.cp(), "agent": operated.agent()}
    with operated.api.create() as sandbox:
        assert sandbox.exec("echo", "hello").text == "hello"
        cp, agent = operated.cp(), operated.agent()
        assert cp.value("wrenn_sandboxes", state="running") == 1
        assert agent.value("wrenn_agent_sandboxes", status="running") == 1
        assert agent.value("wrenn_agent_guest_links") == 1
        assert agent.value("wrenn_agent_memory_promised_bytes") == 512 << 20
        assert agent.value("wrenn_agent_network_slots", state="in_use") == 1
        sandbox.pause()
        sandbox.resume()
        sandbox.pause()
        assert sandbox.api.post(f"{sandbox.path}/pause", {"mode": "nonsense"}).status == 400
        cp, agent = operated.cp(), operated.agent()
        assert cp.value("wrenn_sandboxes", state="paused") == 1
        assert agent.value("wrenn_agent_sandboxes", status="paused") == 1
        assert agent.value("wrenn_agent_memory_promised_bytes") == 0
        for metrics, prefix, first in ((cp, "wrenn_sandbox", before["cp"]), (agent, "wrenn_agent_sandbox", before["agent"])):
            for operation, times in (("create", 1), ("pause", 2), ("resume", 1)):
                ok = {"operation": operation, "result": "ok"}
                grown = metrics.value(f"{prefix}_operations_total", **ok) - first.value(f"{prefix}_operations_total", **ok)
                assert grown == times, (prefix, operation)
                assert metrics.value(f"{prefix}_operation_duration_seconds_sum", operation=operation) > 0
    pauses = {"method": "POST", "route": "/v1/capsules/{}/pause"}
    assert cp.value("wrenn_http_requests_total", status="2xx", **pauses) == 2
    assert cp.value("wrenn_http_requests_total", status="4xx", **pauses) == 1
    assert cp.value("wrenn_http_request_duration_seconds_count", **pauses) == 3
    assert cp.value("wrenn_hosts", status="online") == 1
    assert cp.value("wrenn_database_statement_duration_seconds_count", access="write") > 0


def test_traffic_is_counted_by_both_halves(operated):
    with operated.api.create() as sandbox:
        sandbox.exec("sh", "-c", f"mkdir /tmp/www && head -c {SIZE} /dev/zero > /tmp/www/file")
        reply = sandbox.api.post(f"{sandbox.path}/exec", {"cmd": "python3", "args": ["-m", "http.server", "-d", "/tmp/www", str(PORT)],
                                                          "background": True})
        assert reply.status == 202, reply
        assert sandbox.api.request("PUT", f"{sandbox.path}/ports/{PORT}", {"public": True}).status == 200

        def ask():
            connection = http.client.HTTPConnection("127.0.0.1", operated.proxy_port, timeout=60)
            connection.request("GET", f"/proxy/{sandbox.id}/{PORT}/file")
            response = connection.getresponse()
            return response.status, len(response.read())
        wait_for(lambda: ask()[0] == 200, seconds=60)
        before = operated.cp(), operated.agent()
        assert ask() == (200, SIZE)
        after = operated.cp(), operated.agent()
    for prefix, first, last in (("wrenn", before[0], after[0]), ("wrenn_agent", before[1], after[1])):
        grown = lambda name, **labels: last.value(name, **labels) - first.value(name, **labels)
        assert grown(f"{prefix}_proxy_bytes_total", direction="out") == SIZE
        assert grown(f"{prefix}_proxy_bytes_total", direction="in") == 0
        assert grown(f"{prefix}_proxy_requests_total", status="2xx") == 1


def test_a_dead_vm_is_counted(operated):
    deaths = operated.agent().value("wrenn_agent_vm_deaths_total")
    with operated.api.create() as sandbox:
        kill(operated.machine.qemu_pid(sandbox.id))
        wait_for(lambda: operated.agent().value("wrenn_agent_vm_deaths_total") == deaths + 1, seconds=30)


def test_the_text_keeps_the_rules(operated):
    for metrics in (operated.cp(), operated.agent()):
        metrics.check()
        for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"):
            assert metrics.value(name) > 0, name
        # Whatever was asked for, and whoever asked: nothing of it is in a label.
        assert not re.search(r"cl-|wrn_|key-|team-|usr-", metrics.text)
    assert operated.agent().value("wrenn_agent_disk_free_bytes") < operated.agent().value("wrenn_agent_disk_size_bytes")


def test_the_agents_socket_tells_them_too(operated):
    status, _, text = fetch(UnixConnection(operated.directory / "run" / "agent.sock"))
    assert status == 200
    Metrics(text).check()
    assert {family.name for family in Metrics(text).families} == {family.name for family in operated.agent().families}


def test_the_api_does_not_tell_them(operated):
    reply = operated.api.get("/metrics")
    assert (reply.status, reply.code) == (404, "not_found"), reply
    for port in (operated.cp_port, operated.agent_port):
        assert fetch(http.client.HTTPConnection("127.0.0.1", port), path="/v1/capsules")[0] == 404


@pytest.mark.parametrize("token, said", [("", "WRENN_METRICS_TOKEN"), ("short", "16 characters")])
def test_others_need_a_token(operated, tmp_path, token, said):
    done = subprocess.run([operated.programs / "wrenn-cp", "--dir", tmp_path, "--listen", "127.0.0.1:0", "--proxy-listen", "127.0.0.1:0",
                           "--metrics-listen", f"0.0.0.0:{free_port()}"],
                          env={"PATH": os.environ["PATH"], "WRENN_METRICS_TOKEN": token}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and said in done.stderr, done


def ready(operated):
    """Status, and what each check says."""
    reply = operated.api.request("GET", "/ready", headers={"X-API-Key": ""})
    answer = reply.json()
    assert answer["status"] == ("ready" if reply.status == 200 else "not_ready"), answer
    return reply.status, {check["name"]: check for check in answer["checks"]}


def test_ready_says_which_check_fails(operated):
    assert ready(operated) == (200, {name: {"name": name, "status": "ok"} for name in ("database", "migrations", "hosts")})
    status, _, text = fetch(UnixConnection(operated.directory / "run" / "agent.sock"), path="/ready")
    assert status == 200 and {check["name"] for check in json.loads(text)["checks"]} == {"disk", "network", "memory"}, text
    kill(operated.machine.pid("agent"))
    try:
        # A host that is lost leaves the control plane ready, and is told of.
        wait_for(lambda: ready(operated)[1]["hosts"]["status"] == "warning", seconds=60)
        status, checks = ready(operated)
        assert status == 200 and "wrenn up" in checks["hosts"]["message"], checks
    finally:
        operated.up()
    wait_for(lambda: ready(operated)[1]["hosts"]["status"] == "ok", seconds=60)


def test_a_service_manager_is_told(operated, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        daemon = subprocess.Popen([operated.programs / "wrenn-cp", "--dir", tmp_path, "--listen", "127.0.0.1:0", "--proxy-listen",
                                   "127.0.0.1:0"],
                                  env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(tmp_path / "notify")},
                                  stderr=subprocess.DEVNULL)
        try:
            assert manager.recv(100) == b"READY=1"
            daemon.terminate()
            assert manager.recv(100) == b"STOPPING=1"
            assert daemon.wait(timeout=60) == 0
        finally:
            daemon.kill()


def log_lines(operated, name):
    """Every line as JSON, which it must be."""
    text = (operated.directory / "logs" / f"{name}.log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"]), line
        assert line["level"] in ("debug", "info", "warn", "error") and line["msg"] and line["program"].startswith("wrenn"), line
    return lines


def messages_of(operated, name, request_id):
    return [line["msg"] for line in log_lines(operated, name) if line.get("request") == request_id]


def with_id(request_id):
    return {"X-Request-Id": request_id}


def test_a_request_has_one_id_in_all_logs(operated):
    reply = operated.api.post("/v1/capsules", {}, headers=with_id("trace-create.1"))
    assert reply.status == 201 and reply.headers["X-Request-Id"] == "trace-create.1", reply
    path = f"/v1/capsules/{reply.json()['id']}"
    try:
        reply = operated.api.post(f"{path}/exec", {"cmd": "echo", "args": ["hello"]}, headers=with_id("trace-exec.1"))
        assert reply.status == 200 and reply.headers["X-Request-Id"] == "trace-exec.1", reply
        reply = operated.api.post(f"{path}/files/read", {"path": "/etc/hostname"}, headers=with_id("trace-read.1"))
        assert reply.status == 200, reply
    finally:
        assert operated.api.delete(path).status == 204
    assert messages_of(operated, "cp", "trace-create.1") == ["sandbox created", "request"]
    assert messages_of(operated, "agent", "trace-create.1") == ["sandbox created", "call"]
    for request_id in ("trace-exec.1", "trace-read.1"):
        assert messages_of(operated, "cp", request_id) == ["request"]
        assert set(messages_of(operated, "agent", request_id)) == {"call"}


def test_an_id_that_could_forge_a_line_is_not_taken(operated):
    for bad in ("a b", 'a"b', "x" * 65, "a=b", "\u00fc"):
        reply = operated.api.get("/v1/capsules", headers={"X-Request-Id": bad.encode()})
        assert reply.status == 200 and re.fullmatch("req-[0-9a-f]{16}", reply.headers["X-Request-Id"]), reply.headers
    assert not [line for line in log_lines(operated, "cp") if line.get("request") in ("a b", 'a"b', "x" * 65)]


def test_figures_in_logs_are_numbers(operated):
    requests = [line for line in log_lines(operated, "cp") if line["msg"] == "request"]
    assert requests and all(isinstance(line["status"], int) and isinstance(line["ms"], int) for line in requests)
