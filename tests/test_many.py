"""Twenty sandboxes at once, and what they cost."""
import concurrent.futures
import time

from support.machine import pss, rss

MB = 1 << 20
COUNT = 20


def test_twenty_at_once_all_answer_and_are_small(own_wrenn):
    api = own_wrenn.api

    def make(number):
        sandbox = api.create()
        assert sandbox.exec("echo", str(number)).text == str(number)
        return sandbox

    with concurrent.futures.ThreadPoolExecutor(COUNT) as pool:
        sandboxes = list(pool.map(make, range(COUNT)))
    assert len({sandbox.id for sandbox in sandboxes}) == COUNT
    time.sleep(1)
    machine = own_wrenn.machine
    assert len(machine.sandbox_dirs()) == COUNT
    # All of them and all their helpers, shared evenly.
    each = sum(pss(pid) for pid in machine.sandbox_pids()) / COUNT
    ours = rss(machine.pid("agent")) + rss(machine.pid("cp"))
    print(f"PSS of an idle sandbox: {each / MB:.1f} MB; agent and control plane: {ours / MB:.1f} MB")
    assert each <= 32 * MB
    assert ours <= 60 * MB
    with concurrent.futures.ThreadPoolExecutor(COUNT) as pool:
        assert all(done.exit_code == 0 for done in pool.map(lambda sandbox: sandbox.exec("true"), sandboxes))
        list(pool.map(lambda sandbox: sandbox.destroy(), sandboxes))
    assert machine.sandbox_pids() == []
    assert machine.sandbox_dirs() == []
