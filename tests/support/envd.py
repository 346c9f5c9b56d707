"""A native envd: the guest agent as a process of this machine."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import threading

from support.outside import die_with_parent
from support.server import ROOT

ENVD = pathlib.Path(os.environ.get("WRENN_TEST_ENVD", ROOT / "builds" / "envd"))

# Root's home becomes an empty one in memory, seen by envd and its commands alone.
OWN_PLACE = r"""
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs /media
sed 's,^\(root:.*\):/root:,\1:/media/root:,' /etc/passwd >/media/passwd
mkdir -m 700 /media/root
mount --bind /media/passwd /etc/passwd
exec "$@"
"""


class Envd:
    """envd on loopback. It ends in order when we do, its commands with it."""

    def __init__(self, port=0, own_network=False, token=""):
        """Port 0: of the kernel's choice. `own_network`: it has a loopback of its own, so that any port is free, and a
        bare home of root, so that login shells do not run what this machine's root has set up. `token`: it is told so, and
        wants it from then on."""
        self.token = token
        command = [str(ENVD), "--addr", "127.0.0.1", "--port", str(port)]
        in_network = ["unshare", "--net", "--mount", "--", "sh", "-ec", OWN_PLACE, "sh"]
        self.command = in_network + command if own_network else command

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, cwd="/",
                                        preexec_fn=lambda: die_with_parent(signal.SIGTERM))
        for line in self.process.stderr:
            found = re.search(rb"port=(\d+)", line)
            if found:
                self.port = int(found.group(1))
                # Its log must be read on, or it would stand still.
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                if self.token:
                    self.init({"accessToken": self.token})
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

    def init(self, settings):
        """POST /init, as the host's agent does it."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("POST", "/init", json.dumps(settings),
                               {"Content-Type": "application/json", "X-Access-Token": self.token})
            assert connection.getresponse().status == 204

    @property
    def inside(self):
        """Put before a command it runs in envd's network."""
        return ("nsenter", f"--net=/proc/{self.process.pid}/ns/net", "--")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"
