"""Pause, resume, fork and snapshots: nothing of a sandbox is lost, and nothing is left behind."""
import concurrent.futures
import json
import pathlib
import re
import time

import pytest

from support.api import Sandbox
from support.machine import wait_for
from support.proof import Proof
from support.served_app import serve
from support.websocket import Pty

MB = 1 << 20
pytestmark = pytest.mark.usefixtures("nothing_leaks")


@pytest.fixture
def made(api):
    with api.create() as sandbox:
        yield sandbox


# Pause and resume


def test_memory_files_and_logs_survive_a_pause(made, wrenn):
    proof = Proof(made)
    pid = proof.pid
    made.sh("echo kept >/dev/shm/note")
    qemu = wrenn.machine.qemu_pid(made.id)
    proof.check_moves()
    for _ in range(3):
        info = made.pause()
        assert info["pause_mode"] == "memory" and info["paused_at"] and info["timings_ms"], info
        assert made.get()["status"] == "paused"
        info = made.resume()
        assert "pause_mode" not in info and info["timings_ms"], info
        proof.check_moves()
    assert made.exec("cat", "/dev/shm/note").text == "kept"
    assert any(one["pid"] == pid for one in made.processes())
    assert wrenn.machine.qemu_pid(made.id) != qemu


def test_a_paused_sandbox_runs_nothing(made, wrenn):
    machine = wrenn.machine
    before = machine.resting_things()
    made.pause()
    assert not [pid for pid in machine.sandbox_pids() if made.id in pathlib.Path(f"/proc/{pid}/cmdline").read_text()]
    paused = machine.things()
    assert paused["processes"] < before["processes"] and made.id in paused["sandboxes"]
    made.resume()
    wait_for(lambda: machine.things() == before)


def test_the_clock_is_right_at_once_after_a_resume(made):
    started = float(made.exec("cat", "/proc/uptime").text.split()[0])
    made.pause()
    time.sleep(4)
    made.resume()
    first, uptime = made.sh("date +%s.%N; cat /proc/uptime").text.split("\n")
    assert abs(float(first) - time.time()) < 1.5
    # Time that it was paused is no time of its own: no deadline in it has come meanwhile.
    assert float(uptime.split()[0]) - started < 3.5


def test_a_deadline_does_not_run_while_paused(made):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        made.background("/bin/sh", "-c", "sleep 4; echo done >/tmp/ended; sleep 1000")
        made.pause()
        time.sleep(5)
        made.resume()
        assert made.try_exec("cat", "/tmp/ended").json()["exit_code"] == 1
        done = pool.submit(lambda: wait_for(lambda: made.sh("cat /tmp/ended 2>/dev/null || true").text == "done"))
        done.result()


def test_pause_and_resume_again_change_nothing(made):
    first = made.pause()
    again = made.pause()
    assert again["paused_at"] == first["paused_at"] and again["pause_mode"] == "memory"
    made.resume()
    made.resume()
    assert made.exec("echo", "here").text == "here"


def test_many_at_once_are_one(made):
    proof = Proof(made)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(2):
            assert {one["status"] for one in pool.map(lambda _: made.pause(), range(6))} == {"paused"}
            assert {one["status"] for one in pool.map(lambda _: made.resume(), range(6))} == {"running"}
        # Whoever wins, it ends as one of both and answers everybody.
        replies = list(pool.map(lambda verb: made.api.post(f"{made.path}/{verb}", {}), ["pause", "resume"] * 4))
    assert {reply.status for reply in replies} <= {200, 409}, replies
    made.resume()
    proof.check_moves()


def test_a_resumed_one_is_what_it_was(api):
    with api.create(vcpus=2, memory_mb=256, timeout_sec=1000, labels={"of": "mine"}) as made:
        fields = ("template", "vcpus", "memory_mb", "disk_mb", "timeout_sec", "labels")
        before = {name: made.get()[name] for name in fields}
        assert (before["vcpus"], before["memory_mb"]) == (2, 256)
        for change in (made.pause, made.resume):
            change()
            assert {name: made.get()[name] for name in fields} == before
        assert made.exec("nproc").text == "2"


def test_a_paused_one_is_copied_while_it_is_resumed(made):
    """No two machines ever write on one disk."""
    proof = Proof(made)
    proof.check_moves()
    made.pause()
    calls = [(f"{made.path}/resume", {}), ("/v1/snapshots", {"sandbox_id": made.id, "name": "at-once"}), (f"{made.path}/fork", {"count": 1})]
    try:
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            resumed, saved, forked = pool.map(lambda call: made.api.post(*call), calls)
        assert resumed.status == 200, resumed
        assert saved.status in (201, 409) and forked.status in (201, 409), (saved, forked)
        if forked.status == 201:
            with Sandbox(made.api, forked.json()["capsules"][0]) as fork:
                proof.copy(fork).check_moves()
        if saved.status == 201:
            with made.api.create(template="at-once") as twin:
                proof.copy(twin).check_moves()
    finally:
        made.api.delete("/v1/snapshots/at-once")
    proof.check_moves()


def test_a_disk_only_pause_keeps_files_and_boots(made):
    proof = Proof(made)
    proof.check_moves()
    boot = made.exec("cat", "/proc/sys/kernel/random/boot_id").text
    info = made.pause(mode="disk")
    assert info["pause_mode"] == "disk"
    # A pause in order loses nothing that was written, synced or not.
    proof.kept = dict(proof.seen)
    made.resume()
    assert made.exec("cat", "/proc/sys/kernel/random/boot_id").text != boot
    proof.check_booted()
    proof.check_moves()
    made.pause()
    made.resume()
    proof.check_moves()


def test_the_second_pause_writes_only_what_changed(made, wrenn):
    made.sh("head -c 60000000 /dev/urandom >/dev/shm/much")
    md5 = made.exec("md5sum", "/dev/shm/much").text
    known = wrenn.machine.files(made.id)

    def written():
        nonlocal known
        files = wrenn.machine.files(made.id)
        new = sum(size for file, size in files.items() if file not in known)
        known = files
        return new

    made.pause()
    first = written()
    made.resume()
    made.pause()
    second = written()
    print(f"the first pause wrote {first / MB:.1f} MB, the second {second / MB:.1f} MB")
    assert first > 55 * MB
    assert second < 32 * MB
    made.resume()
    assert made.exec("md5sum", "/dev/shm/much").text == md5


def test_many_pauses_do_not_pile_up(made, wrenn):
    """Layers are merged, and what nobody needs any more is removed."""
    proof = Proof(made)
    sizes = []
    for _ in range(12):
        made.pause()
        sizes.append(sum(wrenn.machine.files(made.id).values()))
        made.resume()
        proof.check()
    proof.check_moves()
    assert sizes[-1] < sizes[0] + 150 * MB, sizes


def test_a_long_chain_of_disks_is_merged(made, wrenn):
    """While it runs, so that neither pausing nor starting nor reading becomes slow."""
    most = 0

    def write(number):
        made.sh(f"head -c 300000 /dev/urandom >/home/user/part-{number}; cp /home/user/part-{number} /home/user/newest; sync")

    def pause():
        made.pause()
        return len(wrenn.machine.checkpoint(made.id)["disks"].split(","))

    for number in range(10):
        write(number)
        most = max(most, pause())
        made.resume()
    sums = made.sh("cat /home/user/part-* | md5sum; md5sum </home/user/newest").text
    assert 6 < most < 12, most

    def is_merged():
        length = pause()
        made.resume()
        return length <= 4

    wait_for(is_merged, seconds=30, every=1)
    assert made.sh("cat /home/user/part-* | md5sum; md5sum </home/user/newest").text == sums
    # Those of copies grow, too, without any pause.
    for _ in range(9):
        (fork,), _ = made.fork()
        fork.destroy()
        made.sh("date >>/home/user/dates; sync")
    (fork,), _ = made.fork()
    with fork:
        assert fork.sh("cat /home/user/part-* | md5sum; md5sum </home/user/newest").text == sums
        assert fork.sh("wc -l </home/user/dates").text == "9"
    wait_for(is_merged, seconds=30, every=1)
    # Nothing of the guest's page cache helps.
    made.pause(mode="disk")
    made.resume()
    assert made.sh("cat /home/user/part-* | md5sum; md5sum </home/user/newest; wc -l </home/user/dates").text == sums + "\n9"


def test_a_connection_to_the_outside_world_ends_but_a_server_goes_on(made, wrenn):
    """Nobody is at the other end of old connections; new ones are served by the process that was there."""
    served = serve(made, wrenn)
    assert served() == 200
    made.pause()
    made.resume()
    assert wait_for(lambda: served() == 200)


def test_an_exec_that_waits_ends_when_its_sandbox_is_paused(made):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(made.try_exec, "sleep", "1000", timeout_sec=1000)
        wait_for(lambda: any(one["cmd"] == "sleep" for one in made.processes()))
        made.pause()
        reply = waiting.result(timeout=20)
        assert reply.status in (409, 502, 503) and "paused" in reply.message, reply
        made.resume()
        assert any(one["cmd"] == "sleep" for one in made.processes()), "its command lives on"


def test_a_terminal_shows_after_a_pause_what_was_missed(made):
    first = Pty(made)
    tag = first.start("/bin/sh")["tag"]
    first.type("stty -echo; x=remem; echo rea''dy\n")
    first.until("ready\r\n")
    first.type("echo before; sleep 2; echo meanwhile\n")
    first.until("before\r\n")
    seen = first.offset - len(first.output)
    made.pause()
    made.resume()
    with Pty(made) as second:
        assert second.attach(tag, offset=seen)["pid"] == first.pid
        second.until("meanwhile\r\n")
        second.type("echo ${x}bered\n")
        second.until("remembered\r\n")
        second.type("exit\n")
        assert second.wait() == 0


def test_wrong_requests_are_refused(api, made):
    for path, body in [("pause", {"mode": "half"}), ("fork", {"count": 0}), ("fork", {"count": -1}), ("fork", {"count": 1000}),
                       ("resume", {"timeout_sec": -1}), ("resume", {"on_timeout": "explode"})]:
        reply = api.post(f"{made.path}/{path}", body)
        if body == {"count": 0}:  # Zero may stand for the default.
            assert reply.status in (201, 400), reply
            for one in reply.json().get("capsules", []):
                assert api.delete(f"/v1/capsules/{one['id']}").status == 204
            continue
        assert reply.status == 400 and reply.code == "invalid_request", (path, body, reply)
    assert api.request("PUT", f"{made.path}/timeout", {"on_timeout": "sleep"}).status == 400
    for path in ("pause", "resume", "fork"):
        reply = api.post(f"/v1/capsules/cl-0123456789abcdefghijklmno/{path}", {})
        assert reply.status == 404, reply
    gone = api.create()
    gone.destroy()
    for path in ("pause", "resume", "fork"):
        reply = api.post(f"{gone.path}/{path}", {})
        assert reply.status == 409 and reply.code == "invalid_state", reply


# Forks and snapshots


IDENTITY = ("hostname; cat /run/wrenn/.WRENN_SANDBOX_ID; echo; head -c 16 /dev/urandom | od -An -tx1; "
            "cat /proc/sys/kernel/random/uuid; cat /etc/machine-id; echo $WRENN_SANDBOX_ID")


def test_forks_go_on_from_the_same_moment_and_differ(made, wrenn):
    proof = Proof(made)
    proof.check_moves()
    qemu = wrenn.machine.qemu_pid(made.id)
    forks, timings = made.fork(3)
    try:
        assert timings["source_stopped"] < 2000, timings
        assert wrenn.machine.qemu_pid(made.id) == qemu
        everyone = [made, *forks]
        assert len({one.id for one in everyone}) == 4
        for fork in forks:
            assert fork.get()["status"] == "running"
            proof.copy(fork).check_moves()
        proof.check_moves()
        told = [one.sh(IDENTITY).text.split("\n") for one in everyone]
        for number, lines in enumerate(zip(*told)):
            assert len(set(lines)) == 4, f"line {number} is the same in two: {lines}"
        for one, lines in zip(everyone, told):
            assert lines[1] == one.id and lines[-1] == one.id
        assert len({wrenn.machine.manifest(one.id)["envd_token"] for one in everyone}) == 4
        assert len({one.get()["host_ip"] for one in everyone}) == 4
        # They are apart: what one writes, no other sees.
        for number, one in enumerate(everyone):
            one.sh(f"echo {number} | tee /dev/shm/mine >/home/user/mine")
        for number, one in enumerate(everyone):
            assert one.sh("cat /dev/shm/mine /home/user/mine").text == f"{number}\n{number}"
        # And live on their own: the end of the source is not theirs.
        made.destroy()
        forks[0].pause()
        forks[0].resume()
        for fork in forks:
            assert fork.exec("cat", "/dev/shm/mine").text in "123"
    finally:
        for fork in forks:
            fork.destroy()


def test_a_paused_one_is_forked_and_stays_paused(made):
    proof = Proof(made)
    proof.check_moves()
    made.pause()
    forks, _ = made.fork(2, timeout_sec=1000, on_timeout="kill")
    try:
        assert made.get()["status"] == "paused"
        for fork in forks:
            assert (fork.info["timeout_sec"], fork.info["on_timeout"]) == (1000, "kill")
            proof.copy(fork).check_moves()
        # A fork of a fork.
        (third,), _ = forks[0].fork()
        with third:
            proof.copy(third).check_moves()
    finally:
        for fork in forks:
            fork.destroy()
    made.resume()
    proof.check_moves()


def test_many_forks_while_the_source_works(made):
    proof = Proof(made)
    forks, _ = made.fork(6)
    try:
        for fork in forks:
            proof.copy(fork).check_moves()
        proof.check_moves()
    finally:
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(Sandbox.destroy, forks))


def snapshots(api):
    reply = api.get("/v1/snapshots")
    assert reply.status == 200, reply
    answer = reply.json()
    return {one["name"]: one for one in (answer if isinstance(answer, list) else answer["templates"])}


def test_a_snapshot_is_a_template_with_its_memory(api, made):
    proof = Proof(made)
    proof.check_moves()
    reply = api.post("/v1/snapshots", {"sandbox_id": made.id, "name": "proof"})
    assert reply.status == 201, reply
    assert reply.json()["name"] == "proof" and reply.json()["type"] == "snapshot"
    saved = proof.copy(made)
    try:
        proof.check_moves()
        taken = api.post("/v1/snapshots", {"sandbox_id": made.id, "name": "proof"})
        assert taken.status == 409, taken
        assert api.post("/v1/snapshots", {"sandbox_id": made.id, "name": "minimal"}).status == 409
        assert api.post("/v1/snapshots", {"sandbox_id": made.id, "name": "../x"}).status == 400
        listed = snapshots(api)
        assert listed["proof"]["size_bytes"] > MB and listed["proof"]["memory_mb"] == 512
        made.destroy()
        with api.create(template="proof") as one, api.create(template="proof") as two:
            assert one.info["template"] == "proof"
            first = saved.copy(one)
            first.check_moves()
            saved.copy(two).check_moves()
            assert set(one.sh(IDENTITY).text.split("\n")).isdisjoint(two.sh(IDENTITY).text.split("\n"))
            one.pause()
            assert api.delete("/v1/snapshots/proof").status == 204
            one.resume()
            first.check_moves()
    finally:
        api.delete("/v1/snapshots/proof")
    assert "proof" not in snapshots(api)
    assert api.delete("/v1/snapshots/proof").status == 404
    assert api.post("/v1/capsules", {"template": "proof"}).status == 404


def test_an_idempotency_key_makes_one_sandbox(api):
    headers = {"Idempotency-Key": f"key-{time.time_ns()}"}
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda _: api.post("/v1/capsules", {}, headers=headers), range(3)))
    made = {reply.json()["id"] for reply in replies if reply.status == 201}
    try:
        assert len(made) == 1 and len([one for one in replies if one.status == 201]) == 3, replies
        assert api.post("/v1/capsules", {"memory_mb": 256}, headers=headers).status == 409
    finally:
        for id in made:
            api.delete(f"/v1/capsules/{id}")


# The command line


def test_the_command_line(wrenn, api):
    def cli(*arguments):
        return wrenn.cli(*arguments).stdout.decode()

    id = cli("sandbox", "create").strip()
    forks = []
    try:
        made = Sandbox(api, api.get(f"/v1/capsules/{id}").json())
        proof = Proof(made)
        cli("sandbox", "pause", id)
        assert made.get()["status"] == "paused"
        assert "paused" in cli("sandbox", "ls")
        cli("sandbox", "resume", id)
        assert made.get()["status"] == "running"
        cli("sandbox", "pause", "--disk", id)
        assert made.get()["pause_mode"] == "disk"
        cli("sandbox", "resume", id)
        proof.kept = dict(proof.seen)
        proof.check_booted()
        forks = re.findall(r"cl-[0-9a-z]{25}", cli("sandbox", "fork", id, "--count", "2"))
        assert len(set(forks) - {id}) == 2
        cli("sandbox", "timeout", id, "--timeout", "500", "--on-timeout", "kill")
        assert (made.get()["timeout_sec"], made.get()["on_timeout"]) == (500, "kill")
        cli("sandbox", "snapshot", id, "--name", "by-hand")
        assert "by-hand" in cli("template", "ls")
        listed = json.loads(cli("template", "ls", "--json"))
        assert "by-hand" in [one["name"] for one in listed]
        cli("template", "rm", "by-hand")
        assert "by-hand" not in cli("template", "ls")
        proof.check_moves()
    finally:
        for one in [id, *forks]:
            api.delete(f"/v1/capsules/{one}")
        api.delete("/v1/snapshots/by-hand")
