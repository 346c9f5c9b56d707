"""`wrenn down` leaves nothing on the machine, and `wrenn up` begins again where it was."""
from support.machine import kill, wait_for
from support.server import Wrenn


def test_down_leaves_nothing_and_up_begins_again():
    with Wrenn() as server:
        machine = server.machine
        made = [server.api.create() for _ in range(3)]
        assert made[0].exec("true").exit_code == 0
        running = machine.leftovers()
        for kind in ("processes", "network namespaces", "links", "nft tables", "sandboxes"):
            assert running.get(kind), f"the test sees no {kind} while Wrenn runs: {running}"
        said = server.cli("down", "--dir", server.directory)
        assert b"belongs to no sandbox" not in said.stdout + said.stderr, said
        assert machine.leftovers() == {}
        server.cli("down", "--dir", server.directory)  # Again: nothing to do.

        key = server.api.key
        server.up()
        assert server.api.key == key
        # They are gone for good; the control plane may say so for a minute.
        wait_for(lambda: all(one["status"] == "missing" for one in server.api.list()))
        with server.api.create() as sandbox:
            assert sandbox.exec("true").exit_code == 0

        # Also after a crash of both.
        server.api.create()
        kill(machine.pid("agent"))
        kill(machine.pid("cp"))
        server.cli("down", "--dir", server.directory)
        assert machine.leftovers() == {}


def test_two_installations_do_not_disturb_each_other(wrenn):
    with wrenn.api.create() as mine:
        with Wrenn() as other:
            with other.api.create() as theirs:
                assert theirs.exec("true").exit_code == 0
                assert mine.id not in [one["id"] for one in other.api.list()]
            other.cli("down", "--dir", other.directory)
            assert other.machine.leftovers() == {}
        assert mine.exec("echo", "untouched").text == "untouched"
