"""envd on this machine, driven by JavaScript: clients that are made from public npm packages alone, each file of tests/js in
JSON and in binary, and the npm package e2b in debug mode. Every test of a file is one here."""
import pytest

from support.envd import Envd
from support.js import check, names, prepare, run_file

FILES = ("process.test.mjs", "pty.test.mjs", "filesystem.test.mjs", "watch.test.mjs", "http.test.mjs", "protocol.test.mjs",
         "ports.test.mjs")
CASES = [(file, codec, name) for file in FILES for codec in ("json", "binary") for name in names(file)]


def run_native(file, codec):
    with Envd(token="a token of the tests") as envd:
        return run_file(file, {"ENVD_URL": envd.url, "ENVD_TOKEN": envd.token, "ENVD_CODEC": codec})


def run_e2b():
    # The package knows one address in debug mode: http://localhost:49983.
    with Envd(port=49983, own_network=True) as envd:
        return run_file("e2b.test.mjs", {"E2B_DEBUG": "true"}, within=envd.inside)


@pytest.fixture(scope="module")
def outcomes():
    """Runs a file when its first test is asked for."""
    prepare()
    known = {}

    def outcome(run, *arguments):
        if arguments not in known:
            known[arguments] = run(*arguments)
        return known[arguments]

    return outcome


@pytest.mark.parametrize("file,codec,name", CASES, ids=[":".join(case) for case in CASES])
def test_js(outcomes, file, codec, name):
    check(outcomes(run_native, file, codec), file, name)


@pytest.mark.parametrize("name", names("e2b.test.mjs"))
def test_e2b(outcomes, name):
    check(outcomes(run_e2b), "e2b.test.mjs", name)
