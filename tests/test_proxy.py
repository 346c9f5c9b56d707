"""The proxy to the ports of a sandbox: real processes, a real VM, an application in it."""
import contextlib
import hashlib
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from support.machine import kill, wait_for
from support.server import WRENN, free_port

APP = pathlib.Path(__file__).parent / "apps" / "http_app.py"
PORT = 3000
CLOSED = 3999
UNKNOWN = "cl-0123456789abcdefghijklmno"


@pytest.fixture(scope="module")
def app(sandbox, wrenn):
    """The sandbox with the application on its loopback alone: envd's relay has to carry."""
    assert sandbox.write("/tmp/app.py", APP.read_bytes()).status == 204
    start(sandbox, PORT)
    proxied = Proxied(wrenn, sandbox)
    wait_for(lambda: status(proxied) == 200, seconds=60)
    return proxied


def start(sandbox, port, address="127.0.0.1"):
    reply = sandbox.api.post(f"{sandbox.path}/exec", {
        "cmd": "python3", "args": ["/tmp/app.py", str(port), address], "background": True})
    assert reply.status == 202, reply


class Proxied:
    """What a client of the proxy knows."""

    def __init__(self, wrenn, sandbox):
        self.port = wrenn.proxy_port
        self.sandbox = sandbox
        reply = sandbox.api.post(f"{sandbox.path}/ports/{PORT}/url", {})
        assert reply.status == 200, reply
        self.given = reply.json()

    def token(self):
        return {self.given["traffic_header"]: self.given["traffic_token"]}

    def host(self, port=PORT):
        return f"{port}-{self.sandbox.id}.localhost:{self.port}"

    def prefix(self, port=PORT):
        return f"/proxy/{self.sandbox.id}/{port}"

    @contextlib.contextmanager
    def ask(self, path, method="GET", headers=None, form="host", port=PORT, token=True, body=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {**(self.token() if token else {}), **(headers or {})}
        if form == "host":
            headers.setdefault("Host", self.host(port))
        else:
            path = self.prefix(port) + path
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers)
            yield connection.getresponse()

    def told(self, path, **kwargs):
        """What the application says that it got."""
        with self.ask(path, **kwargs) as response:
            body = response.read()
            assert response.status == 200, (response.status, body)
            told = json.loads(body)
        return told["path"], {name.lower(): value for name, value in told["headers"]}


def test_a_port_is_reached_in_both_forms(app):
    for form in ("host", "path"):
        path, headers = app.told("/a%2Fb//c/?x=1&y=%20", form=form)
        assert path == "/a%2Fb//c/?x=1&y=%20"
        assert headers["host"] == f"localhost:{PORT}"
        assert headers["x-forwarded-for"] == "127.0.0.1" and headers["x-forwarded-proto"] == "http"
        assert headers["x-forwarded-host"] == (app.host() if form == "host" else f"127.0.0.1:{app.port}")
        assert headers.get("x-forwarded-prefix") == (None if form == "host" else app.prefix())
        assert "x-wrenn-traffic-token" not in headers


def test_what_a_client_pretends_is_not_believed(app):
    _, headers = app.told("/", headers={"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "Forwarded": "for=x"})
    assert headers["x-forwarded-for"] == "127.0.0.1" and headers["x-forwarded-proto"] == "http" and "forwarded" not in headers


def test_redirects_and_cookies_stay_in_the_sandboxs_address(app):
    with app.ask("/redirect", form="path") as response:
        assert response.headers["Location"] == f"{app.prefix()}/there?x=1"
    with app.ask("/redirect") as response:
        assert response.headers["Location"] == "/there?x=1"
    with app.ask("/cookie", form="path") as response:
        assert response.headers["Set-Cookie"] == f"session=1; Path={app.prefix()}/; HttpOnly"


def test_a_private_port_opens_to_its_keys_alone(app, api):
    for headers in ({}, {"X-Wrenn-Traffic-Token": "0" * 64}, {"X-API-Key": "wrn_" + "0" * 32}):
        with app.ask("/", token=False, headers=headers) as response:
            assert (response.status, json.loads(response.read())["code"]) == (403, 403)
    _, headers = app.told("/", token=False, headers={"X-API-Key": api.key})
    assert "x-api-key" not in headers
    _, headers = app.told("/", token=False, headers={"Authorization": f"Bearer {api.key}"})
    assert "authorization" not in headers
    # Another one's key is the application's own business.
    _, headers = app.told("/", headers={"Authorization": "Bearer mine"})
    assert headers["authorization"] == "Bearer mine"


def test_a_link_opens_the_port_to_a_browser(app):
    browser = {"User-Agent": "Mozilla/5.0"}
    path = app.given["url"].split("/", 3)[3]
    with app.ask(f"/{path}", token=False, headers=browser) as response:
        assert (response.status, response.headers["Location"]) == (303, "/")
        cookie = response.headers["Set-Cookie"]
    assert re.fullmatch(r"wrenn_preview=[\w.-]+; Path=/; Max-Age=\d+; HttpOnly; SameSite=Lax", cookie)
    _, headers = app.told("/", token=False, headers={**browser, "Cookie": f"a=1; {cookie.split(';')[0]}"})
    assert headers["cookie"] == "a=1"
    # It is for this port.
    with app.ask("/", token=False, port=CLOSED, headers={**browser, "Cookie": cookie.split(";")[0]}) as response:
        assert response.status == 403 and "This port is private" in response.read().decode()


def test_a_public_port_is_open_to_all(app):
    path = f"{app.sandbox.path}/ports/{PORT}"
    assert app.sandbox.api.request("PUT", path, {"public": True}).status == 200
    wait_for(lambda: status(app, token=False) == 200, seconds=10)
    assert app.sandbox.api.request("PUT", path, {"public": False}).status == 200
    wait_for(lambda: status(app, token=False) == 403, seconds=10)


def status(app, **kwargs):
    with app.ask("/", **kwargs) as response:
        response.read()
        return response.status


def test_a_closed_port_and_an_unknown_sandbox_are_told_apart(app):
    with app.ask("/", port=CLOSED) as response:
        assert (response.status, json.loads(response.read())) == (502, {
            "sandboxId": app.sandbox.id, "message": "The sandbox is running but port is not open", "port": CLOSED, "code": 502})
    with app.ask("/", headers={"Host": f"80-{UNKNOWN}.localhost"}) as response:
        assert (response.status, json.loads(response.read())) == (502, {
            "sandboxId": UNKNOWN, "message": "The sandbox was not found", "code": 502})
    with app.ask("/", port=CLOSED, headers={"User-Agent": "Mozilla/5.0"}) as response:
        assert response.headers["Content-Type"].startswith("text/html")
        assert "Nothing listens on this port" in response.read().decode()


def test_envd_asks_for_its_own_token(app):
    for path in ("/files?path=/etc/passwd", "/process.Process/List"):
        with app.ask(path, port=49983) as response:
            assert response.status == 403
    with app.ask("/init", port=49983, method="POST") as response:
        assert response.status == 404
    with app.ask("/health", port=49983) as response:
        assert response.status in (200, 204)


def test_events_come_as_they_are_sent(app):
    with app.ask("/events") as response:
        began = time.monotonic()
        assert response.readline() == b"data: 0\n"
        first = time.monotonic() - began
        assert response.read().endswith(b"data: 2\n\n")
        # The application sleeps for three seconds after the first.
        assert first < time.monotonic() - began - 1.5


def test_large_bodies_go_both_ways_whole(app):
    size = 64 << 20
    with app.ask(f"/bytes?{size}", timeout=300) as response:
        assert int(response.headers["Content-Length"]) == size
        digest = hashlib.sha256()
        while piece := response.read(1 << 20):
            digest.update(piece)
        assert digest.hexdigest() == hashlib.sha256(b"x" * size).hexdigest()
    size = 32 << 20
    with app.ask("/", method="POST", body=b"y" * size, timeout=300) as response:
        assert json.loads(response.read()) == {"bytes": size, "sha256": hashlib.sha256(b"y" * size).hexdigest()}


def test_who_leaves_amid_a_large_body_ends_nothing_else(app, wrenn):
    daemons = [wrenn.machine.pid("agent"), wrenn.machine.pid("cp")]
    for _ in range(3):
        with app.ask(f"/bytes?{1 << 40}", timeout=60) as response:
            assert len(response.read(4 << 20)) == 4 << 20
        # The application reads none of it, answers, and closes; whether the answer outruns the reset is open.
        with contextlib.suppress(ConnectionError), app.ask("/", method="DELETE", body=b"z" * (64 << 20)) as response:
            assert response.status == 501
    assert status(app) == 200
    assert [wrenn.machine.pid("agent"), wrenn.machine.pid("cp")] == daemons


def test_a_program_that_is_just_starting_is_waited_for(app):
    """Three tries with pauses, cut short by envd's news of the port."""
    start(app.sandbox, 3100, "0.0.0.0")
    deadline = time.monotonic() + 60
    while (code := status(app, port=3100)) == 502 and time.monotonic() < deadline:
        pass
    assert code == 200


def test_forward_carries_any_protocol(app, wrenn):
    local = free_port()
    process = subprocess.Popen([str(WRENN), "sandbox", "forward", app.sandbox.id, f"{local}:{PORT}"], env=wrenn.environment(),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_for(lambda: listens(local), seconds=30)
        connection = http.client.HTTPConnection("127.0.0.1", local, timeout=30)
        connection.request("GET", "/plain")
        told = json.loads(connection.getresponse().read())
        # Not a word of a proxy.
        assert told["path"] == "/plain" and dict(told["headers"])["Host"] == f"127.0.0.1:{local}"
        assert not any(name.lower().startswith("x-forwarded") for name, _ in told["headers"])
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_proxied_traffic_keeps_a_sandbox_awake(wrenn, api):
    with api.create(timeout_sec=15, auto_resume=False) as made:
        assert made.write("/tmp/app.py", APP.read_bytes()).status == 204
        start(made, PORT, "0.0.0.0")
        proxied = Proxied(wrenn, made)
        until = time.monotonic() + 25
        while time.monotonic() < until:
            assert status(proxied) in (200, 502)
            time.sleep(2)
        assert api.get(made.path).json()["status"] == "running"


def test_a_destroyed_sandbox_ends_what_is_open(wrenn, api):
    with api.create() as made:
        assert made.write("/tmp/app.py", APP.read_bytes()).status == 204
        start(made, PORT, "0.0.0.0")
        proxied = Proxied(wrenn, made)
        wait_for(lambda: status(proxied) == 200, seconds=60)
        with proxied.ask("/events") as response:
            assert response.readline() == b"data: 0\n"
            assert api.request("DELETE", made.path).status == 204
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                response.read()
        assert status(proxied) == 502


def test_an_agent_that_comes_back_serves_again(own_wrenn):
    with own_wrenn.api.create() as made:
        assert made.write("/tmp/app.py", APP.read_bytes()).status == 204
        start(made, PORT, "0.0.0.0")
        proxied = Proxied(own_wrenn, made)
        wait_for(lambda: status(proxied) == 200, seconds=60)
        kill(own_wrenn.machine.pid("agent"))
        with proxied.ask("/") as response:
            assert (response.status, json.loads(response.read())["code"]) == (502, 502)
        own_wrenn.up()
        wait_for(lambda: status(proxied) == 200, seconds=60)
