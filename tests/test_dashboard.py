"""The dashboard, used by a real browser as people would. Each test of the files tests/js/dashboard_*.test.mjs is one here."""
import os
import urllib.request

import pytest

from support.dashboard import browser_environment, quiet
from support.js import JS, check, names, prepare, run_file
from support.server import Wrenn

# Guests are emulated on machines without KVM.
TEST_SECONDS = 180
FILES = sorted(file.name for file in JS.glob("dashboard_*.test.mjs"))
CASES = [(file, name) for file in FILES for name in names(file)]


@pytest.fixture(scope="module")
def dashboard():
    """A Wrenn where everybody may sign up; what a file leaves behind, the next one finds."""
    with Wrenn(environment={"WRENN_SIGNUP": "open"}) as server:
        yield server


@pytest.fixture(scope="module")
def outcomes(dashboard):
    prepare()
    environment = browser_environment(dashboard)
    if "SCREENSHOTS" in os.environ:
        environment["SCREENSHOTS"] = os.environ["SCREENSHOTS"]
    known = {}

    def outcome(file):
        if file not in known:
            known[file] = run_file(file, environment, test_seconds=TEST_SECONDS, within=quiet(dashboard))
        return known[file]

    return outcome


@pytest.mark.parametrize("file,name", CASES, ids=[":".join(case) for case in CASES])
def test_page(outcomes, file, name):
    check(outcomes(file), file, name)


def ask(wrenn, path, **fields):
    return urllib.request.urlopen(urllib.request.Request(wrenn.url + path, headers=fields), timeout=30)


def test_the_page_is_served_without_anything_inline(dashboard):
    with ask(dashboard, "/dashboard/sandboxes", Accept="text/html") as reply:
        page = reply.read().decode()
        assert reply.headers["Cache-Control"] == "no-cache" and reply.headers["ETag"]
        policy = reply.headers["Content-Security-Policy"]
    assert "unsafe" not in policy and f"http://*.localhost:{dashboard.proxy_port}" in policy
    assert "<style" not in page and "style=" not in page
    assert page.count("<script") == page.count('<script src="/')
    with ask(dashboard, "/start.js", **{"Accept-Encoding": "identity"}) as reply:
        assert reply.headers["Content-Type"].startswith("text/javascript") and b"data-theme" in reply.read()
