"""A host that registers over the network, from its token to its removal."""
import hashlib
import subprocess
import urllib.error
import urllib.request

import pytest

from support.machine import wait_for
from support.registered_host import RegisteredHost
from support.server import Wrenn

SILENCE = 20  # Seconds, in place of 90; hosts are heard every five.


@pytest.fixture(scope="module")
def hosts():
    with Wrenn(environment={"WRENN_HOST_SILENCE": str(SILENCE)}) as first, RegisteredHost(first, "rack-1") as second:
        second.wait_until("online")
        # What is made now is made on the other host.
        first.cli("host", "drain", "local")
        yield first, second


def status(sandbox):
    return sandbox.get()["status"]


def test_credentials_are_roots_alone_and_a_token_is_good_once(hosts):
    first, second = hosts
    file = second.directory / "host-credentials.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert second.token not in file.read_text()
    for name in ("agent.log", "dir/logs/cp.log"):
        for log in (first.work / name, second.work / name):
            assert not log.exists() or second.token not in log.read_text()
    reply = first.api.post("/v1/hosts/register", {
        "token": second.token, "csr": "anything", "arch": "amd64", "cpu_cores": 1, "memory_mb": 1, "disk_gb": 1,
        "address": "198.18.77.2:1", "proxy_address": "198.18.77.2:2"})
    assert reply.status == 401
    shown = first.cli("host", "ls").stdout.decode()
    assert "rack-1" in shown and "198.18.77.2:50051" in shown


def test_nobody_else_may_call_it(hosts):
    first, second = hosts
    for port in (50051, 50052):
        for url in (f"http://198.18.77.2:{port}/health", f"https://198.18.77.2:{port}/health"):
            done = subprocess.run(["curl", "-sk", "-m", "20", url], capture_output=True, check=False)
            # 7: nobody listens there at all; 28: no answer in time.
            assert done.returncode not in (0, 7, 28) and not done.stdout, (url, done)


def fetch(wrenn, sandbox, port, path):
    """What a program in it answers, by the proxy; nothing while it does not."""
    reply = wrenn.api.post(f"{sandbox.path}/ports/{port}/url", {}).json()
    request = urllib.request.Request(f"http://127.0.0.1:{wrenn.proxy_port}/proxy/{sandbox.id}/{port}{path}",
                                     headers={reply["traffic_header"]: reply["traffic_token"]})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError:
        return None


def test_traffic_reaches_ports_of_its_sandboxes(hosts):
    first, second = hosts
    with first.api.create() as sandbox:
        assert sandbox.id in second.machine.sandbox_dirs()
        digest = sandbox.sh("mkdir /tmp/shown; head -c 5000000 /dev/urandom >/tmp/shown/data; md5sum </tmp/shown/data").text
        sandbox.background("python3", "-m", "http.server", "8000", "--directory", "/tmp/shown")
        data = wait_for(lambda: fetch(first, sandbox, 8000, "/data"), seconds=60)
        assert len(data) == 5000000
        assert hashlib.md5(data).hexdigest() == digest.split()[0]
        # Files take another way.
        assert hashlib.md5(sandbox.read("/tmp/shown/data")).hexdigest() == digest.split()[0]


def test_life_of_a_registered_host(hosts):
    first, second = hosts
    with first.api.create() as sandbox:
        assert sandbox.id in second.machine.sandbox_dirs()
        assert sandbox.id not in first.machine.sandbox_dirs()
        assert sandbox.sh("echo hello").text == "hello"
        # Another start needs no token.
        second.stop()
        second.flags = second.known
        second.start()
        second.wait_until("online")
        assert sandbox.sh("echo again").text == "again"
        second.cut_off()
        try:
            second.wait_until("unreachable")
            wait_for(lambda: status(sandbox) == "missing", seconds=60)
        finally:
            second.connect()
        second.wait_until("online")
        wait_for(lambda: status(sandbox) == "running", seconds=60)
        assert sandbox.sh("echo back").text == "back"
        # Drained, it pauses what it has.
        first.cli("host", "drain", "rack-1")
        wait_for(lambda: status(sandbox) == "paused", seconds=120)
        assert second.status() == "draining"
        refused = first.cli("host", "rm", "rack-1", check=False)
        assert refused.returncode == 1 and sandbox.id in refused.stderr.decode()
        first.cli("host", "rm", "--force", "rack-1")
        assert second.status() is None
        assert status(sandbox) == "stopped"
        wait_for(lambda: sandbox.id not in second.machine.sandbox_dirs(), seconds=60)
