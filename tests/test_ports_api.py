"""Which ports a sandbox has, who may reach them and where: the API's routes and the commands."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from support.machine import wait_for
from support.server import WRENN
from test_bad_input import UNKNOWN, refuses

PORT = 3456


@pytest.fixture(scope="module")
def listening(sandbox):
    """The sandbox, with a server on its loopback."""
    reply = sandbox.api.post(f"{sandbox.path}/exec", {
        "cmd": "python3", "args": ["-m", "http.server", "--bind", "127.0.0.1", str(PORT)], "background": True})
    assert reply.status == 202, reply
    wait_for(lambda: PORT in numbers(sandbox), seconds=60)
    return sandbox


def ports(sandbox):
    reply = sandbox.api.get(f"{sandbox.path}/ports")
    assert reply.status == 200, reply
    return {port["port"]: port for port in reply.json()["ports"]}


def numbers(sandbox):
    return list(ports(sandbox))


def put(sandbox, port, public):
    return sandbox.api.request("PUT", f"{sandbox.path}/ports/{port}", {"public": public})


def test_what_listens_is_told_with_its_addresses(listening, wrenn):
    port = ports(listening)[PORT]
    assert port["addresses"] == ["127.0.0.1"] and port["public"] is False
    assert port["url"] == f"http://{PORT}-{listening.id}.localhost:{wrenn.proxy_port}/"
    assert port["path_url"] == f"http://127.0.0.1:{wrenn.proxy_port}/proxy/{listening.id}/{PORT}/"
    wait_for(lambda: ports(listening)[PORT]["reachable"], seconds=30)
    assert 49983 not in ports(listening)


def test_a_port_is_public_until_it_is_made_private(listening):
    for public in (True, True, False, False):
        reply = put(listening, PORT, public)
        assert (reply.status, reply.json()["public"]) == (200, public), reply
        assert ports(listening)[PORT] == {**reply.json(), "reachable": ports(listening)[PORT]["reachable"]}


def test_a_public_port_is_listed_before_anything_listens(listening):
    assert put(listening, 4567, True).status == 200
    assert ports(listening)[4567]["addresses"] == []
    assert ports(listening)[4567]["reachable"] is False
    assert put(listening, 4567, False).status == 200
    assert 4567 not in ports(listening)


def test_signed_addresses(listening):
    before = int(time.time())
    answer = listening.api.post(f"{listening.path}/ports/{PORT}/url", {"expires_sec": 600}).json()
    plain = ports(listening)[PORT]
    for name in ("url", "path_url"):
        address, token = answer[name].split("?wrenn_preview=")
        assert address == plain[name]
        assert re.fullmatch(r"\d+\.[0-9a-f]{64}", token)
        assert before + 600 <= int(token.split(".")[0]) <= time.time() + 600
    assert answer["traffic_header"] == "X-Wrenn-Traffic-Token"
    again = listening.api.post(f"{listening.path}/ports/{PORT}/url").json()
    assert re.fullmatch("[0-9a-f]{64}", again["traffic_token"]) and again["traffic_token"] == answer["traffic_token"]
    assert again["url"] != answer["url"]


@pytest.mark.parametrize("port", ["0", "65536", "-1", "080", "x", "49983"])
def test_ports_that_cannot_be(sandbox, port):
    for reply in (put(sandbox, port, True), sandbox.api.post(f"{sandbox.path}/ports/{port}/url", {})):
        refuses(reply, 400, "invalid_request")
        assert "port" in reply.message
    assert 49983 not in numbers(sandbox)


def test_bad_bodies(sandbox):
    for body in ({}, {"public": "yes"}, {"public": None}, []):
        refuses(sandbox.api.request("PUT", f"{sandbox.path}/ports/1", body), 400, "invalid_request")
    for seconds in (59, 604801, -1, 1.5, "1h"):
        refuses(sandbox.api.post(f"{sandbox.path}/ports/1/url", {"expires_sec": seconds}), 400, "invalid_request")
    refuses(sandbox.api.get(UNKNOWN + "/ports"), 404, "not_found")
    refuses(sandbox.api.post(UNKNOWN + "/ports/1/url", {}), 404, "not_found")
    refuses(sandbox.api.request("PUT", UNKNOWN + "/ports/1", {"public": True}), 404, "not_found")
    refuses(sandbox.api.get(f"{sandbox.path}/ports", headers={"X-API-Key": "x"}), 401, "unauthorized")


def test_an_ended_sandbox_has_no_ports(api):
    with api.create() as made:
        assert put(made, PORT, True).status == 200
    refuses(api.get(f"{made.path}/ports"), 409, "invalid_state")
    refuses(put(made, PORT, True), 409, "invalid_state")


def test_the_api_says_where_the_proxy_is(api, wrenn):
    path = f"/proxy/cl-{'0' * 24}7/3000/"
    reply = api.get(path + "?x=1")
    refuses(reply, 421, "misdirected_request")
    assert f"http://127.0.0.1:{wrenn.proxy_port}{path}" in reply.message
    host = f"3000-cl-{'0' * 24}7.localhost"
    reply = api.get("/health", headers={"Host": f"{host}:{api.port}"})
    refuses(reply, 421, "misdirected_request")
    assert f"http://{host}:{wrenn.proxy_port}/" in reply.message


def test_url_and_ports_commands(listening, wrenn):
    def url(*options):
        return wrenn.cli("sandbox", "url", listening.id, PORT, *options).stdout.decode().strip()
    plain = ports(listening)[PORT]
    assert url().startswith(plain["url"] + "?wrenn_preview=")
    assert url("--path").startswith(plain["path_url"] + "?wrenn_preview=")
    expires = int(url("--expires", "7d").split("=")[1].split(".")[0])
    assert abs(expires - time.time() - 7 * 86400) < 60
    assert url("--public") == plain["url"]
    assert url() == plain["url"], "what is public needs no signature"
    listed = wrenn.cli("sandbox", "ports", listening.id).stdout.decode()
    assert re.search(rf"{PORT} +127\.0\.0\.1 +public +{re.escape(plain['url'])}", listed), listed
    assert PORT in [port["port"] for port in json.loads(wrenn.cli("sandbox", "ports", listening.id, "--json").stdout)["ports"]]
    assert "?wrenn_preview=" in url("--private")
    assert ports(listening)[PORT]["public"] is False


def test_mistakes_of_the_commands_are_told(sandbox, wrenn):
    for arguments in (["url", sandbox.id], ["url", sandbox.id, "0"], ["url", sandbox.id, "1", "--expires", "soon"],
                      ["url", sandbox.id, "1", "--public", "--private"], ["forward", sandbox.id],
                      ["forward", sandbox.id, "a:b"], ["forward", sandbox.id, "65536"]):
        done = wrenn.cli("sandbox", *arguments, check=False)
        assert done.returncode == 2 and b"hint: " in done.stderr, (arguments, done)
    done = wrenn.cli("sandbox", "url", sandbox.id, "1", "--expires", "8d", check=False)
    assert done.returncode == 1 and b"604800" in done.stderr, done
    done = wrenn.cli("sandbox", "forward", sandbox.id, f"{wrenn.port}:1", check=False)
    assert done.returncode == 1 and b"LOCAL:REMOTE" in done.stderr, done


def test_forward_listens_until_ctrl_c(sandbox, wrenn):
    process = subprocess.Popen([str(WRENN), "sandbox", "forward", sandbox.id, "0:1", "0:2"], env=wrenn.environment(),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        for port in (1, 2):
            line = process.stdout.readline().decode()
            assert re.fullmatch(rf"127\.0\.0\.1:\d+ -> {sandbox.id} port {port}\n", line), line
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
