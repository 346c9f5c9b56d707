"""Commands in a sandbox: output, status, environment, users, time, signals, background."""
import json
import time

from support.machine import wait_for


def test_output_and_status(sandbox):
    done = sandbox.sh("echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.exit_code) == (b"out\n", b"err\n", 7)
    assert done.answer["sandbox_id"] == sandbox.id
    assert done.answer["cmd"] == "/bin/sh"
    assert done.answer["duration_ms"] >= 0


def test_no_shell_unless_asked_for(sandbox):
    assert sandbox.exec("echo", "$HOME", "a;b", "*").text == "$HOME a;b *"


def test_environment_directory_and_user(sandbox):
    done = sandbox.sh("echo $COLOUR; pwd; id -un", envs={"COLOUR": "blue"}, cwd="/usr/lib")
    assert done.text.split("\n") == ["blue", "/usr/lib", "user"]
    assert sandbox.exec("id", "-u", user="root").text == "0"
    assert sandbox.sh("sudo -n id -u").text == "0"


def test_unknown_user_directory_and_program_are_told(sandbox):
    for fields, word in (({"user": "nobody-here"}, "nobody-here"), ({"cwd": "/no/such/dir"}, "/no/such/dir")):
        refused = sandbox.try_exec("true", **fields)
        assert 400 <= refused.status < 500, refused
        assert word in refused.message
    refused = sandbox.try_exec("no-such-program")
    assert refused.status in (400, 404), refused
    assert "no-such-program" in refused.message


def test_a_signal_that_ends_a_command_is_seen_in_its_status(sandbox):
    assert sandbox.sh("kill -TERM $$").exit_code == 128 + 15
    assert sandbox.sh("kill -KILL $$").exit_code == 128 + 9


def test_a_timeout_really_kills(sandbox):
    began = time.monotonic()
    late = sandbox.try_exec("/bin/sh", "-c", "sleep 98765 & sleep 98765", timeout_sec=1)
    assert time.monotonic() - began < 8
    assert late.status == 502 and late.code == "agent_error"
    assert "1 s" in late.message
    assert sandbox.sh("pgrep -fc 'sleep 9876[5]' || true").text == "0"


def test_a_client_that_leaves_takes_its_command_with_it(sandbox):
    connection = sandbox.api.connect()
    connection.request("POST", f"{sandbox.path}/exec", json.dumps({"cmd": "sleep", "args": ["45678"]}),
                       sandbox.api.headers())
    wait_for(lambda: sandbox.sh("pgrep -fc 'sleep 4567[8]' || true").text == "1")
    connection.close()
    wait_for(lambda: sandbox.sh("pgrep -fc 'sleep 4567[8]' || true").text == "0")


def test_a_client_that_leaves_before_the_command_has_begun_leaves_nothing(sandbox):
    for delay in (0, 0.005, 0.01, 0.02, 0.03, 0.05):
        for _ in range(3):
            connection = sandbox.api.connect()
            connection.request("POST", f"{sandbox.path}/exec", json.dumps({"cmd": "sleep", "args": ["56789"]}),
                               sandbox.api.headers())
            time.sleep(delay)
            connection.close()
    # What is still on its way is waited for: nothing may be left, nor come later.
    time.sleep(1)
    wait_for(lambda: sandbox.sh("pgrep -fc 'sleep 5678[9]' || true").text == "0")


def test_binary_output_comes_as_base64(sandbox):
    done = sandbox.sh(r"printf '\000\377\200x'; echo text >&2")
    assert done.encoding == "base64"
    assert (done.stdout, done.stderr) == (b"\x00\xff\x80x", b"text\n")
    assert sandbox.sh("printf 'grün'").encoding == "utf-8"


def test_two_megabytes_of_output(sandbox):
    done = sandbox.sh("yes 0123456789abcde | head -c 2097152")
    assert done.stdout == b"0123456789abcde\n" * 131072


def test_output_is_streamed_as_it_comes(sandbox):
    connection = sandbox.api.connect()
    body = {"cmd": "/bin/sh", "args": ["-c", "echo one; sleep 2; echo two >&2; exit 3"]}
    connection.request("POST", f"{sandbox.path}/exec", json.dumps(body),
                       {**sandbox.api.headers(), "Accept": "application/x-ndjson"})
    response = connection.getresponse()
    assert response.status == 200
    events, times = [], []
    for line in response:
        events.append(json.loads(line))
        times.append(time.monotonic())
    connection.close()
    assert [event["type"] for event in events] == ["start", "stdout", "stderr", "exit"]
    assert [event.get("data") for event in events[1:3]] == ["b25lCg==", "dHdvCg=="]
    assert events[3]["exit_code"] == 3
    assert times[2] - times[1] > 1.5


def test_a_background_process_goes_on_and_can_be_signalled(sandbox):
    started = sandbox.background("/bin/sh", "-c", "trap 'echo caught > /tmp/trap; exit' TERM; echo $COLOUR > /tmp/env; "
                                 "while :; do sleep 0.1; done", tag="loop", envs={"COLOUR": "red"}, cwd="/tmp")
    assert started["tag"] == "loop"
    listed = {process["pid"]: process for process in sandbox.processes()}
    assert listed[started["pid"]]["tag"] == "loop"
    assert listed[started["pid"]]["cmd"] == "/bin/sh"
    wait_for(lambda: sandbox.sh("cat /tmp/env 2>/dev/null").text == "red")
    assert sandbox.api.delete(f"{sandbox.path}/processes/loop?signal=SIGTERM").status == 204
    wait_for(lambda: sandbox.sh("cat /tmp/trap 2>/dev/null").text == "caught")
    wait_for(lambda: not sandbox.processes())


def test_a_background_process_is_killed_by_its_pid(sandbox):
    started = sandbox.background("sleep", "34567")
    assert started["tag"].startswith("proc-")
    assert sandbox.api.delete(f"{sandbox.path}/processes/{started['pid']}").status == 204
    wait_for(lambda: sandbox.sh("pgrep -fc 'sleep 3456[7]' || true").text == "0")
    gone = sandbox.api.delete(f"{sandbox.path}/processes/{started['pid']}")
    assert gone.status == 404 and gone.code == "not_found"


def test_a_command_that_never_ends_does_not_hold_up_others(sandbox):
    sandbox.background("/bin/sh", "-c", "while :; do :; done", tag="busy")
    try:
        assert sandbox.exec("echo", "still here").text == "still here"
    finally:
        sandbox.api.delete(f"{sandbox.path}/processes/busy")
