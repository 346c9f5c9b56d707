"""One more control plane of a Wrenn, on the same database and the same hosts."""
import os
import signal
import subprocess

from support import contract
from support.api import Api
from support.machine import kill
from support.outside import die_with_parent
from support.server import WRENN, free_port


class Replica:
    """Of `wrenn`, whose environment names the database and the encryption key. Its process ends with us."""

    def __init__(self, wrenn):
        self.wrenn = wrenn
        self.log = wrenn.work / "replica.log"
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def start(self):
        run = self.wrenn.directory / "run"
        port = free_port()
        read_end, write_end = os.pipe()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(WRENN.parent / "wrenn-cp"), "serve", "--dir", str(self.wrenn.directory), "--listen", f"127.0.0.1:{port}",
                 "--proxy-listen", f"127.0.0.1:{free_port()}", "--agent", f"unix:{run / 'agent.sock'}", "--agent-proxy",
                 f"unix:{run / 'proxy.sock'}", "--ready-fd", str(write_end)],
                stdout=log, stderr=log, pass_fds=[write_end], env=self.wrenn.environment(), preexec_fn=die_with_parent)
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            assert ready.read(), self.log.read_text()
        self.api = Api(f"http://127.0.0.1:{port}", self.wrenn.api.key)
        contract.load(self.api.host, self.api.port)

    def kill(self):
        kill(self.process.pid)
        self.process.wait()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
