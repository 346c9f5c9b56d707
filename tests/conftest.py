"""Fixtures. Needs root, builds/ (make build) and images in .wrenn (make images)."""
import os

import pytest

from support.machine import wait_for
from support.server import IMAGES, WRENN, Wrenn
from support.webapps import IMAGE


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests need root; run: sudo make test", returncode=3)
    if not WRENN.exists() or not (IMAGES / "images").is_dir():
        pytest.exit("builds/ or the images are missing; run: make images", returncode=3)


@pytest.fixture(scope="session")
def wrenn():
    """Most tests share one Wrenn; none may leave a sandbox in it or break it."""
    with Wrenn(more_images=[IMAGE] if IMAGE.is_dir() else []) as server:
        yield server


@pytest.fixture(scope="module")
def own_wrenn():
    """For tests that kill and break things."""
    with Wrenn() as server:
        yield server


@pytest.fixture(scope="session")
def api(wrenn):
    return wrenn.api


@pytest.fixture(scope="module")
def sandbox(api):
    """One sandbox for all tests of a file."""
    with api.create() as made:
        yield made


@pytest.fixture(scope="module")
def nothing_leaks(wrenn):
    """Whatever the tests of this file do: in the end the machine is as before."""
    with wrenn.api.create():
        pass  # What is made once for all is made by now.
    before = wrenn.machine.resting_things()
    yield
    wait_for(lambda: wrenn.machine.things() == before or print(before, wrenn.machine.things()), seconds=20, every=2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure comes with the last lines of the logs."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for name in ("small_wrenn", "own_wrenn", "wrenn"):
            if name in item.funcargs:
                report.sections.append(("logs", item.funcargs[name].logs(30)))
                break
