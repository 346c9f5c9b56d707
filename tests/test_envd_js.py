"""envd on this machine, driven by clients that are made from public npm packages alone: tests/js, each file in JSON and in
binary. Every test of a file is one here."""
import pytest

from support.envd import Envd, names, prepare, run_file

FILES = ("process.test.mjs",)
CASES = [(file, codec, name) for file in FILES for codec in ("json", "binary") for name in names(file)]


@pytest.fixture(scope="module")
def outcomes():
    """Runs a file when its first test is asked for."""
    prepare()
    known = {}

    def outcome(file, codec):
        if (file, codec) not in known:
            with Envd() as envd:
                known[file, codec] = run_file(file, {"ENVD_URL": envd.url, "ENVD_CODEC": codec})
        return known[file, codec]

    return outcome


@pytest.mark.parametrize("file,codec,name", CASES, ids=[":".join(case) for case in CASES])
def test_js(outcomes, file, codec, name):
    found = outcomes(file, codec)
    if set(found) != set(names(file)):
        pytest.fail(f"{file} ran other tests than it has: {sorted(set(found) ^ set(names(file)))}\n"
                    + "\n".join(one.failure for one in found.values() if one.failure))
    if found[name].skipped:
        pytest.skip(found[name].skipped)
    if found[name].failure:
        pytest.fail(found[name].failure, pytrace=False)
