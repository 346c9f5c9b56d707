"""Timeouts, and waking up: what is not used sleeps or ends, what is used does not, and sleepers cost nothing."""
import concurrent.futures
import time

import pytest

from support.machine import stat_fields, wait_for
from support.proof import Proof
from support.served_app import serve
from support.websocket import Pty

pytestmark = pytest.mark.usefixtures("nothing_leaks")


def status_becomes(sandbox, wanted, seconds=20):
    return wait_for(lambda: (info := sandbox.get())["status"] == wanted and info, seconds=seconds)


def test_an_idle_sandbox_is_paused_and_any_call_wakes_it(api):
    with api.create(timeout_sec=3) as made:
        assert made.info["on_timeout"] == "pause" and made.info["auto_resume"] is True
        proof = Proof(made)
        began = time.monotonic()
        info = status_becomes(made, "paused")
        assert time.monotonic() - began > 2
        assert info["pause_mode"] == "memory" and info["pause_reason"] == "idle", info
        proof.check()  # Wakes it: exec.
        assert made.get()["status"] == "running"
        made.pause()
        assert made.read("/home/user/file")  # Files.
        assert made.get()["status"] == "running"
        made.pause()
        assert any(one["pid"] == proof.pid for one in made.processes())  # Processes.
        made.pause()
        with Pty(made) as pty:  # A terminal.
            pty.start("/bin/sh", "-c", "echo awake")
            pty.until("awake")
        proof.check_moves()


def test_what_is_used_does_not_fall_asleep(api):
    with api.create(timeout_sec=3) as made, Pty(made) as pty:
        pty.start("/bin/sh")
        for number in range(8):
            time.sleep(1)
            pty.type(f"echo n''{number}\n")
            pty.until(f"n{number}")
        assert made.get()["status"] == "running"


def test_a_sandbox_may_sleep_until_it_is_called_by_name(api):
    with api.create(auto_resume=False) as made:
        made.pause()
        refused = made.try_exec("true")
        assert refused.status == 409 and refused.code == "invalid_state", refused
        assert "resume" in refused.message
        made.resume()
        assert made.exec("echo", "here").text == "here"


def test_an_idle_sandbox_is_destroyed_when_that_was_wanted(api, wrenn):
    with api.create(timeout_sec=2, on_timeout="kill") as made:
        status_becomes(made, "stopped")
        wait_for(lambda: made.id not in wrenn.machine.sandbox_dirs())


@pytest.mark.parametrize("moment", [0.5, 1.9, 2.0, 2.1])
def test_what_was_paused_before_is_not_destroyed_for_idling(api, moment):
    """Whichever comes first: what a pause was promised to keep is there later."""
    with api.create(timeout_sec=2, on_timeout="kill") as made:
        made.write("/home/user/kept", b"kept")
        time.sleep(moment)
        reply = made.api.post(f"{made.path}/pause", {})
        time.sleep(3)
        if reply.status != 200:
            assert reply.status in (404, 409), reply
            status_becomes(made, "stopped")
        else:
            assert made.get()["status"] == "paused"
            made.resume()
            assert made.exec("cat", "/home/user/kept").text == "kept"


@pytest.mark.parametrize("on_timeout,status", [("pause", "paused"), ("kill", "stopped")])
def test_a_lifetime_ends_whatever_goes_on(api, on_timeout, status):
    with api.create(max_lifetime_sec=4, on_timeout=on_timeout) as made:
        assert made.info["end_at"]
        began = time.monotonic()
        while (info := made.get())["status"] == "running":
            made.try_exec("true")  # Busy all the time; it would be woken, too, so look first.
            assert time.monotonic() - began < 20
            if time.monotonic() - began > 3:
                time.sleep(0.3)
                if made.get()["status"] != "running":
                    break
                time.sleep(1.5)
        info = status_becomes(made, status)
        if status == "paused":
            assert info["pause_reason"] == "lifetime", info
            assert made.exec("echo", "again").text == "again"


def test_timeouts_are_changed(api):
    with api.create(timeout_sec=1000) as made:
        info = made.set_timeout(timeout_sec=2)
        assert info["timeout_sec"] == 2
        status_becomes(made, "paused")
        made.resume(timeout_sec=1000)
        assert made.get()["timeout_sec"] == 1000
        info = made.set_timeout(timeout_sec=0, max_lifetime_sec=2, on_timeout="kill")
        assert info["end_at"] and info["on_timeout"] == "kill"
        status_becomes(made, "stopped")


def test_traffic_to_a_port_wakes_it(api, wrenn):
    with api.create(timeout_sec=6) as made:
        get = serve(made, wrenn)
        status_becomes(made, "paused")
        assert get() == 200
        assert made.get()["status"] == "running"
        # What is under way when it is paused still gets its answer, and without waking it.
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(get, "/slow?1")
            time.sleep(0.4)
            made.pause()
            assert answer.result() == 200
        assert made.get()["status"] == "paused"
        made.resume()
        # Several at once, of whom each is served.
        made.pause()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            assert set(pool.map(lambda _: get(), range(6))) == {200}


def test_sleepers_cost_nothing(wrenn):
    """Of ten, as of a hundred: no process, and the agent does nothing for them."""
    machine, api = wrenn.machine, wrenn.api
    sleepers = [api.create(memory_mb=256) for _ in range(10)]
    try:
        processes = machine.sandbox_pids()
        for one in sleepers:
            one.pause()
        assert len(machine.sandbox_pids()) <= len(processes) - 10
        agent = machine.pid("agent")

        def ticks():
            fields = stat_fields(agent)
            return int(fields[11]) + int(fields[12])

        before = ticks()
        time.sleep(3)
        assert ticks() - before < 15, "the agent is busy with sandboxes that are paused"
        assert sleepers[7].exec("echo", "awake").text == "awake"
    finally:
        for one in sleepers:
            one.destroy()
