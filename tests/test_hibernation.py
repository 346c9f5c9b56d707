"""Sandboxes that leave their host for object storage and come back on another: two hosts, one control plane."""
import os
import pathlib
import subprocess
import sys
import time

import pytest

from support.agent import Agent
from support.machine import kill, wait_for
from support.outside import die_with_parent
from support.proof import Proof
from support.second_host import SecondHost
from support.server import WRENN, Wrenn, describe_object_storage

SERVER = pathlib.Path(__file__).parent / "support" / "s3_server.py"
KEY = "00112233445566778899aabbccddeeff" * 2


class Storage:
    def __init__(self, directory, address):
        self.root = directory / "objects"
        (self.root / "wrenn").mkdir(parents=True)
        self.process = subprocess.Popen([sys.executable, str(SERVER), str(self.root), address], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self.endpoint = f"http://{address}:{int(self.process.stdout.readline())}"

    def describe(self, directory, **more):
        describe_object_storage(directory, **{"endpoint": self.endpoint, "bucket": "wrenn", "access_key_id": "test-key",
                                              "secret_access_key": "test-secret", "encryption_key": KEY, **more})

    def archives(self):
        """The sandboxes of which anything is there."""
        files = [file for file in (self.root / "wrenn" / "sandboxes").rglob("*") if file.is_file()]
        return sorted({file.parent.name for file in files})

    def fail(self, how):
        subprocess.run(["curl", "-sf", "-X", "POST", f"{self.endpoint}/-/fail?{how}"], check=True)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Hosts:
    """A Wrenn whose control plane knows a second host, too."""

    def __init__(self, first, second):
        self.first, self.second = first, second
        self.control = None
        self.start()

    def stop(self):
        if self.control:
            self.control.kill()
            self.control.wait()
            self.control = None

    def start(self):
        self.stop()
        if pid := self.first.machine.pid("cp"):
            kill(pid)
        self.control = subprocess.Popen(
            [str(WRENN.parent / "wrenn-cp"), "--dir", str(self.first.directory), "--listen", f"127.0.0.1:{self.first.port}",
             "--proxy-listen", f"127.0.0.1:{self.first.proxy_port}",
             "--agent", f"local=unix:{self.first.directory}/run/agent.sock", "--agent", f"other={self.second.endpoint}"],
            stdout=open(self.first.work / "cp.log", "ab"), stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        wait_for(self.answers, seconds=20)

    def answers(self):
        try:
            return self.first.api.get("/v1/capsules").status == 200
        except OSError:
            return False

    def where(self, sandbox_id):
        return [host for host in (self.first, self.second) if sandbox_id in host.machine.sandbox_dirs()]


@pytest.fixture(scope="module")
def hosts():
    with SecondHost() as second, Wrenn() as first:
        storage = Storage(first.work, second.address)
        try:
            hosts = Hosts(first, second)
            hosts.storage = storage
            yield hosts
            hosts.stop()
        finally:
            storage.close()


@pytest.fixture
def configured(hosts):
    for host in (hosts.first, hosts.second):
        hosts.storage.describe(host.directory)
    yield hosts
    hosts.first.remove_all()


def status(sandbox):
    return sandbox.get()["status"]


def test_without_object_storage_it_says_so(hosts):
    with hosts.first.api.create() as sandbox:
        proof = Proof(sandbox)
        reply = hosts.first.api.post(f"{sandbox.path}/hibernate", {})
        assert 400 <= reply.status < 600 and "object" in reply.message, reply
        assert status(sandbox) in ("running", "paused")
        proof.check_moves()


def test_hibernated_on_one_host_and_resumed_on_the_other(configured):
    hosts, api = configured, configured.first.api
    sandbox = api.create()
    (home,) = hosts.where(sandbox.id)
    proof = Proof(sandbox)
    proof.check_moves()
    Agent(home.directory).set_network(sandbox, denyOut=["198.51.100.0/24"])
    sandbox.hibernate()
    assert hosts.where(sandbox.id) == [] and home.machine.sandbox_pids() == []
    assert hosts.storage.archives() == [sandbox.id]
    assert status(sandbox) == "hibernated"
    # Its host is lost. Any other will do.
    away = hosts.second if home is hosts.first else hosts.first
    if home is hosts.first:
        kill(home.machine.pid("agent"))
    else:
        home.stop()
    try:
        sandbox.resume()
        assert hosts.where(sandbox.id) == [away]
        proof.check_moves()
        # Its network policy came with it.
        assert Agent(away.directory).network(sandbox) == {"denyOut": ["198.51.100.0/24"]}
        assert sandbox.exec("bash", "-c", "exec 3<>/dev/tcp/198.51.100.9/80").exit_code != 0
        assert [one["address"] for one in Agent(away.directory).denials(sandbox)] == ["198.51.100.9"]
        wait_for(lambda: hosts.storage.archives() == [], seconds=20)
    finally:
        if home is hosts.first:
            hosts.stop()
            home.up()
            hosts.start()
        else:
            home.start()
    proof.check_moves()
    # And back, woken by use; nothing that the store has already is sent again.
    sandbox.hibernate()
    proof.check()
    assert status(sandbox) == "running"
    sandbox.destroy()


def test_a_store_that_stumbles_loses_nothing(configured):
    hosts = configured
    sandbox = hosts.first.api.create()
    proof = Proof(sandbox)
    hosts.storage.fail("every=3")
    sandbox.hibernate()
    proof.check_moves()
    hosts.storage.fail("every=1")
    refused = hosts.first.api.post(f"{sandbox.path}/hibernate", {})
    assert refused.status >= 500, refused
    hosts.storage.fail("every=0")
    proof.check_moves()
    sandbox.hibernate()
    # Hosts that have another key, or none.
    for host in (hosts.first, hosts.second):
        hosts.storage.describe(host.directory, encryption_key="")
    refused = hosts.first.api.post(f"{sandbox.path}/resume", {})
    assert refused.status >= 400 and "key" in refused.message, refused
    assert status(sandbox) == "hibernated" and hosts.where(sandbox.id) == []
    for host in (hosts.first, hosts.second):
        hosts.storage.describe(host.directory)
    proof.check_moves()


def test_what_is_hibernated_can_be_destroyed(configured):
    sandbox = configured.first.api.create()
    sandbox.exec("true")
    sandbox.hibernate()
    time.sleep(2)
    assert status(sandbox) == "hibernated", "nobody misses it on its host"
    sandbox.destroy()
    wait_for(lambda: configured.storage.archives() == [], seconds=20)
