"""src/connect against another implementation of its protocol, in JavaScript, both ways. Every test of the file is one here."""
import pytest

from support.js import check, names, prepare, run_file
from support.server import ROOT

FILE = "connect_interop.test.mjs"


@pytest.fixture(scope="module")
def outcomes():
    prepare()
    return run_file(FILE, {"CONNECT_PROGRAMS": str(ROOT / "build" / "release" / "src" / "connect")})


@pytest.mark.parametrize("name", names(FILE))
def test_connect(outcomes, name):
    check(outcomes, FILE, name)
