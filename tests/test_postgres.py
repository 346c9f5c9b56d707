"""The control plane on PostgreSQL in place of its own file, also when that is away for a while."""
import pathlib
import time

import pytest

from support.machine import kill, wait_for
from support.postgres import PASSWORD, Postgres
from support.proof import Proof
from support.server import Wrenn


@pytest.fixture(scope="module")
def postgres():
    with Postgres() as postgres:
        yield postgres


@pytest.fixture(scope="module")
def wrenn(postgres):
    with Wrenn(environment={"WRENN_DATABASE_URL": postgres.url}) as wrenn:
        yield wrenn


def test_everything_is_there_and_nothing_in_a_file(wrenn, postgres):
    with wrenn.api.create() as sandbox:
        assert sandbox.exec("echo", "hello").text == "hello"
        assert postgres.query(f"SELECT status FROM sandboxes WHERE id = '{sandbox.id}'") == "running"
        assert not list((wrenn.directory / "control").glob("*.db*"))
        sandbox.pause()
        assert postgres.query(f"SELECT status FROM sandboxes WHERE id = '{sandbox.id}'") == "paused"
        sandbox.resume()


def test_the_password_is_nobody_elses(wrenn):
    for name in ("cp", "agent"):
        process = pathlib.Path("/proc", str(wrenn.machine.pid(name)))
        assert PASSWORD.encode() not in (process / "cmdline").read_bytes()
    assert PASSWORD.encode() not in pathlib.Path("/proc", str(wrenn.machine.pid("agent")), "environ").read_bytes()
    for log in (wrenn.directory / "logs").iterdir():
        assert PASSWORD.encode() not in log.read_bytes(), log


def test_a_database_that_is_away_loses_nothing(wrenn, postgres):
    with wrenn.api.create() as sandbox:
        proof = Proof(sandbox)
        proof.check_moves()
        postgres.stop()
        reply = wrenn.api.get("/ready")
        assert reply.status == 503 and reply.json()["checks"][0]["status"] == "failed", reply
        refused = wrenn.api.get(sandbox.path)
        assert refused.status == 503 and "database" in refused.message, refused
        time.sleep(3)
        postgres.start()
        # Without anybody doing anything.
        wait_for(lambda: wrenn.api.get(sandbox.path).status == 200, seconds=20)
        assert sandbox.get()["status"] == "running"
        proof.check_moves()
        # Killed as well, in the middle of whatever it does.
        postgres.stop("immediate")
        postgres.start()
        wait_for(lambda: wrenn.api.get(sandbox.path).status == 200, seconds=20)
        proof.check_moves()


def test_a_control_plane_that_is_killed_finds_it_again(wrenn):
    with wrenn.api.create() as sandbox:
        proof = Proof(sandbox)
        kill(wrenn.machine.pid("cp"))
        wrenn.up()
        proof.check_moves()


def test_an_address_where_nothing_is_is_told(wrenn, postgres):
    kill(wrenn.machine.pid("cp"))
    try:
        done = wrenn.cli("up", "--detach", "--dir", wrenn.directory, check=False,
                         env=wrenn.environment(WRENN_DATABASE_URL="postgres://wrenn:secret-word@127.0.0.1:1/wrenn"))
        told = done.stderr.decode()
        assert done.returncode != 0 and "PostgreSQL" in told and "WRENN_DATABASE_URL" in told, told
        assert "secret-word" not in told
    finally:
        wrenn.up()
