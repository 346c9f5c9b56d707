"""What the host says about a Wrenn: its processes, memory, and whatever it has left behind."""
import hashlib
import json
import os
import pathlib
import signal
import stat
import subprocess
import time

# How an installation's names come from its directory, as in src/hostnet/address.h and src/agent/config.h.
FIRST_UID = 0x70100000
SLOTS = 32768
INSTALLATIONS = 16384


def wait_for(condition, seconds=10, every=0.05):
    """The first true value of `condition()`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"nothing came of it within {seconds} s"
        time.sleep(every)


def read(path):
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat_fields(pid):
    """Those of /proc/PID/stat from the third on, the state; none when there is no such process."""
    return read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def is_alive(pid):
    fields = stat_fields(pid)
    return bool(fields) and fields[0] not in "ZX"


def family(pid):
    """The process and all below it."""
    parents = {one: int(fields[1]) for one in pids() if (fields := stat_fields(one))}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def rollup(pid, field):
    """A line of smaps_rollup, in bytes."""
    for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_clock_s(pid):
    """The CPU time of a process with all its threads, finer than the ticks of /proc; None when it has ended."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # As clock_getcpuclockid(3) makes them.
    except OSError:
        return None


def pss(pid):
    return rollup(pid, "Pss")


def rss(pid):
    return rollup(pid, "Rss")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout


class Installation:
    """One $WRENN_DIR, seen from outside."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.tag = hashlib.sha256(str(self.directory).encode()).hexdigest()[:6]
        self.first_uid = FIRST_UID + int(self.tag, 16) % INSTALLATIONS * SLOTS

    def pid(self, name):
        """Of "agent" or "cp", as `wrenn up` wrote it down."""
        words = read(self.directory / "run" / f"{name}.pid").split()
        return int(words[0]) if words and is_alive(int(words[0])) else None

    def manifest(self, sandbox_id):
        return json.loads((self.directory / "sandboxes" / sandbox_id / "manifest.json").read_text())

    def sandbox_pids(self):
        """Everything that runs as a user of this installation's sandboxes."""
        found = []
        for pid in pids():
            try:
                uid = os.stat(f"/proc/{pid}").st_uid
            except FileNotFoundError:
                continue
            if self.first_uid <= uid < self.first_uid + SLOTS and is_alive(pid):
                found.append(pid)
        return found

    def qemu_pid(self, sandbox_id):
        found = [pid for pid in self.sandbox_pids() if sandbox_id in read(f"/proc/{pid}/cmdline")]
        assert len(found) == 1, f"{sandbox_id}: {found}"
        return found[0]

    def processes(self):
        """Of this installation: sandboxes, agent, control plane and helpers."""
        directory = str(self.directory)
        me = os.getpid()
        named = [pid for pid in pids()
                 if pid != me and directory in read(f"/proc/{pid}/cmdline") and "support/guard.py" not in
                 read(f"/proc/{pid}/cmdline") and is_alive(pid)]
        return sorted(set(named + self.sandbox_pids()))

    def mounts(self):
        """Without the directory itself, which some tests mount."""
        found = [line.split()[4] for line in read("/proc/self/mountinfo").splitlines()
                 if str(self.directory) in line or f"wrenn-{self.tag}" in line]
        return [place for place in found if place != str(self.directory)]

    def netns(self):
        return [name for name in (os.listdir("/run/netns") if os.path.isdir("/run/netns") else [])
                if name.startswith(f"wrenn-{self.tag}")]

    def links(self):
        return [name for name in os.listdir("/sys/class/net") if name.startswith(f"wv{self.tag}")]

    def tables(self):
        return [line for line in run("nft", "list", "tables").splitlines() if self.tag in line]

    def routes(self):
        return [line for line in run("ip", "route", "show", "table", "all").splitlines() if f"wv{self.tag}" in line]

    def cgroups(self):
        return [str(path) for path in pathlib.Path("/sys/fs/cgroup").rglob(f"wrenn-{self.tag}*")]

    def sandbox_dirs(self):
        directory = self.directory / "sandboxes"
        return os.listdir(directory) if directory.is_dir() else []

    def checkpoint(self, sandbox_id):
        """What it was paused as last."""
        directory = self.directory / "sandboxes" / sandbox_id / "checkpoints"
        newest = max(directory.iterdir(), key=lambda path: int(path.name))
        return json.loads((newest / "checkpoint.json").read_text())

    def files(self, sandbox_id):
        """The files of a sandbox, each by its inode and when it was written, as inodes are used again: the bytes it takes on
        the disk."""
        found = {}
        for path in (self.directory / "sandboxes" / sandbox_id).rglob("*"):
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue  # Removed meanwhile.
            if stat.S_ISREG(status.st_mode):
                found[status.st_ino, status.st_mtime_ns] = status.st_blocks * 512
        return found

    def things(self):
        """How many there are of all that sandboxes need on the machine."""
        return {"processes": len(self.sandbox_pids()), "mounts": len(self.mounts()), "netns": len(self.netns()),
                "links": len(self.links()), "cgroups": len(self.cgroups()), "sandboxes": self.sandbox_dirs()}

    def resting_things(self):
        """The same once slots are no longer made or unmade."""
        def rests():
            before = self.things()
            time.sleep(1)
            return self.things() == before and before

        return wait_for(rests, seconds=20)

    def leftovers(self):
        """Everything on the machine that `wrenn down` must have removed."""
        found = {
            "processes": [(pid, read(f"/proc/{pid}/cmdline").replace("\0", " ")[:120]) for pid in self.processes()],
            "mounts": self.mounts(),
            "network namespaces": self.netns(),
            "links": self.links(),
            "nft tables": self.tables(),
            "routes": self.routes(),
            "cgroups": self.cgroups(),
            "sandboxes": self.sandbox_dirs(),
        }
        return {name: things for name, things in found.items() if things}


def kill(pid, number=signal.SIGKILL):
    os.kill(pid, number)
    wait_for(lambda: not is_alive(pid))
