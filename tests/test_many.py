"""Twenty sandboxes at once, and what they cost."""
import concurrent.futures
import time

from support.machine import pss, rss, wait_for

MB = 1 << 20
COUNT = 20


def each(machine):
    """Of a sandbox with all its helpers, what is shared counted evenly."""
    return sum(pss(pid) for pid in machine.sandbox_pids()) / COUNT


def test_twenty_at_once_all_answer_and_are_small(own_wrenn):
    api = own_wrenn.api

    with concurrent.futures.ThreadPoolExecutor(COUNT) as pool:
        sandboxes = list(pool.map(lambda _: api.create(), range(COUNT)))
        machine = own_wrenn.machine
        assert len({sandbox.id for sandbox in sandboxes}) == COUNT == len(machine.sandbox_dirs())
        time.sleep(1)
        fresh = each(machine)
        answers = list(pool.map(lambda number: sandboxes[number].exec("echo", str(number)).text, range(COUNT)))
        assert answers == [str(number) for number in range(COUNT)]
        ours = rss(machine.pid("agent")) + rss(machine.pid("cp"))
        # The emulator keeps what it translated, so a sandbox that was used is larger.
        print(f"an idle sandbox takes {fresh / MB:.1f} MB, and {each(machine) / MB:.1f} MB after its first command; "
              f"agent and control plane {ours / MB:.1f} MB")
        assert fresh <= 32 * MB
        assert ours <= 60 * MB
        list(pool.map(lambda sandbox: sandbox.destroy(), sandboxes))
    wait_for(lambda: machine.sandbox_pids() == [])
    assert machine.sandbox_dirs() == []
