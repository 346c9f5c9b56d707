"""Terminals and commands over WebSockets, and `wrenn sandbox shell` and `exec -it`."""
import hashlib
import os
import signal
import statistics
import time

import pytest

from support.machine import wait_for
from support.terminal import Terminal
from support.websocket import BINARY, Closed, Command, Pty, Refused, WebSocket

RAW_CAT = ("/bin/sh", "-c", "stty raw -echo; echo ready; exec cat")


def closed_with(socket):
    with pytest.raises(Closed) as closed:
        while True:
            socket.receive()
    return closed.value.code


def test_a_shell_from_start_to_exit(sandbox):
    with Pty(sandbox) as pty:
        started = pty.start("/bin/sh", cols=100, rows=30, user="root", cwd="/usr/lib", envs={"COLOUR": "blue"})
        assert started["tag"].startswith("pty-") and started["pid"] > 0 and started["offset"] == 0
        pty.type("stty -echo; echo rea''dy\n")
        pty.until("ready\r\n")
        pty.type("echo $(id -un) $(pwd) $COLOUR $TERM; stty size; test -t 0 && echo yes\n")
        pty.until("root /usr/lib blue xterm-256color\r\n")
        pty.until("30 100\r\n")
        pty.until("yes")
        assert any(process["tag"] == pty.tag for process in sandbox.processes())
        pty.send(type="resize", cols=132, rows=50)
        pty.type("stty size\n")
        pty.until("50 132\r\n")
        pty.type("exit 7\n")
        assert pty.wait() == 7
        assert closed_with(pty) == 1000


def test_bytes_of_all_values_pass_both_ways(sandbox):
    everything = bytes(range(256)) * 16
    with Pty(sandbox) as pty:
        pty.start(*RAW_CAT)
        pty.until("ready\n")
        pty.type(everything)
        while len(pty.output) < len(everything):
            pty.step()
        assert pty.output == everything
        pty.send(type="kill")
        assert pty.wait() == 128 + signal.SIGKILL
        assert closed_with(pty) == 1000


def test_a_paste_of_100_kb_in_many_messages_arrives_whole(sandbox):
    paste = b"".join(b"%07d " % number for number in range(12_500))
    with Pty(sandbox) as pty:
        pty.start("/bin/sh", "-c", f"stty raw -echo; echo ready; head -c {len(paste)} | md5sum")
        pty.until("ready\n")
        for at in range(0, len(paste), 100):
            pty.type(paste[at:at + 100])
        pty.until(hashlib.md5(paste).hexdigest())
        assert pty.wait() == 0


def test_a_terminal_is_attached_to_again_with_all_that_it_showed(sandbox):
    first = Pty(sandbox)
    tag = first.start("/bin/sh")["tag"]
    first.type("stty -echo; echo rea''dy\n")
    first.until("ready\r\n")
    first.type("echo before; sleep 1; echo meanwhile\n")
    first.until("before\r\n")
    seen = first.offset - len(first.output)
    first.socket.close()  # Cut, without a word.
    time.sleep(2)
    with Pty(sandbox) as second:
        assert second.attach(tag, offset=seen)["pid"] == first.pid
        assert second.offset == seen
        assert second.until("meanwhile\r\n").startswith(first.output)
        second.type("echo again\n")
        second.until("again\r\n")
        # From the beginning, by a third; both see what follows.
        with Pty(sandbox) as third:
            assert third.attach(tag, offset=0)["offset"] == 0
            third.until("before\r\n")
            third.until("meanwhile\r\n")
            third.until("again\r\n")
            second.type("echo both\n")
            second.until("both\r\n")
            third.until("both\r\n")
            assert third.offset == second.offset
        second.type("exit\n")
        assert second.wait() == 0


def test_a_slow_reader_slows_its_own_process_only(sandbox):
    with Pty(sandbox) as slow, Pty(sandbox) as quick:
        slow.start("/bin/sh", "-c", "head -c 8000000 /dev/zero | tr '\\0' x; echo; echo end")
        time.sleep(1)  # Nothing is read.
        quick.start("/bin/sh")
        began = time.monotonic()
        quick.type("echo qu''ick\n")
        quick.until("quick\r\n")
        assert time.monotonic() - began < 10
        assert any(process["tag"] == slow.tag for process in sandbox.processes())
        output = slow.until("end")
        assert output.count(b"x") == 8_000_000
        assert slow.wait() == 0
        quick.send(type="kill")
        assert quick.wait() == 137


def test_closing_the_socket_leaves_the_process(sandbox):
    with Pty(sandbox) as pty:
        tag = pty.start("sleep", "1000")["tag"]
        assert pty.close() == 1000
    time.sleep(0.5)
    assert any(process["tag"] == tag for process in sandbox.processes())
    assert sandbox.api.delete(f"{sandbox.path}/processes/{tag}").status == 204


def test_what_cannot_be_is_told(sandbox, api):
    with Pty(sandbox) as pty:
        pty.send(type="start", cmd="no-such-program")
        error = pty.receive()
        assert error["type"] == "error" and error["fatal"] and "no-such-program" in error["data"]
        assert closed_with(pty) == 1008
    with Pty(sandbox) as pty:
        pty.send(type="connect", tag="pty-unknown")
        assert pty.receive()["code"] == "not_found"
        assert closed_with(pty) == 1008
    for bad in ({"type": "input", "data": ""}, {"type": "start", "cols": -1}, {"type": "start", "args": 3}):
        with Pty(sandbox) as pty:
            pty.send(**bad)
            assert pty.receive()["code"] == "invalid_request"
            assert closed_with(pty) == 1008
    with Pty(sandbox) as pty:
        pty.start("/bin/sh")
        for bad in ({"type": "resize", "cols": 0, "rows": 3}, {"type": "input", "data": "not base64"}):
            pty.send(**bad)
            while (message := pty.receive())["type"] == "output":
                pass
            assert message["type"] == "error" and "fatal" not in message
        pty.send_frame(BINARY, b"x")
        while (message := pty.receive())["type"] == "output":
            pass
        assert message["type"] == "error"
        pty.send(type="something-new")
        pty.send(type="kill")
        while (message := pty.receive())["type"] == "output":
            pass
        assert message == {"type": "exit", "exit_code": 137}
    with pytest.raises(Refused) as refused:
        WebSocket(api.host, api.port, f"{sandbox.path}/pty", {**api.headers(), "Sec-WebSocket-Version": "8"})
    assert refused.value.status == 400
    unknown = "cl-" + "0" * 25
    with pytest.raises(Refused) as refused:
        WebSocket(api.host, api.port, f"/v1/capsules/{unknown}/pty", api.headers())
    assert (refused.value.status, refused.value.code) == (404, "not_found")


def test_keys_come_in_a_header_or_in_the_first_message(sandbox, api):
    for header in ({"X-API-Key": "wrn_" + "0" * 32}, {"Authorization": "Bearer nonsense"}):
        with pytest.raises(Refused) as refused:
            Pty(sandbox, headers=header)
        assert (refused.value.status, refused.value.code) == (401, "unauthorized")
    with Pty(sandbox, headers={"Authorization": f"Bearer {api.key}"}) as pty:
        pty.start("true")
        assert pty.wait() == 0
    with Pty(sandbox, headers={"Origin": "http://elsewhere.example"}) as pty:
        pty.send(type="auth", token=api.key)
        pty.start("true")
        assert pty.wait() == 0
    with Pty(sandbox, headers={}) as pty:
        pty.send(type="auth", token="wrn_" + "0" * 32)
        assert pty.receive()["code"] == "unauthorized"
        assert closed_with(pty) == 1008
    with Pty(sandbox, headers={}) as pty:
        began = time.monotonic()
        assert pty.receive()["code"] == "unauthorized"
        assert 4 < time.monotonic() - began < 15
        assert closed_with(pty) == 1008


def test_a_command_with_input(sandbox):
    data = os.urandom(100_000)
    with Command(sandbox) as command:
        command.start("/bin/sh", "-c", "md5sum; echo $COLOUR >&2; id -un >&2; pwd >&2; exit 3", envs={"COLOUR": "red"},
                      cwd="/usr", user="root")
        for at in range(0, len(data), 10_000):
            command.write(data[at:at + 10_000])
        command.send(type="stdin_close")
        stdout, stderr, code, _ = command.rest()
        assert (stdout.split()[0].decode(), stderr, code) == (hashlib.md5(data).hexdigest(), b"red\nroot\n/usr\n", 3)
        assert closed_with(command) == 1000


def test_text_stays_text_and_bytes_stay_bytes(sandbox):
    with Command(sandbox) as command:
        command.start("/bin/sh", "-c", r"printf '\342\202'; sleep 0.3; printf '\254 gr\303\274n'; sleep 0.3; printf '\377\376'",
                      stdin=False)
        stdout, _, _, messages = command.rest()
    assert stdout == "€ grün".encode() + b"\xff\xfe"
    outputs = [message for message in messages if message["type"] == "stdout"]
    assert "".join(message["data"] for message in outputs if "encoding" not in message) == "€ grün"
    assert [message["encoding"] for message in outputs[-1:]] == ["base64"]


def test_a_command_outlives_its_socket_and_is_attached_to(sandbox):
    with Command(sandbox) as command:
        command.start("/bin/sh", "-c", "echo one; read line; echo $line; exit 4", tag="talk")
        assert command.receive()["data"] == "one\n"
        command.send(type="stop")
        assert closed_with(command) == 1000
    with Command(sandbox, "processes/talk/stream?offset=0") as again:
        assert again.receive()["type"] == "start"
        again.write(b"two\n")
        assert again.rest()[:3] == (b"one\ntwo\n", b"", 4)
    with Command(sandbox) as command:
        command.start("sleep", "43219", kill_on_close=True)
    wait_for(lambda: sandbox.sh("pgrep -fc 'sleep 4321[9]' || true").text == "0")


def test_an_open_terminal_keeps_its_sandbox_in_use(api):
    with api.create(timeout_sec=4, auto_resume=False) as sandbox, Pty(sandbox) as pty:
        pty.start("/bin/sh")
        time.sleep(9)
        pty.type("echo al''ive\n")
        pty.until("alive\r\n")


def test_a_destroyed_sandbox_ends_its_sockets(api):
    with api.create() as sandbox, Pty(sandbox) as pty, Command(sandbox) as command:
        pty.start("/bin/sh")
        pty.type("echo rea''dy\n")
        pty.until("ready\r\n")
        command.start("sleep", "1000")
        began = time.monotonic()
        assert api.delete(sandbox.path).status == 204
        assert closed_with(pty) in (1008, 1011)
        assert closed_with(command) in (1008, 1011)
        assert time.monotonic() - began < 40


def test_a_terminal_survives_an_agent_that_crashes(own_wrenn):
    with own_wrenn.api.create() as sandbox:
        with Pty(sandbox) as pty:
            tag = pty.start("/bin/sh")["tag"]
            pty.type("stty -echo; VALUE=kept; echo rea''dy\n")
            pty.until("ready\r\n")
            os.kill(own_wrenn.machine.pid("agent"), signal.SIGKILL)
            assert closed_with(pty) == 1011
        own_wrenn.up()
        with Pty(sandbox) as pty:
            pty.attach(tag)
            pty.type("echo $VALUE\n")
            pty.until("kept\r\n")


def test_how_long_a_key_takes(sandbox):
    """Not a benchmark: it runs under emulation. Says what it saw, and fails when keys wait for each other."""
    with Pty(sandbox) as pty:
        pty.start(*RAW_CAT)
        pty.until("ready\n")
        times = []
        for number in range(100):
            began = time.perf_counter()
            pty.type(b"%c" % (97 + number % 26))
            while not pty.output:
                pty.step()
            times.append((time.perf_counter() - began) * 1000)
            pty.output = b""
        times.sort()
        print(f"key to echo: p50 {statistics.median(times):.1f} ms, p99 {times[98]:.1f} ms")
        assert statistics.median(times) < 1000
        pty.send(type="kill")
        pty.wait()


# The command line.


@pytest.fixture
def shell(wrenn, sandbox):
    """Starts `wrenn sandbox ...` in a terminal of its own."""
    started = []

    def run(*arguments, **kwargs):
        terminal = Terminal(wrenn, "sandbox", *arguments, **kwargs)
        started.append(terminal)
        return terminal
    yield run
    for terminal in started:
        terminal.close()


def test_shell_is_a_shell(shell, sandbox):
    terminal = shell("shell", sandbox.id, "--user", "root", "--env", "COLOUR=red", rows=33, cols=111)
    terminal.type("stty -echo; echo rea''dy\r")
    terminal.until("ready")
    terminal.type("id -un; echo $COLOUR; stty size\r")
    terminal.until("root")
    terminal.until("red")
    terminal.until("33 111")
    terminal.resize(rows=40, cols=90)
    wait_for(lambda: (terminal.type("stty size\r"), terminal.sees("40 90", 1))[1], seconds=20)
    terminal.type("sleep 1000\r")
    time.sleep(1)
    terminal.type("\x03")  # For the remote side.
    terminal.type("echo in''terrupted\r")
    terminal.until("interrupted")
    terminal.type("exit 9\r")
    assert terminal.wait() == 9
    assert terminal.is_as_before()


def test_shell_is_left_and_come_back_to(shell, sandbox):
    terminal = shell("shell", sandbox.id)
    terminal.type("stty -echo; VALUE=kept; echo rea''dy\r")
    terminal.until("ready")
    terminal.type("\r~.")
    assert terminal.wait() == 0
    assert terminal.is_as_before()
    said = terminal.until("comes back to it")
    tag = said.decode().split("--attach ")[1].split("`")[0]
    again = shell("shell", sandbox.id, "--attach", tag)
    again.type("echo $VALUE\r")
    again.until("kept")
    again.type("exit\r")
    assert again.wait() == 0


def test_shell_comes_back_after_a_lost_connection(own_wrenn):
    with own_wrenn.api.create() as sandbox:
        terminal = Terminal(own_wrenn, "sandbox", "shell", sandbox.id)
        try:
            terminal.type("stty -echo; VALUE=kept; echo rea''dy\r")
            terminal.until("ready")
            terminal.type("sleep 2; echo mean''while\r")
            time.sleep(1)
            os.kill(own_wrenn.machine.pid("cp"), signal.SIGKILL)
            terminal.until("connection is lost")
            own_wrenn.up()
            terminal.until("connected again")
            terminal.type("echo $VALUE\r")
            terminal.until("kept")
            terminal.type("exit 3\r")
            assert terminal.wait() == 3
            assert terminal.all.count(b"meanwhile") == 1
        finally:
            terminal.close()


def test_shell_restores_the_terminal_when_it_is_ended(shell, sandbox):
    for number in (signal.SIGTERM, signal.SIGSEGV):
        terminal = shell("shell", sandbox.id)
        terminal.type("echo rea''dy\r")
        terminal.until("ready")
        assert not terminal.is_as_before()
        terminal.signal(number)
        assert terminal.wait() in (128 + number, -number)
        assert terminal.is_as_before()


def test_exec_with_input_and_with_a_terminal(wrenn, shell, sandbox):
    data = os.urandom(300_000)
    done = wrenn.cli("sandbox", "exec", "-i", sandbox.id, "--", "sh", "-c", "cat; echo err >&2; exit 5", input=data,
                     check=False)
    assert (done.stdout == data, done.stderr, done.returncode) == (True, b"err\n", 5)
    done = wrenn.cli("sandbox", "exec", "-t", sandbox.id, "--", "sh", "-c", "test -t 1 && echo terminal", check=False)
    assert (done.stdout, done.returncode) == (b"terminal\r\n", 0)
    terminal = shell("exec", "-it", sandbox.id, "--", "sh", "-c", "read line; echo got $line; exit 6")
    terminal.type("hello\r")
    terminal.until("got hello")
    assert terminal.wait() == 6
    for wrong, word in ((("exec", "-it", sandbox.id, "--", "sh"), b"not a terminal"),
                        (("shell", sandbox.id), b"not a terminal"),
                        (("exec", "-i", "--background", sandbox.id, "--", "sh"), b"--background")):
        done = wrenn.cli("sandbox", *wrong, check=False, input=b"")
        assert done.returncode == 2 and word in done.stderr, done
