"""Several control planes on one PostgreSQL: requests are answered by any, and none undoes what another is doing."""
import concurrent.futures
import http.client
import json
import os
import signal
import threading

import pytest

from support.machine import wait_for
from support.postgres import Postgres
from support.proof import Proof
from support.replica import Replica
from support.server import Wrenn


@pytest.fixture(scope="module")
def postgres():
    with Postgres() as postgres:
        yield postgres


@pytest.fixture(scope="module")
def wrenn(postgres):
    environment = {"WRENN_DATABASE_URL": postgres.url, "WRENN_ENCRYPTION_KEY": os.urandom(32).hex()}
    with Wrenn(environment=environment) as wrenn:
        yield wrenn


@pytest.fixture
def replica(wrenn):
    with Replica(wrenn) as replica:
        yield replica


def holders(postgres):
    """Of the sandboxes that are being changed."""
    return set(postgres.query("SELECT holder FROM sandboxes WHERE holder <> ''").split())


def test_any_of_them_answers(wrenn, replica):
    with wrenn.api.create() as sandbox:
        proof = Proof(sandbox)
        there = replica.api.get(sandbox.path)
        assert there.status == 200 and there.json() == sandbox.get()
        for _ in range(3):
            assert replica.api.post(sandbox.path + "/pause", {}).json()["status"] == "paused"
            assert wrenn.api.post(sandbox.path + "/resume", {}).json()["status"] == "running"
            assert wrenn.api.post(sandbox.path + "/pause", {}).json()["status"] == "paused"
            assert replica.api.post(sandbox.path + "/resume", {}).json()["status"] == "running"
        proof.check_moves()


def test_what_one_of_them_makes_the_other_leaves_alone(wrenn, replica, postgres):
    """Creates and forks take longer than the reconcilers, which look every second, on both sides."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda i: (wrenn, replica)[i % 2].api.post("/v1/capsules", {"labels": {"n": str(i)}}), range(8)))
    assert [reply.status for reply in replies] == [201] * 8, replies
    forks = replica.api.post(f"/v1/capsules/{replies[0].json()['id']}/fork", {"count": 3})
    assert forks.status == 201 and all(fork["status"] == "running" for fork in forks.json()["capsules"]), forks
    assert not holders(postgres)
    listed = {sandbox["id"]: sandbox["status"] for sandbox in replica.api.list()}
    assert listed == {sandbox["id"]: sandbox["status"] for sandbox in wrenn.api.list()}
    assert len(listed) == 11 and set(listed.values()) == {"running"}, listed
    wrenn.remove_all()


def start_create(api):
    """A create whose answer nobody waits for."""
    def ask():
        try:
            api.post("/v1/capsules", {})
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            pass  # Its control plane was killed.
    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_what_a_dead_one_had_begun_is_settled_by_the_other(wrenn, replica, postgres):
    states = lambda: postgres.query("SELECT status FROM sandboxes WHERE status NOT IN ('stopped', 'error')").split()
    # The agent stands still, so that the create is under way when its control plane dies.
    agent = wrenn.machine.pid("agent")
    os.kill(agent, signal.SIGSTOP)
    try:
        asked = start_create(replica.api)
        wait_for(lambda: states() == ["starting"])
        assert len(holders(postgres)) == 1
        replica.kill()
    finally:
        os.kill(agent, signal.SIGCONT)
    asked.join()
    # Made all the same, or given up; never in between.
    wait_for(lambda: set(states()) <= {"running"} and not holders(postgres), seconds=40)
    for sandbox in wrenn.api.list():
        assert wrenn.api.get(f"/v1/capsules/{sandbox['id']}").json()["status"] == "running"
    wrenn.remove_all()
    wait_for(lambda: not wrenn.machine.sandbox_pids())


def test_each_is_started_anew_in_turn(wrenn, replica):
    with wrenn.api.create() as sandbox:
        proof = Proof(sandbox)
        replica.__exit__()
        assert wrenn.api.get(sandbox.path).json()["status"] == "running"
        replica.start()
        os.kill(wrenn.machine.pid("cp"), signal.SIGTERM)
        wait_for(lambda: not wrenn.machine.pid("cp"), seconds=30)
        assert replica.api.get(sandbox.path).json()["status"] == "running"
        wrenn.up()
        proof.check_moves()
        assert wrenn.api.post(sandbox.path + "/pause", {}).status == 200
        assert replica.api.post(sandbox.path + "/resume", {}).status == 200
        proof.check_moves()
