"""Hundreds of random operations while agent, control plane, VMs and guest agents are killed and the disk is full or
stands still at times. A short form of it; `make torture` runs the long one. SEED=NUMBER does the same operations again, OPERATIONS=NUMBER says how many."""
import os
import random
import time

from support.machine import wait_for
from support.server import Wrenn, describe_object_storage
from support.torture import Torture

SECONDS = 60
DISK_MB = 3000  # Of its own, so that it can be filled.


def test_nothing_is_lost_whatever_is_killed():
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    operations = int(os.environ.get("OPERATIONS") or 0)
    print(f"SEED={seed}", flush=True)
    with Wrenn(disk_mb=DISK_MB) as wrenn:
        machine = wrenn.machine
        objects = wrenn.work / "objects"
        objects.mkdir()
        describe_object_storage(wrenn.directory, endpoint=f"file://{objects}", encryption_key="5a" * 32)
        with wrenn.api.create(memory_mb=256):
            pass  # What is made once for all is made by now.
        before = machine.resting_things()
        torture = Torture(wrenn, seed, operations or 10**6, 10**6 if operations else SECONDS,
                          subjects=6 if operations else 4, say=lambda line: print(line, flush=True))
        began = time.monotonic()
        try:
            torture.run()
        except BaseException:
            print(f"again: SEED={seed} OPERATIONS={operations or torture.done}\n{wrenn.logs(60)}", flush=True)
            raise
        print(f"{torture.done} operations in {time.monotonic() - began:.0f} s")
        wrenn.remove_all()
        wait_for(lambda: not [*objects.glob("sandboxes/*")], seconds=30)
        for one in wrenn.api.get("/v1/snapshots").json():
            assert not one["name"].startswith("torture-"), one
        wait_for(lambda: machine.things() == before or print(machine.things()), seconds=30, every=1)
        wrenn.cli("down", "--dir", wrenn.directory)
        assert machine.leftovers() == {}
