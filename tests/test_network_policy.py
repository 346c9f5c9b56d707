"""What a sandbox's own policy lets it reach, and what is told of what it was refused, by the agent's calls."""
import time

import pytest

from support.agent import Agent, AgentError
from support.machine import kill, wait_for
from support.outside import Outside

TARGET = ("203.0.113.2", 7000)
CLOSED = {"denyInternet": True}

# How a connection from inside ends, and how long that takes.
CONNECT = """
import socket, sys, time
begin = time.monotonic()
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as connection:
        connection.settimeout(10)
        connection.recv(100)
    answer = "reached"
except ConnectionError:
    answer = "refused"
except OSError as error:
    answer = str(error)
print(answer, "soon" if time.monotonic() - begin < 5 else "late")
"""


# A connection that stands; each line of the file says how it is just then.
STAND = """
import socket, sys, time
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
with open("/tmp/stands", "w", buffering=1) as log:
    try:
        while True:
            connection.sendall(b"x")
            print("stands", file=log)
            time.sleep(0.1)
    except ConnectionResetError:
        print("cut", file=log)
"""


def connect(sandbox, address=TARGET[0], port=TARGET[1]):
    return sandbox.exec("python3", "-c", CONNECT, address, str(port), timeout_sec=60).text


@pytest.fixture(scope="module")
def outside():
    with Outside() as made:
        assert (made.ADDRESS, made.PORT) == TARGET
        yield made


@pytest.fixture(scope="module")
def agent(wrenn):
    return Agent(wrenn.directory)


def test_a_policy_is_changed_while_the_sandbox_runs(agent, sandbox, outside):
    assert agent.network(sandbox) == {}
    assert connect(sandbox) == "reached soon"
    agent.set_network(sandbox, **CLOSED)
    assert connect(sandbox) == "refused soon"
    agent.set_network(sandbox, denyInternet=True, allowOut=["203.0.113.0/24"])
    assert connect(sandbox) == "reached soon"
    agent.set_network(sandbox, denyOut=["203.0.113.2"])
    assert agent.network(sandbox) == {"denyOut": ["203.0.113.2"]}
    assert connect(sandbox) == "refused soon"
    agent.set_network(sandbox, denyOut=["203.0.113.0/24", "0.0.0.0/0"], allowOut=["203.0.113.2"])
    assert connect(sandbox) == "reached soon"
    agent.set_network(sandbox)
    assert connect(sandbox) == "reached soon"


def test_what_was_refused_is_told(agent, api, outside):
    with api.create() as sandbox:
        assert agent.denials(sandbox) == []
        agent.set_network(sandbox, **CLOSED)
        begin = int(time.time())
        assert connect(sandbox) == "refused soon"
        [one] = agent.denials(sandbox)
        assert begin - 1 <= int(one.pop("lastAtUnix")) <= time.time() + 1
        assert one == {"address": TARGET[0], "protocol": "tcp", "port": TARGET[1], "packets": "1"}
        # Also what is refused to every sandbox.
        agent.set_network(sandbox)
        assert connect(sandbox, "10.1.2.3", 80) == "refused soon"
        assert {(one["address"], one["port"]) for one in agent.denials(sandbox)} == {TARGET, ("10.1.2.3", 80)}


def test_a_change_cuts_connections_that_stand(agent, api, outside):
    outside.hold(7002)
    with api.create() as sandbox:
        last = lambda: sandbox.sh("tail -n 1 /tmp/stands || true").text.strip()
        sandbox.background("python3", "-c", STAND, TARGET[0], "7002")
        wait_for(lambda: last() == "stands", seconds=30)
        agent.set_network(sandbox, denyOut=["198.51.100.0/24"])
        assert last() == "stands" and agent.denials(sandbox) == []
        agent.set_network(sandbox, **CLOSED)
        wait_for(lambda: last() == "cut", seconds=10)
        assert [(one["address"], one["port"]) for one in agent.denials(sandbox)] == [(TARGET[0], 7002)]


@pytest.mark.parametrize("mode", ["memory", "disk"])
def test_a_policy_outlives_a_pause(agent, api, outside, mode):
    with api.create() as sandbox:
        agent.set_network(sandbox, **CLOSED)
        sandbox.pause(mode=mode)
        assert agent.network(sandbox) == CLOSED
        sandbox.resume()
        assert agent.denials(sandbox) == []
        assert connect(sandbox) == "refused soon"
        # What is said of a paused one holds from its resume on.
        sandbox.pause(mode=mode)
        with pytest.raises(AgentError) as refused:
            agent.denials(sandbox)
        assert refused.value.code == "failed_precondition"
        agent.set_network(sandbox, denyOut=["198.51.100.0/24"])
        sandbox.resume()
        assert connect(sandbox) == "reached soon"
        assert connect(sandbox, "198.51.100.9", 80) == "refused soon"


def test_copies_have_it_and_templates_do_not(agent, api, outside):
    with api.create() as sandbox:
        agent.set_network(sandbox, **CLOSED)
        [copy], _ = sandbox.fork()
        with copy:
            assert agent.network(copy) == CLOSED
            assert connect(copy) == "refused soon"
            # From now on each has its own.
            agent.set_network(copy)
            assert connect(copy) == "reached soon"
            assert connect(sandbox) == "refused soon"
        assert api.post("/v1/snapshots", {"sandbox_id": sandbox.id, "name": "made-while-closed"}).status == 201
        try:
            with api.create(template="made-while-closed") as other:
                assert agent.network(other) == {}
                assert connect(other) == "reached soon"
        finally:
            api.delete("/v1/snapshots/made-while-closed")


def test_a_new_agent_keeps_it(own_wrenn, outside):
    agent = Agent(own_wrenn.directory)
    with own_wrenn.api.create() as sandbox:
        agent.set_network(sandbox, denyInternet=True, allowOut=["198.51.100.0/24"])
        assert connect(sandbox) == "refused soon"
        kill(own_wrenn.machine.pid("agent"))
        own_wrenn.up()
        assert agent.network(sandbox) == {"denyInternet": True, "allowOut": ["198.51.100.0/24"]}
        assert len(agent.denials(sandbox)) == 1
        assert connect(sandbox) == "refused soon"
        agent.set_network(sandbox)
        assert connect(sandbox) == "reached soon"


def test_a_policy_that_cannot_be_kept_is_not_in_force(own_wrenn, outside):
    agent = Agent(own_wrenn.directory)
    with own_wrenn.api.create() as sandbox:
        manifest = own_wrenn.directory / "sandboxes" / sandbox.id / "manifest.json"
        away = manifest.with_name("manifest.away")
        manifest.rename(away)
        (manifest / "in-the-way").mkdir(parents=True)
        try:
            with pytest.raises(AgentError):
                agent.set_network(sandbox, **CLOSED)
            assert agent.network(sandbox) == {}
            assert connect(sandbox) == "reached soon"
        finally:
            (manifest / "in-the-way").rmdir()
            manifest.rmdir()
            away.rename(manifest)
        agent.set_network(sandbox, **CLOSED)
        assert connect(sandbox) == "refused soon"


def test_nonsense_is_refused_and_changes_nothing(agent, sandbox):
    agent.set_network(sandbox, **CLOSED)
    for network, message in (({"allowOut": ["example.com"]}, "allow_out: 'example.com' is a name"),
                             ({"denyOut": ["1.2.3.4/24"]}, "deny_out: '1.2.3.4/24' is an address in a network"),
                             ({"denyOut": ["::1"]}, "deny_out: '::1' is IPv6"),
                             ({"allowOut": ["1.2.3.4"] * 257}, "allow_out has 257 entries")):
        for method, fields in (("SetNetworkPolicy", {"sandbox_id": sandbox.id}), ("CreateSandbox", {})):
            with pytest.raises(AgentError) as refused:
                agent.call(method, network=network, **fields)
            assert refused.value.code == "invalid_argument" and message in refused.value.message
    with pytest.raises(AgentError) as refused:
        agent.call("SetNetworkPolicy", sandbox_id=sandbox.id)
    assert refused.value.code == "invalid_argument"
    assert agent.network(sandbox) == CLOSED
    for method, fields in (("SetNetworkPolicy", {"network": {}}), ("ListDenials", {})):
        with pytest.raises(AgentError) as refused:
            agent.call(method, sandbox_id="cl-" + "0" * 25, **fields)
        assert refused.value.code == "not_found"
    agent.set_network(sandbox)
