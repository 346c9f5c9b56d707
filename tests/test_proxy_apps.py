"""Real web applications in a sandbox, used by a real browser through the proxy, while a terminal beside them stays quick. Each
test of the files tests/js/app_*.test.mjs is one here."""
import pytest

from support.js import check, names, prepare, run_file
from support.server import ROOT
from support.webapps import FORMS, IMAGE, address, clean_address, idle_echo, terminal_probe, wait_until_open

CHROMIUM = "/usr/lib/chromium/chromium"
BIG_MIB = 24


class Kind:
    """How an application is tested. Programs in a guest that is emulated are slow, hence the seconds: for the application to
    listen, and for each test of its file."""

    def __init__(self, port, start_seconds, test_seconds, forms):
        self.port, self.start_seconds, self.test_seconds, self.forms = port, start_seconds, test_seconds, forms


# Scripts of Jupyter and Next.js ask for addresses at the root of an origin, so these are used in the form that has one.
KINDS = {
    "app_files.test.mjs": Kind(8000, 60, 120, FORMS),
    "app_login.test.mjs": Kind(5000, 60, 90, FORMS),
    "app_jupyter.test.mjs": Kind(8888, 120, 240, ("host",)),
    "app_next.test.mjs": Kind(3000, 180, 550, ("host",)),
}
FILES = [(file, form) for file, kind in KINDS.items() for form in kind.forms]
CASES = [(file, form, name) for file, form in FILES for name in names(file)]

MAKE_FILES = f"""
import hashlib, os
deep = "/srv/files/first dir/100% & more/deep #1?/grün 日本"
os.makedirs(deep)
open(deep + "/über #7 100%.txt", "w").write("found at last")
block = os.urandom(1 << 20)
digest = hashlib.sha256()
with open("/srv/files/big file.bin", "wb") as file:
    for number in range({BIG_MIB}):
        part = number.to_bytes(4, "big") + block[4:]
        digest.update(part)
        file.write(part)
print(digest.hexdigest())
"""
NOTEBOOK = """{"cells":[{"cell_type":"code","execution_count":null,"metadata":{},"outputs":[],"source":[]}],
"metadata":{"kernelspec":{"display_name":"Python 3","language":"python","name":"python3"}},"nbformat":4,"nbformat_minor":4}"""


@pytest.fixture(scope="module")
def webapps(api):
    """A sandbox with the applications in it."""
    if not (IMAGE / "rootfs.ext4").is_file():
        pytest.fail("the template of the web applications is missing; run: tests/webapps/image.sh --envd builds/envd",
                    pytrace=False)
    # The template's snapshot of this size is made now. One processor: code that is made at run time, as node makes it, is
    # emulated more slowly on two.
    api.timeout = 180
    with api.create(template="webapps", vcpus=1, memory_mb=1536) as made:
        yield made


class Application:
    """One that has been started; `facts` are the environment of its tests."""

    def __init__(self, sandbox, file):
        self.sandbox, self.file, self.facts = sandbox, file, {}
        port = KINDS[file].port
        script = getattr(self, "start_" + file.removeprefix("app_").removesuffix(".test.mjs"))(port)
        log = f"/var/tmp/{port}.log"
        self.pid = sandbox.background("/bin/sh", "-c", f"{script} >{log} 2>&1")["pid"]
        wait_until_open(sandbox, port, KINDS[file].start_seconds, log)

    def start_files(self, port):
        made = self.sandbox.exec("sudo", "python3", "-X", "utf8", "-c", MAKE_FILES, timeout_sec=120)
        assert made.exit_code == 0, made
        self.facts = {"APP_SHA256": made.text, "APP_SIZE": str(BIG_MIB << 20)}
        return f"cd /srv/files && exec python3 -X utf8 -m http.server {port}"

    def start_login(self, port):
        assert self.sandbox.write("/var/tmp/login_app.py", (ROOT / "tests" / "apps" / "login_app.py").read_bytes()).status in (200, 204)
        return f"exec python3 /var/tmp/login_app.py {port}"

    def start_jupyter(self, port):
        """Who comes through the proxy has shown that he may: a token of its own is not asked for."""
        assert self.sandbox.sh("mkdir /var/tmp/notebooks").exit_code == 0
        assert self.sandbox.write("/var/tmp/notebooks/first.ipynb", NOTEBOOK.encode()).status in (200, 204)
        return (f"cd /var/tmp/notebooks && HOME=/var/tmp exec python3 -m notebook --no-browser --allow-root --port={port} "
                "--NotebookApp.token='' --NotebookApp.password=''")

    def start_next(self, port):
        return f"cd /srv/next && exec ./dev.sh {port}"

    def end(self):
        self.sandbox.sh(f"kill -9 -{self.pid} || kill -9 {self.pid}")


@pytest.fixture(scope="module")
def outcomes(wrenn, webapps):
    """Runs a file in one form of address when its first test is asked for."""
    prepare()
    usual = idle_echo(webapps)
    applications, known = {}, {}

    def outcome(file, form):
        if (file, form) not in known:
            if file not in applications:
                for other in applications.values():
                    other.end()
                applications.clear()
                applications[file] = Application(webapps, file)
            with terminal_probe(webapps) as echo:
                known[file, form] = run_file(file, environment(file, form), test_seconds=KINDS[file].test_seconds), echo
        return known[file, form]

    def environment(file, form):
        port, scratch = KINDS[file].port, wrenn.work / "browser"
        scratch.mkdir(exist_ok=True)
        return {**applications[file].facts, "APP_URL": address(webapps, port, form),
                "APP_CLEAN_URL": clean_address(webapps, port, form), "CHROMIUM": CHROMIUM, "API_URL": wrenn.url,
                "API_KEY": wrenn.api.key, "SANDBOX": webapps.id, "HOME": str(scratch), "TMPDIR": str(scratch)}

    outcome.usual = usual
    return outcome


@pytest.mark.parametrize("file,form,name", CASES, ids=[":".join(case) for case in CASES])
def test_application(outcomes, file, form, name):
    check(outcomes(file, form)[0], file, name)


@pytest.mark.parametrize("file,form", FILES, ids=[":".join(case) for case in FILES])
def test_the_terminal_stays_quick(outcomes, file, form, record_property):
    """An echo may take longer while the guest's processors are busy, though not by much more than their share."""
    echo = outcomes(file, form)[1]
    record_property("echo", repr(echo))
    print(f"{file} in the {form} form: {echo}; without anything else {outcomes.usual * 1000:.0f} ms")
    assert not echo.failure and echo.times, echo
    assert echo.median < max(0.15, 10 * outcomes.usual), f"{echo}; without anything else {outcomes.usual:.3f} s"
