"""What a host has room for, and that a sandbox which finds none is told why."""
import os

import pytest

from support.server import Wrenn


@pytest.fixture(scope="module")
def small_wrenn():
    """A host that promises each of its cores once."""
    with Wrenn(environment={"WRENN_CPU_OVERCOMMIT": "1"}) as server:
        yield server


def refusal(reply):
    assert reply.status == 503 and reply.code == "no_hosts_available", reply
    return reply.json()["error"]["message"]


def test_a_full_host_says_so_until_there_is_room(small_wrenn):
    api = small_wrenn.api
    small_wrenn.cli("host", "label", "local", "zone=a")
    cores = os.cpu_count()
    host = api.get("/v1/hosts").json()[0]
    assert host["cpu_cores"] == cores and host["memory_mb"] > 0 and host["disk_gb"] > 0
    assert host["labels"] == {"zone": "a"}
    with api.create(vcpus=1, host_labels={"zone": "a"}) as sandbox:
        assert "vCPU is missing on 1 of 1 host" in refusal(api.post("/v1/capsules", {"vcpus": cores}))
        assert "labels zone=b" in refusal(api.post("/v1/capsules", {"host_labels": {"zone": "b"}}))
        # While it rests there is room, and afterwards it needs some again.
        assert api.post(f"{sandbox.path}/pause", {}).status == 200
        with api.create(vcpus=cores):
            assert "no host has room for 1 vcpus" in refusal(api.post(f"{sandbox.path}/resume", {}))
        assert api.post(f"{sandbox.path}/resume", {}).status == 200
