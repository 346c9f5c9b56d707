"""Life of a sandbox over the API: create, list, get, destroy, idle time."""
import platform
import re

from support.machine import wait_for

ID = re.compile(r"cl-[0-9a-z]{25}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_health_needs_no_key(api):
    reply = api.request("GET", "/health", headers={"X-API-Key": ""})
    assert reply.status == 200
    assert reply.json()["status"] == "ok"


def test_create_answers_a_running_sandbox(api):
    reply = api.post("/v1/capsules", {})
    assert reply.status == 201, reply
    made = reply.json()
    try:
        assert ID.fullmatch(made["id"])
        assert made["status"] == "running"
        assert made["template"] == "minimal"
        assert (made["vcpus"], made["memory_mb"], made["timeout_sec"]) == (1, 512, 0)
        assert TIME.fullmatch(made["created_at"]) and TIME.fullmatch(made["started_at"])
        assert {"kernel_version", "agent_version", "envd_version"} <= set(made["metadata"])
        assert all(isinstance(ms, (int, float)) for ms in made["timings_ms"].values()) and made["timings_ms"]
        assert reply.headers["Content-Type"] == "application/json"
    finally:
        assert api.delete(f"/v1/capsules/{made['id']}").status == 204


def test_list_has_the_newest_first_and_no_destroyed_ones(api):
    with api.create() as older, api.create() as newer:
        ids = [one["id"] for one in api.list()]
        assert ids.index(newer.id) < ids.index(older.id)
    ids = [one["id"] for one in api.list()]
    assert older.id not in ids and newer.id not in ids


def test_a_destroyed_sandbox_is_still_told_of(api, wrenn):
    made = api.create()
    qemu = wrenn.machine.qemu_pid(made.id)
    made.destroy()
    assert made.get()["status"] == "stopped"
    wait_for(lambda: qemu not in wrenn.machine.sandbox_pids())
    assert made.id not in wrenn.machine.sandbox_dirs()
    made.destroy()  # Again: still fine.
    refused = made.try_exec("true")
    assert refused.status == 409 and refused.code == "invalid_state"


def test_the_guest_has_a_kernel_of_its_own(sandbox):
    guest = sandbox.exec("uname", "-r").text
    assert guest != platform.release()
    assert "cloud" in guest or re.match(r"\d+\.\d+", guest)
    assert sandbox.sh("cat /proc/1/comm").text == "tini"


def test_clones_of_one_template_are_not_twins(api):
    script = "head -c 16 /dev/urandom | od -An -tx1; hostname; cat /proc/sys/kernel/random/uuid"
    with api.create() as one, api.create() as two:
        assert set(one.sh(script).text.split("\n")).isdisjoint(two.sh(script).text.split("\n"))


def test_the_clock_of_a_clone_is_right(sandbox):
    import time
    guest = float(sandbox.exec("date", "+%s.%N").text)
    assert abs(guest - time.time()) < 2


def test_the_asked_size_is_given(api):
    with api.create(vcpus=2, memory_mb=256) as made:
        assert made.exec("nproc").text == "2"
        total_kb = int(made.sh("awk '/MemTotal/ {print $2}' /proc/meminfo").text)
        assert 180 * 1024 < total_kb <= 256 * 1024


def test_an_idle_sandbox_is_destroyed_and_a_ping_keeps_it(api, wrenn):
    import time
    with api.create(timeout_sec=3, on_timeout="kill") as idle, api.create(timeout_sec=3) as pinged:
        began = time.monotonic()
        def still_pinged():
            assert api.post(f"{pinged.path}/ping").status == 204
            return idle.get()["status"] == "stopped"
        wait_for(still_pinged, seconds=20, every=0.5)
        assert time.monotonic() - began > 2
        assert pinged.exec("echo", "here").text == "here"
        assert idle.id not in wrenn.machine.sandbox_dirs()
