"""A small fleet: three hosts on networks of their own, two control planes, one PostgreSQL; and whatever of it is lost or started anew."""
import concurrent.futures
import contextlib
import os
import signal

import pytest

from support.machine import wait_for
from support.postgres import Postgres
from support.proof import Proof
from support.registered_host import RegisteredHost
from support.replica import Replica
from support.server import Wrenn

SILENCE = 20  # Seconds, in place of 90; hosts are heard every five.
HOSTS = 3


class Fleet:
    def __init__(self, postgres, first, second, hosts):
        self.postgres, self.first, self.second, self.hosts = postgres, first, second, hosts

    def apis(self):
        return self.first.api, self.second.api

    def create(self, count):
        """So many at once, by either control plane in turn. They are used through the first."""
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            made = list(pool.map(lambda i: self.apis()[i % 2].create(), range(count)))
        for sandbox in made:
            sandbox.api = self.first.api
        return made

    def host_of(self, sandbox):
        found = [host for host in self.hosts if sandbox.id in host.machine.sandbox_dirs()]
        assert len(found) == 1, (sandbox.id, found)
        return found[0]

    def status(self, sandbox):
        """As both control planes say it; nothing while they differ."""
        told = {api.get(sandbox.path).json()["status"] for api in self.apis()}
        return told.pop() if len(told) == 1 else None

    def rows_under_way(self):
        return self.postgres.query("SELECT id, status, holder FROM sandboxes WHERE holder <> '' OR status IN ('pending', 'starting')")


@pytest.fixture(scope="module")
def fleet():
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(Postgres())
        environment = {"WRENN_DATABASE_URL": postgres.url, "WRENN_ENCRYPTION_KEY": os.urandom(32).hex(),
                       "WRENN_HOST_SILENCE": str(SILENCE)}
        first = stack.enter_context(Wrenn(environment=environment))
        hosts = [stack.enter_context(RegisteredHost(first, f"rack-{number}", number)) for number in range(1, HOSTS + 1)]
        second = stack.enter_context(Replica(first))
        for host in hosts:
            host.wait_until("online")
        first.cli("host", "drain", "local")
        yield Fleet(postgres, first, second, hosts)


@pytest.fixture
def sandboxes(fleet):
    """Two for each host, with data that proves itself."""
    made = fleet.create(2 * HOSTS)
    yield [(sandbox, Proof(sandbox)) for sandbox in made]
    for sandbox in made:
        sandbox.destroy()


def test_creates_spread(fleet, sandboxes):
    used = {fleet.host_of(sandbox).name for sandbox, _ in sandboxes}
    assert used == {host.name for host in fleet.hosts}
    for sandbox, proof in sandboxes:
        assert fleet.status(sandbox) == "running"
        proof.check_moves()


def test_a_host_that_is_cut_off_is_noticed_and_comes_back(fleet, sandboxes):
    host = fleet.host_of(sandboxes[0][0])
    there = [sandbox for sandbox, _ in sandboxes if fleet.host_of(sandbox) is host]
    host.cut_off()
    try:
        host.wait_until("unreachable")
        for sandbox, _ in sandboxes:
            expected = "missing" if sandbox in there else "running"
            wait_for(lambda: fleet.status(sandbox) == expected, seconds=60)
        # Nothing new is made there meanwhile.
        extra = fleet.create(2)
        assert all(fleet.host_of(sandbox) is not host for sandbox in extra)
        for sandbox in extra:
            sandbox.destroy()
    finally:
        host.connect()
    host.wait_until("online")
    for sandbox, proof in sandboxes:
        wait_for(lambda: fleet.status(sandbox) == "running", seconds=60)
        proof.check_moves()


def test_a_control_plane_killed_while_it_creates_leaves_nothing_stuck(fleet):
    # The agents stand still, so that the creates are under way when their control plane dies.
    agents = [host.agent.pid for host in fleet.hosts]
    for pid in agents:
        os.kill(pid, signal.SIGSTOP)
    pool = concurrent.futures.ThreadPoolExecutor(HOSTS)
    try:
        asked = [pool.submit(fleet.second.api.post, "/v1/capsules", {}) for _ in range(HOSTS)]
        wait_for(lambda: len(fleet.rows_under_way().splitlines()) == HOSTS, seconds=30)
        fleet.second.kill()
    finally:
        for pid in agents:
            os.kill(pid, signal.SIGCONT)
        pool.shutdown()
    assert all(create.exception() for create in asked)
    wait_for(lambda: not fleet.rows_under_way(), seconds=120)
    # Each was made all the same or is gone; what is left can be used and removed by the other.
    left = [sandbox["id"] for sandbox in fleet.first.api.list()]
    for sandbox in left:
        assert fleet.first.api.get(f"/v1/capsules/{sandbox}").json()["status"] == "running"
    fleet.first.remove_all()
    for host in fleet.hosts:
        wait_for(lambda: not host.machine.sandbox_dirs(), seconds=60)
    fleet.second.start()


def test_a_rolling_restart_of_everything_loses_no_sandbox(fleet, sandboxes):
    for host in fleet.hosts:
        host.stop()
        host.flags = host.known
        host.start()
        host.wait_until("online")
    first = fleet.first
    os.kill(first.machine.pid("cp"), signal.SIGTERM)
    wait_for(lambda: not first.machine.pid("cp"), seconds=60)
    assert all(fleet.second.api.get(sandbox.path).json()["status"] == "running" for sandbox, _ in sandboxes)
    first.up()
    fleet.second.__exit__()
    assert all(first.api.get(sandbox.path).json()["status"] == "running" for sandbox, _ in sandboxes)
    fleet.second.start()
    fleet.postgres.stop()
    fleet.postgres.start()
    for sandbox, proof in sandboxes:
        wait_for(lambda: is_running_for_both(fleet, sandbox), seconds=60)
        proof.check_moves()
        assert sandbox.pause()["status"] == "paused"
        assert fleet.second.api.post(sandbox.path + "/resume", {}).json()["status"] == "running"
        proof.check_moves()


def is_running_for_both(fleet, sandbox):
    """Both control planes have found the database again."""
    replies = [api.get(sandbox.path) for api in fleet.apis()]
    return all(reply.status == 200 and reply.json()["status"] == "running" for reply in replies)
