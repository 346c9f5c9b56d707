"""envd in a real sandbox, asked directly from the host: the JavaScript tests of tests/js, and what it does for its guest."""
import contextlib
import json
import socket
import time

import pytest

from support.api import Api
from support.js import check, names, prepare, run_file
from support.machine import wait_for

PORT = 49983
FILES = ("process.test.mjs", "pty.test.mjs", "filesystem.test.mjs", "watch.test.mjs", "http.test.mjs", "protocol.test.mjs",
         "ports.test.mjs")
CASES = [(file, codec, name) for file in FILES for codec in ("json", "binary") for name in names(file)]
# Machines are emulated where there is no KVM.
TEST_SECONDS = 180


class Guest:
    """The envd of a sandbox, with its token."""

    def __init__(self, wrenn, sandbox):
        self.host = sandbox.get()["host_ip"]
        self.url = f"http://{self.host}:{PORT}"
        self.token = wrenn.machine.manifest(sandbox.id)["envd_token"]
        self.http = Api(self.url, "")

    def get(self, path):
        return self.http.get(path, headers={"X-Access-Token": self.token})

    def call(self, path, body):
        return self.http.post(path, body, headers={"X-Access-Token": self.token})


@pytest.fixture(scope="module")
def guest(wrenn, sandbox):
    return Guest(wrenn, sandbox)


@pytest.fixture(scope="module")
def outcomes(guest):
    """Runs a file when its first test is asked for."""
    prepare()
    known = {}

    def outcome(file, codec):
        if (file, codec) not in known:
            environment = {"ENVD_URL": guest.url, "ENVD_TOKEN": guest.token, "ENVD_CODEC": codec, "ENVD_USER": "user",
                           "ENVD_VM": "1"}
            known[file, codec] = run_file(file, environment, TEST_SECONDS)
        return known[file, codec]

    return outcome


@pytest.mark.parametrize("file,codec,name", CASES, ids=[":".join(case) for case in CASES])
def test_js(outcomes, file, codec, name):
    check(outcomes(file, codec), file, name)


def test_without_its_token_it_answers_nobody(guest):
    assert guest.http.get("/health").status in (200, 204)
    assert guest.http.get("/envs").status == 401
    assert guest.http.post("/init", {"accessToken": "stolen"}).status == 401
    assert guest.http.post("/process.Process/List", {}).status == 401


def test_the_clock_is_right_from_the_first_command_on(api):
    with api.create() as made:
        before = time.time()
        inside = float(made.exec("date", "+%s.%N").text)
        assert before - 0.5 < inside < time.time() + 0.5


def test_two_sandboxes_differ_in_what_must_be_theirs_alone(api):
    with api.create() as one, api.create() as other:
        for script in ("head -c 32 /dev/urandom | sha256sum", "cat /etc/machine-id", "cat /proc/sys/kernel/random/uuid",
                       "hostname"):
            first, second = one.sh(script, user="root").text, other.sh(script, user="root").text
            assert first and first != second, script


def test_a_sandbox_knows_its_ids(sandbox, guest):
    envs = guest.get("/envs").json()
    assert envs.get("E2B_SANDBOX_ID") == sandbox.id, envs
    assert sandbox.sh("echo $E2B_SANDBOX_ID").text == sandbox.id
    assert sandbox.sh("echo $E2B_SANDBOX").text == "true"
    assert sandbox.sh("cat /run/e2b/.E2B_SANDBOX_ID").text == sandbox.id


def test_commands_are_the_default_users(sandbox):
    assert sandbox.sh("id -un; pwd; echo $HOME").text == "user\n/home/user\n/home/user"


def test_commands_and_terminals_are_in_cgroups_of_their_own(sandbox):
    of_command = sandbox.sh("cat /proc/self/cgroup").text
    of_envd = sandbox.sh("cat /proc/$(pgrep -xo envd)/cgroup", user="root").text
    assert of_command.startswith("0::/") and of_command != of_envd
    ceiling = sandbox.sh(f"cat /sys/fs/cgroup{of_command[3:]}/memory.max /sys/fs/cgroup{of_command[3:]}/../memory.max",
                         user="root").text.split()
    total = int(sandbox.sh("awk '/^MemTotal/ {print $2}' /proc/meminfo").text) * 1024
    assert any(limit != "max" and int(limit) < total for limit in ceiling), ceiling


def test_a_server_on_loopback_is_reached_from_the_host_within_a_second(sandbox, guest):
    code = ("import socket; s = socket.socket(); s.bind(('127.0.0.1', 18080)); s.listen(); print('up', flush=True)\n"
            "while True: c, _ = s.accept(); c.sendall(b'hello'); c.close()")
    sandbox.background("python3", "-c", code, tag="server")
    try:
        wait_for(lambda: any(one["port"] == 18080 for one in guest.call("/ports.Ports/List", {}).json().get("ports", [])), 20)
        began = time.monotonic()
        assert wait_for(lambda: hello(guest.host, 18080) == b"hello", 5, every=0.02)
        assert time.monotonic() - began < 1
    finally:
        sandbox.api.delete(f"{sandbox.path}/processes/server")
    wait_for(lambda: hello(guest.host, 18080) is None, 5)


def hello(host, port):
    with contextlib.suppress(OSError):
        with socket.create_connection((host, port), timeout=2) as connection:
            return connection.recv(100)
    return None


def test_a_fork_bomb_leaves_envd_answering(api, wrenn):
    with api.create() as made:
        guest = Guest(wrenn, made)
        made.background("/bin/sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 1000", tag="bomb")
        wait_for(lambda: pids_of(guest) > 300, 60)
        for _ in range(5):
            began = time.monotonic()
            assert guest.get("/health").status in (200, 204)
            assert guest.call("/filesystem.Filesystem/Stat", {"path": "/etc/passwd"}).status == 200
            assert time.monotonic() - began < 20


def pids_of(guest):
    """How many tasks run in the guest, by its own count."""
    reply = guest.get("/files?path=/proc/loadavg")
    return int(reply.body.split()[3].split(b"/")[1]) if reply.status == 200 else 0


def test_a_command_that_eats_all_memory_goes_and_envd_stays(api, wrenn):
    with api.create() as made:
        guest = Guest(wrenn, made)
        done = made.exec("python3", "-c", "blocks = []\nwhile True: blocks.append(bytearray(16 << 20))", timeout_sec=120)
        assert done.exit_code in (1, 128 + 9), done
        assert guest.get("/health").status in (200, 204)
        assert made.exec("echo", "still here").text == "still here"


def test_an_idle_envd_hardly_wakes_up_and_is_small(sandbox):
    status = "cat /proc/$(pgrep -xo envd)/task/*/status"
    switches = lambda: sum(int(line.split()[1]) for line in sandbox.sh(status, user="root").text.splitlines()
                           if line.startswith("voluntary_ctxt_switches"))
    # What asking costs by itself is taken off.
    first = switches()
    asking = switches() - first
    first = switches()
    time.sleep(10)
    woken = switches() - first - asking
    assert woken <= 2 * 10, f"{woken} wake-ups in 10 s"
    resident = int(sandbox.sh("awk '/^VmRSS/ {print $2}' /proc/$(pgrep -xo envd)/status", user="root").text)
    assert resident < 24 << 10, f"{resident} KiB"


def test_health_and_metrics_of_a_guest(guest):
    metrics = json.loads(guest.get("/metrics").body)
    assert metrics["mem_total"] > 64 << 20 and metrics["cpu_count"] >= 1
