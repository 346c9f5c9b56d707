"""What sandboxes may reach, as it is said over the API, and what they are told to have been refused."""
import contextlib
import json

import pytest

from support.api import Sandbox
from support.machine import kill, wait_for
from support.outside import Outside

# What a connect to "address port" comes to, and after how many seconds.
CONNECT = """
import json, socket, sys, time
began = time.monotonic()
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20) as connection:
        said = connection.recv(100).decode()
except OSError as error:
    said = "no: " + str(error)
print(json.dumps([said, time.monotonic() - began]))
"""
# Emulated guests are slow, and what is refused is refused without a wait of seconds all the same.
AT_ONCE = 5

NONE = {"allow_internet_access": True, "allow_out": [], "deny_out": []}
CLOSED = {**NONE, "allow_internet_access": False}


def connect(sandbox, address=Outside.ADDRESS, port=Outside.PORT):
    said, took = json.loads(sandbox.exec("python3", "-c", CONNECT, address, str(port), timeout_sec=60).stdout)
    assert took < AT_ONCE, f"{said} took {took} s"
    return said


def is_reached(sandbox):
    return connect(sandbox) == Outside.HOST


def is_refused(sandbox):
    return connect(sandbox).startswith("no: ")


def denial_of(sandbox, address=Outside.ADDRESS):
    return next((one for one in sandbox.network()[1] if one["address"] == address), None)


@pytest.fixture(scope="module")
def outside():
    with Outside() as made:
        yield made


def test_what_is_made_without_internet_reaches_nothing_and_says_what_it_tried(api, outside):
    with api.create(network={"allow_internet_access": False}) as sandbox:
        assert sandbox.info["network"] == CLOSED == sandbox.get()["network"]
        assert is_refused(sandbox)
        denial = wait_for(lambda: denial_of(sandbox), seconds=20)
        assert (denial["protocol"], denial["port"], denial["can_be_allowed"]) == ("tcp", outside.PORT, True)
        assert denial["packets"] >= 1
        before = sandbox.get().get("last_active_at")
        assert sandbox.network()[0] == CLOSED
        assert sandbox.get().get("last_active_at") == before, "looking is no use of it"


def test_a_change_holds_at_once_and_allowing_wins(sandbox, outside):
    assert is_reached(sandbox)
    assert sandbox.set_network(deny_out=["203.0.113.0/24"]) == {**NONE, "deny_out": ["203.0.113.0/24"]}
    assert is_refused(sandbox)
    sandbox.set_network(deny_out=["203.0.113.0/24"], allow_out=[outside.ADDRESS])
    assert is_reached(sandbox)
    sandbox.set_network(allow_internet_access=False, allow_out=["203.0.113.0/28"])
    assert is_reached(sandbox)
    sandbox.set_network(allow_internet_access=False, allow_out=["198.51.100.0/24"])
    assert is_refused(sandbox)
    assert sandbox.set_network() == NONE
    assert is_reached(sandbox)


def test_what_is_private_is_refused_whatever_is_allowed(sandbox):
    sandbox.set_network(allow_out=["0.0.0.0/0"])
    for address in ("10.0.0.1", "169.254.169.254", "192.168.0.1"):
        assert connect(sandbox, address, 80).startswith("no: ")
    sandbox.set_network()


def test_a_pause_a_resume_and_a_fork_keep_it(api, outside):
    with api.create(network={"deny_out": [outside.ADDRESS]}) as sandbox, contextlib.ExitStack() as stack:
        sandbox.pause()
        assert sandbox.network() == ({**NONE, "deny_out": [outside.ADDRESS]}, None)
        assert sandbox.get()["status"] == "paused", "looking wakes nothing"
        sandbox.resume()
        assert is_refused(sandbox)
        forks, _ = sandbox.fork(1)
        fork = stack.enter_context(forks[0])
        assert fork.info["network"] == {**NONE, "deny_out": [outside.ADDRESS]}
        assert is_refused(fork)
        # Each has its own from then on.
        fork.set_network()
        assert is_reached(fork) and is_refused(sandbox)


def test_what_is_changed_while_it_is_paused_holds_when_it_runs(api, outside):
    with api.create() as sandbox:
        sandbox.pause()
        sandbox.set_network(allow_internet_access=False)
        assert sandbox.get()["status"] == "paused", "that wakes nothing"
        sandbox.resume()
        assert is_refused(sandbox)
        sandbox.pause(mode="disk")
        sandbox.resume()
        assert is_refused(sandbox)
        sandbox.pause()
        sandbox.set_network()
        sandbox.resume()
        assert is_reached(sandbox)


def test_a_new_agent_keeps_it(own_wrenn, outside):
    with own_wrenn.api.create(network={"allow_internet_access": False}) as sandbox:
        assert is_refused(sandbox)
        kill(own_wrenn.machine.pid("agent"))
        own_wrenn.up()
        wait_for(lambda: sandbox.try_exec("true").status == 200, seconds=30)
        assert sandbox.get()["network"] == CLOSED
        assert is_refused(sandbox)
        assert wait_for(lambda: denial_of(sandbox), seconds=20)


@pytest.mark.parametrize("field,entry,says", [
    ("allow_out", "example.com", "is a name"),
    ("allow_out", "203.0.113.1/24", "write 203.0.113.0/24"),
    ("allow_out", "10.0.0.1", "in 10.0.0.0/8"),
    ("deny_out", "2001:db8::/32", "only IPv4"),
    ("deny_out", "8.8.8.8:53", "has a port"),
    ("deny_out", "8.8.8.8/33", "from 0 to 32"),
])
def test_a_wrong_entry_is_explained(sandbox, api, field, entry, says):
    reply = api.request("PUT", f"{sandbox.path}/network", {field: [entry]})
    assert reply.status == 400 and reply.json()["error"]["code"] == "invalid_request", reply
    message = reply.json()["error"]["message"]
    assert message.startswith(f"{field}: '{entry}' ") and says in message
    reply = api.post("/v1/capsules", {"network": {field: [entry]}})
    assert reply.status == 400 and reply.json()["error"]["message"] == f"network.{message}", reply
    assert sandbox.network()[0] == NONE


def test_the_command_shows_and_changes_it(wrenn, api, outside):
    id = wrenn.cli("sandbox", "create", "--no-internet", "--allow-out", "198.51.100.0/24").stdout.decode().strip()
    with Sandbox(api, {"id": id}) as sandbox:
        assert sandbox.network()[0] == {**CLOSED, "allow_out": ["198.51.100.0/24"]}
        assert is_refused(sandbox)
        wait_for(lambda: denial_of(sandbox), seconds=20)
        shown = wrenn.cli("sandbox", "network", id).stdout.decode()
        assert "internet access  no" in shown and "198.51.100.0/24" in shown
        assert any(line.split()[:3] == [outside.ADDRESS, "tcp", str(outside.PORT)] for line in shown.splitlines()), shown
        wrenn.cli("sandbox", "network", id, "--allow-out", outside.ADDRESS)
        assert sandbox.network()[0] == {**CLOSED, "allow_out": [outside.ADDRESS]}
        assert is_reached(sandbox)
        wrenn.cli("sandbox", "network", id, "--internet", "--allow-out", "none")
        assert sandbox.network()[0] == NONE
        told = wrenn.cli("sandbox", "network", id, "--deny-out", "example.com", check=False)
        assert told.returncode == 1 and b"is a name" in told.stderr
