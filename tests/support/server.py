"""A Wrenn of the tests' own: a directory, a port and a configuration that nobody else has."""
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile

from support import contract
from support.api import Api
from support.machine import Installation

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WRENN = ROOT / "builds" / "wrenn"
# Where `make images` leaves kernel and root disk.
IMAGES = pathlib.Path(os.environ.get("WRENN_TEST_IMAGES", ROOT / ".wrenn"))
GUARD = pathlib.Path(__file__).resolve().parent / "guard.py"


PORTS = iter(random.sample(range(10000, 30000), 20000))


def free_port():
    """One that stays free until it is used: never the same twice, and none that the kernel gives to whoever asks for any."""
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise OSError("there is no free port left on 127.0.0.1")


def share(source, target):
    """Hard links where the file system allows it, else copies that keep holes."""
    target.mkdir(parents=True)
    for file in sorted(source.rglob("*")):
        to = target / file.relative_to(source)
        if file.is_dir():
            to.mkdir(exist_ok=True)
            continue
        try:
            os.link(file, to)
        except OSError:
            subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(file), str(to)], check=True)


def describe_object_storage(directory, **fields):
    """For the agent of the host whose directory it is."""
    file = directory / "object-storage.json"
    with open(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as out:
        json.dump(fields, out)


class Wrenn:
    """Started by `with`, stopped and removed at its end, and by its guard should we be killed."""

    def __init__(self, disk_mb=None, more_images=(), programs=WRENN.parent, environment=None):
        """`disk_mb`: its directory is a file system of its own, of that size. `more_images`: folders of templates' images
        beside those of IMAGES. `programs`: where wrenn and the others are. `environment`: more of it, for all it starts."""
        # Not in /tmp, which may be memory.
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="wrenn-e2e-", dir="/var/tmp"))
        self.directory = self.work / "dir"
        self.programs = programs
        self.disk_mb = disk_mb
        self.more_images = more_images
        self.more_environment = environment or {}
        self.config = self.work / "config.json"
        self.port = free_port()
        self.proxy_port = free_port()
        self.machine = Installation(self.directory)
        self.guard = None
        self.api = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    greeting = ""  # What the first `wrenn up` said.

    def __enter__(self):
        self.guard = subprocess.Popen([sys.executable, str(GUARD), str(self.programs / "wrenn"), str(self.directory), str(self.work)],
                                      stdin=subprocess.PIPE, start_new_session=True)
        try:
            self.directory.mkdir()
            if self.disk_mb:
                self.mount()
            for folder in ("kernels", "images"):
                share(IMAGES / folder, self.directory / folder)
            for folder in self.more_images:
                share(folder, self.directory / "images" / folder.name)
            self.up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def mount(self):
        # Not a tmpfs: that needs room even to read a hole of a file.
        image = self.work / "disk.img"
        with open(image, "wb") as file:
            file.truncate(self.disk_mb << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
        subprocess.run(["mount", "-o", "loop", str(image), str(self.directory)], check=True)

    def __exit__(self, *_):
        try:
            self.cli("down", "--dir", self.directory, check=False)
        finally:
            if os.path.ismount(self.directory):
                subprocess.run(["umount", "-l", str(self.directory)], check=False)
            shutil.rmtree(self.work, ignore_errors=True)
            self.guard.communicate(b"done")

    def environment(self, **extra):
        """Of a user who has nothing but this Wrenn."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.work / "home"), "LANG": "C.UTF-8",
                "WRENN_CONFIG": str(self.config), **self.more_environment, **extra}

    def cli(self, *arguments, check=True, timeout=120, **kwargs):
        kwargs.setdefault("env", self.environment())
        done = subprocess.run([str(self.programs / "wrenn"), *map(str, arguments)], capture_output=True, timeout=timeout, **kwargs)
        if check:
            assert done.returncode == 0, f"wrenn {arguments} ended with {done.returncode}: {done.stderr.decode()}{self.logs()}"
        return done

    def up(self, **environment):
        """Also after something was killed: whatever is missing is started again."""
        done = self.cli("up", "--detach", "--dir", self.directory, "--listen", f"127.0.0.1:{self.port}",
                        "--proxy-listen", f"127.0.0.1:{self.proxy_port}", env=self.environment(**environment))
        self.greeting = self.greeting or done.stderr.decode()
        settings = json.loads(self.config.read_text())
        self.api = Api(settings["api_url"], settings["api_key"])
        contract.load(self.api.host, self.api.port)

    def logs(self, lines=15):
        text = ""
        for name in ("agent.log", "cp.log"):
            file = self.directory / "logs" / name
            if file.exists():
                text += f"\n--- {name}\n" + "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
        return text

    def freeze(self):
        """Whoever writes to its directory waits, until thaw()."""
        subprocess.run(["fsfreeze", "-f", str(self.directory)], check=True)

    def thaw(self):
        subprocess.run(["fsfreeze", "-u", str(self.directory)], check=True)

    def fill(self):
        """Takes all the room there is in its directory; the file that does."""
        filler = self.directory / "filler"
        with open(filler, "wb") as file:
            size, block = 0, 1 << 30
            while block >= 512:
                try:
                    os.posix_fallocate(file.fileno(), size, block)
                    size += block
                except OSError:
                    block //= 2
        return filler

    def remove_all(self):
        for sandbox in self.api.list():
            self.api.delete(f"/v1/capsules/{sandbox['id']}")
