"""A host on a network of its own that registers with a Wrenn: all that both have of each other are addresses."""
import subprocess

from support.machine import wait_for
from support.outside import die_with_parent
from support.second_host import SecondHost
from support.server import free_port


class RegisteredHost(SecondHost):
    def __init__(self, wrenn, name, number=1):
        super().__init__(number)
        self.wrenn, self.name = wrenn, name
        self.relay = None

    def make_network(self):
        super().make_network()
        # The API of the tests listens on loopback alone.
        port = free_port()
        self.relay = subprocess.Popen(["socat", f"TCP-LISTEN:{port},bind={self.address},fork,reuseaddr",
                                       f"TCP:127.0.0.1:{self.wrenn.port}"], preexec_fn=die_with_parent)
        self.token = self.wrenn.cli("host", "add", self.name).stdout.decode().strip()
        self.known = ["--address", f"{self.own_address}:50051", "--control-plane", f"http://{self.address}:{port}"]
        self.flags = ["--register", self.token, *self.known]

    def __exit__(self, *_):
        try:
            super().__exit__()
        finally:
            if self.relay:
                self.relay.kill()
                self.relay.wait()

    def cut_off(self):
        subprocess.run(["ip", "link", "set", self.link, "down"], check=True)

    def connect(self):
        subprocess.run(["ip", "link", "set", self.link, "up"], check=True)

    def status(self):
        hosts = {host["name"]: host["status"] for host in self.wrenn.api.get("/v1/hosts").json()}
        return hosts.get(self.name)

    def wait_until(self, status, seconds=120):
        wait_for(lambda: self.status() == status, seconds=seconds)
