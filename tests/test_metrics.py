"""What sandboxes use, over time."""
import time

from support.machine import kill, wait_for

MB = 1 << 20


def points(sandbox, range="10m"):
    reply = sandbox.api.get(f"{sandbox.path}/metrics?range={range}")
    assert reply.status == 200, reply
    answer = reply.json()
    assert answer["sandbox_id"] == sandbox.id and answer["range"] == range
    times = [point["timestamp_unix"] for point in answer["points"]]
    assert times == sorted(set(times))
    return answer["points"]


def test_work_shows_and_outlives_a_pause(api):
    with api.create() as sandbox:
        sandbox.background("/bin/sh", "-c", "while :; do :; done", tag="busy")
        busy = wait_for(lambda: [one for one in points(sandbox) if one["cpu_pct"] > 50], seconds=40, every=1)[-1]
        assert abs(busy["timestamp_unix"] - time.time()) < 10
        assert 10 * MB < busy["mem_bytes"] < 600 * MB
        sandbox.sh("head -c 30000000 /dev/urandom >/home/user/much; sync")
        assert sandbox.write("/home/user/sent", b"x" * 5_000_000).status == 204
        assert len(sandbox.read("/home/user/sent")) == 5_000_000

        def shows():
            last = points(sandbox)[-1]
            return last["disk_bytes"] > busy["disk_bytes"] + 30_000_000 and last["net_rx_bytes"] > 5_000_000 and (
                last["net_tx_bytes"] > 5_000_000) and last

        last = wait_for(shows, seconds=30, every=1)
        sandbox.pause()
        before = points(sandbox)
        time.sleep(6)
        assert points(sandbox) == before, "nobody measures what is paused"
        sandbox.resume()
        after = wait_for(lambda: len(points(sandbox)) > len(before) + 1 and points(sandbox), seconds=40, every=1)
        assert after[:len(before)] == before
        assert after[-1]["net_tx_bytes"] >= last["net_tx_bytes"]
        assert points(sandbox, "24h")


def test_what_is_not_there_is_said(api):
    with api.create() as sandbox:
        reply = api.get(f"{sandbox.path}/metrics?range=1y")
        assert reply.status == 400 and "24h" in reply.message, reply
    reply = api.get(f"{sandbox.path}/metrics")
    assert reply.status == 404 and "stopped" in reply.message, reply
    assert api.get("/v1/capsules/cl-0123456789abcdefghijklmno/metrics").status == 404


def test_use_is_counted_exactly_also_when_the_control_plane_is_killed(wrenn):
    api = wrenn.api

    def used():
        return sum(point["cpu_minutes"] for point in api.get("/v1/capsules/usage").json()["points"]) * 60

    wrenn.remove_all()
    assert api.get("/v1/capsules/stats").json()["current"] == {"running_count": 0, "vcpus_reserved": 0, "memory_mb_reserved": 0}
    before, began = used(), time.monotonic()
    with api.create(memory_mb=256) as sandbox:
        assert api.get("/v1/capsules/stats?range=5m").json()["current"]["running_count"] == 1
        kill(wrenn.machine.pid("cp"))
        time.sleep(2)
        wrenn.up()
        sandbox.pause()
        most = time.monotonic() - began
        stats = api.get("/v1/capsules/stats?range=5m").json()
        assert stats["current"]["memory_mb_reserved"] == 128 and stats["peaks"]["running_count"] >= 1, stats
        assert max(stats["series"]["running"]) >= 1
        seconds = used() - before
        assert 2 < seconds <= most, (seconds, most)
        time.sleep(1)
        assert used() - before == seconds, "what is paused needs no CPU"
