"""Web applications in a sandbox, their addresses at the proxy, and how quick the sandbox's terminal is meanwhile."""
import contextlib
import itertools
import statistics
import threading
import time
import urllib.parse

from support.machine import wait_for
from support.server import IMAGES
from support.websocket import Pty

# What tests/webapps/image.sh makes.
IMAGE = IMAGES / "cache" / "webapps" / "images" / "webapps"
# A port of its own origin for each application, or all below one.
FORMS = ("host", "path")


def address(sandbox, port, form):
    """The signed address of a port: opening it sets a cookie and leads to the clean one."""
    reply = sandbox.api.post(f"{sandbox.path}/ports/{port}/url", {"expires_sec": 3600})
    assert reply.status == 200, reply
    return reply.json()[{"host": "url", "path": "path_url"}[form]]


def clean_address(sandbox, port, form):
    return urllib.parse.urlunsplit(urllib.parse.urlsplit(address(sandbox, port, form))._replace(query=""))


def wait_until_open(sandbox, port, seconds, log=None):
    """Until the port is listened on and reachable; `log` is a file in the sandbox that says why it is not."""
    def is_open():
        reply = sandbox.api.get(f"{sandbox.path}/ports")
        assert reply.status == 200, reply
        return any(one["port"] == port and one["reachable"] for one in reply.json()["ports"])
    try:
        wait_for(is_open, seconds=seconds, every=0.5)
    except AssertionError as error:
        words = sandbox.sh(f"tail -n 30 {log}").text if log else ""
        raise AssertionError(f"port {port} of the sandbox: {error}\n{words}") from None


class Echo:
    """Round trips in seconds, and the first failure."""

    def __init__(self):
        self.times = []
        self.failure = None

    @property
    def median(self):
        return statistics.median(self.times)

    def __repr__(self):
        if not self.times:
            return f"no echo ({self.failure})"
        return (f"{len(self.times)} echoes, median {self.median * 1000:.0f} ms, slowest {max(self.times) * 1000:.0f} ms"
                + (f", then {self.failure}" if self.failure else ""))


class Prompt:
    """A terminal of the sandbox in which `cat` gives back what is typed."""

    def __init__(self, sandbox):
        self.pty = Pty(sandbox)
        self.pty.start("/bin/sh", "-c", "stty raw -echo; echo ready; exec cat")
        self.pty.until("ready\n")

    def echo(self, word):
        """Seconds from the keys to the picture."""
        began = time.monotonic()
        self.pty.type(word + ";")
        self.pty.until(word + ";")
        return time.monotonic() - began

    def close(self):
        self.pty.send(type="kill")
        self.pty.wait()
        self.pty.socket.close()


@contextlib.contextmanager
def terminal_probe(sandbox, every=0.5):
    """Types into a terminal of the sandbox while the block runs. Yields an Echo."""
    echo, end = Echo(), threading.Event()

    def probe():
        try:
            with contextlib.closing(Prompt(sandbox)) as prompt:
                for number in itertools.count():
                    echo.times.append(prompt.echo(f"word {number}"))
                    if end.wait(every):
                        return
        except Exception as error:  # Told by the test, in its own thread.
            echo.failure = repr(error)

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    try:
        yield echo
    finally:
        end.set()
        thread.join(timeout=90)
        if thread.is_alive():
            echo.failure = "an echo did not come back"


def idle_echo(sandbox):
    """The median while nothing else happens."""
    with contextlib.closing(Prompt(sandbox)) as prompt:
        return statistics.median(prompt.echo(f"word {number}") for number in range(10))
