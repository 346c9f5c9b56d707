"""The wrenn command, as people and scripts use it."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from support.machine import wait_for
from support.server import WRENN


@pytest.fixture(scope="module")
def cli(wrenn):
    def run(*arguments, check=False, **kwargs):
        return wrenn.cli(*arguments, check=check, **kwargs)
    return run


@pytest.fixture(scope="module")
def made(cli):
    id = cli("sandbox", "create", check=True).stdout.decode().strip()
    yield id
    cli("sandbox", "rm", id, check=True)


def test_create_prints_an_id_and_only_that(made):
    assert re.fullmatch(r"cl-[0-9a-z]{25}", made)


def test_ls_and_info(cli, made):
    assert made in cli("sandbox", "ls", check=True).stdout.decode()
    listed = json.loads(cli("sandbox", "ls", "--json", check=True).stdout)
    assert made in [one["id"] for one in listed]
    assert json.loads(cli("sandbox", "info", made, "--json", check=True).stdout)["status"] == "running"
    assert "running" in cli("sandbox", "info", made[:-1], check=True).stdout.decode()


def test_create_takes_sizes(cli):
    answer = json.loads(cli("sandbox", "create", "--json", "--vcpus", "1", "--memory", "256", "--timeout", "100",
                            check=True).stdout)
    cli("sandbox", "rm", answer["id"], check=True)
    assert (answer["memory_mb"], answer["timeout_sec"]) == (256, 100)


def test_labels_find_sandboxes(cli, made):
    def listed(*arguments):
        return [one["id"] for one in json.loads(cli("sandbox", "ls", "--json", *arguments, check=True).stdout)]

    id = cli("sandbox", "create", "--memory", "256", "--label", "user=ann", "--label", "run=7", check=True).stdout.decode().strip()
    try:
        assert listed("--label", "user=ann") == [id]
        assert listed("--label", "user=ann", "--label", "run=8") == []
        cli("sandbox", "label", id, "run=8", "user-", check=True)
        assert listed("--label", "run=8", "--status", "running") == [id]
        assert {made, id} <= set(listed("--template", "minimal"))
        assert id not in listed("--status", "paused")
        assert "labels.run" in cli("sandbox", "info", id, check=True).stdout.decode()
        for wrong in (["label", id, "run"], ["ls", "--label", "x"], ["ls", "--status", "asleep"]):
            told = cli("sandbox", *wrong)
            assert told.returncode != 0 and told.stderr, wrong
    finally:
        cli("sandbox", "rm", id, check=True)
    assert id in listed("--status", "stopped", "--label", "run=8")


def test_exec_passes_output_and_status_on(cli, made):
    done = cli("sandbox", "exec", made, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 7)
    done = cli("sandbox", "exec", made, "--user", "root", "--cwd", "/tmp", "--env", "A=b c", "--",
               "sh", "-c", "id -un; pwd; echo $A", check=True)
    assert done.stdout == b"root\n/tmp\nb c\n"
    assert cli("sandbox", "exec", made, "--", "printf", r"\000\377", check=True).stdout == b"\x00\xff"


def test_exec_ends_with_124_after_its_timeout(cli, made):
    done = cli("sandbox", "exec", made, "--timeout", "1", "--", "sleep", "60")
    assert done.returncode == 124
    assert b"1 s" in done.stderr


def test_exec_json_and_background(cli, made):
    answer = json.loads(cli("sandbox", "exec", made, "--json", "--", "echo", "x", check=True).stdout)
    assert (answer["stdout"], answer["exit_code"]) == ("x\n", 0)
    pid = cli("sandbox", "exec", made, "--background", "--tag", "nap", "--", "sleep", "23456", check=True).stdout
    assert pid.strip().isdigit()
    assert cli("sandbox", "exec", made, "--", "pgrep", "-f", "sleep 2345[6]").returncode == 0


def test_ctrl_c_kills_the_remote_command(cli, made, wrenn):
    process = subprocess.Popen([str(WRENN), "sandbox", "exec", made, "--", "sleep", "12345"],
                               env=wrenn.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    running = lambda: cli("sandbox", "exec", made, "--", "pgrep", "-f", "sleep 1234[5]").returncode == 0
    wait_for(running)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    wait_for(lambda: not running())


def test_output_comes_while_the_command_runs(made, wrenn):
    process = subprocess.Popen([str(WRENN), "sandbox", "exec", made, "--", "sh", "-c", "echo first; sleep 2; echo last"],
                               env=wrenn.environment(), stdout=subprocess.PIPE)
    began = time.monotonic()
    assert process.stdout.readline() == b"first\n"
    assert time.monotonic() - began < 1.8
    assert process.stdout.read() == b"last\n"
    assert process.wait() == 0


def test_files_cp_there_and_back(cli, made, tmp_path):
    content = os.urandom(3_000_000)
    (tmp_path / "a.bin").write_bytes(content)
    cli("files", "cp", tmp_path / "a.bin", f"{made}:/tmp/", check=True)
    cli("files", "cp", f"{made}:/tmp/a.bin", tmp_path / "b.bin", check=True)
    assert (tmp_path / "b.bin").read_bytes() == content
    cli("files", "cp", "-", f"{made}:from-stdin", input=b"piped", check=True)
    assert cli("files", "cp", f"{made}:from-stdin", "-", check=True).stdout == b"piped"
    listing = cli("files", "ls", f"{made}:/tmp", check=True).stdout.decode()
    assert "a.bin" in listing
    missing = cli("files", "cp", f"{made}:/no/such", tmp_path / "c")
    assert missing.returncode == 1 and b"/no/such" in missing.stderr
    assert not (tmp_path / "c").exists()


def test_rm_goes_on_after_a_mistake(cli):
    id = cli("sandbox", "create", check=True).stdout.decode().strip()
    done = cli("sandbox", "rm", "cl-" + "0" * 24 + "7", id)
    assert done.returncode == 1
    assert id not in cli("sandbox", "ls", check=True).stdout.decode()


def test_doctor(cli, wrenn):
    done = cli("doctor", "--dir", wrenn.directory)
    text = done.stdout.decode()
    assert done.returncode == 0, text
    assert "tcg" in text.lower() or "kvm" in text.lower()
    checks = json.loads(cli("doctor", "--dir", wrenn.directory, "--json", check=True).stdout)
    names = json.dumps(checks)
    for word in ("wrenn-agent", "API key"):
        assert word in names


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(cli, shell, tmp_path):
    script = cli("completion", shell, check=True).stdout
    assert b"sandbox" in script
    if shell == "bash":
        (tmp_path / "c").write_bytes(script)
        subprocess.run(["bash", "-n", str(tmp_path / "c")], check=True)


def test_mistakes_are_told_with_what_to_do(cli, wrenn, made):
    for arguments in (["sandbox", "exec", made], ["nonsense"], ["sandbox", "create", "--vcpus", "x"], ["files", "cp", "a", "b"]):
        done = cli(*arguments)
        assert done.returncode == 2, (arguments, done)
        assert done.stderr.startswith(b"error: ") and b"hint: " in done.stderr, done.stderr
    done = cli("sandbox", "ls", env=wrenn.environment(WRENN_CONFIG="/no/such/file"))
    assert done.returncode == 1 and b"hint: " in done.stderr
    done = cli("sandbox", "ls", env=wrenn.environment(WRENN_API_KEY="wrn_" + "0" * 32))
    assert done.returncode == 1 and b"key" in done.stderr
    done = cli("sandbox", "ls", env=wrenn.environment(WRENN_API_URL="http://127.0.0.1:1"))
    assert done.returncode == 1 and b"127.0.0.1:1" in done.stderr
    done = cli("sandbox", "create", "--template", "nothing-like-it")
    assert done.returncode == 1 and b"nothing-like-it" in done.stderr


def test_flags_win_over_the_environment_and_that_over_the_file(cli, wrenn):
    env = wrenn.environment(WRENN_API_URL="http://127.0.0.1:1")
    assert cli("sandbox", "ls", env=env).returncode == 1
    assert cli("--api-url", wrenn.url, "sandbox", "ls", env=env).returncode == 0
    bare = {**wrenn.environment(), "WRENN_CONFIG": ""}
    assert cli("sandbox", "ls", env={**bare, "WRENN_API_URL": wrenn.url, "WRENN_API_KEY": wrenn.api.key}).returncode == 0


def test_up_again_is_quick_and_changes_nothing(cli, wrenn):
    before = (wrenn.machine.pid("agent"), wrenn.machine.pid("cp"), wrenn.config.read_text())
    began = time.monotonic()
    done = cli("up", "--detach", "--dir", wrenn.directory, check=True)
    assert time.monotonic() - began < 3
    assert b"already running" in done.stderr
    assert (wrenn.machine.pid("agent"), wrenn.machine.pid("cp"), wrenn.config.read_text()) == before


def test_help_and_version(cli):
    assert b"sandbox create" in cli("--help", check=True).stdout
    assert re.match(rb"wrenn \d+\.\d+\.\d+", cli("version", check=True).stdout)
