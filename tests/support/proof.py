"""Data in a sandbox that proves itself: a counter in the memory of a process, logs that grow with it, and a file."""
import hashlib
import random

# The number lives in the shell's memory alone; the logs say what it was, on disk and in memory. Of two that are started for one
# life, since the first answer was lost, one counts.
COUNTER = """
mkdir "/dev/shm/life-$1" || exit 0
n=0
while :; do
  n=$((n + 1))
  echo "$1 $n" >>/home/user/log
  echo "$1 $n" >>/dev/shm/log
  sleep 0.2
done
"""
# When power is lost, ext4 may know of an append to a block that it has not written: there are zeros then.
LOOK = ("cat /proc/sys/kernel/random/boot_id; echo --; tr '\\000' '\\n' </home/user/log | grep . || true; echo --; cat /dev/shm/log 2>/dev/null; echo --; "
        "md5sum </home/user/file")


class Lost(AssertionError):
    """Data is gone, or other data has come in its place."""


def need(condition, message):
    if not condition:
        raise Lost(message)


def check_lives(lines, what):
    """Each life of the counter is 1, 2, 3 ... without a gap, and the lives follow each other. The last number of each."""
    last = {}
    for line in lines:
        try:
            life, number = map(int, line.split())
        except ValueError:
            raise Lost(f"{what} has the line {line!r}") from None
        need(number == last.get(life, 0) + 1, f"{what}: after {last.get(life, 0)} of life {life} comes {number}")
        need(life == max([life, *last]), f"{what}: life {life} goes on after {max([life, *last])}")
        last[life] = number
    return last


class Proof:
    """What must be true of one sandbox. Errors of calls are AssertionErrors; after one of these any call here may be made again."""

    def __init__(self, sandbox, seed=None):
        self.sandbox = sandbox
        self.random = random.Random(seed)
        self.life = 1
        self.seen = {}  # The last number that each life has shown.
        self.kept = {}  # The same, of what no crash may take away.
        self.md5 = self.pid = self.boot = None
        self.write_file()
        self.begin()

    def copy(self, sandbox):
        """The same for a sandbox that was made of this one."""
        twin = Proof.__new__(Proof)
        twin.__dict__.update(self.__dict__)
        twin.sandbox, twin.random = sandbox, random.Random(self.random.random())
        twin.seen, twin.kept = dict(self.seen), dict(self.kept)
        return twin

    def write_file(self):
        content = self.random.randbytes(50_000)
        reply = self.sandbox.write("/home/user/file", content)
        assert reply.status == 204, reply
        self.md5 = hashlib.md5(content).hexdigest()
        self.keep()

    def begin(self):
        """The counter of this life: of a guest that has booted."""
        self.pid = self.sandbox.background("/bin/sh", "-c", COUNTER, "counter", str(self.life))["pid"]
        self.boot = self.sandbox.exec("cat", "/proc/sys/kernel/random/boot_id").text

    def keep(self):
        """From now on all that was seen is on the guest's disk."""
        seen = dict(self.seen)
        self.sandbox.sh("sync")
        self.kept = seen

    def look(self):
        boot, log, memory, md5 = self.sandbox.sh(LOOK).stdout.decode(errors="replace").split("--\n")
        need(md5.split()[0] == self.md5, "the file is another")
        return boot.strip(), check_lives(log.splitlines(), "the log"), check_lives(memory.splitlines(), "the log in memory")

    def check(self, may_boot=False):
        """The counter has gone on where it was, and everything else is there; or it `may_boot` and has done so. How far it is."""
        boot, log, memory = self.look()
        if may_boot and boot != self.boot:
            return self.booted(log, memory)
        need(boot == self.boot, "it has booted")
        before = self.seen.get(self.life, 0)
        number = memory.get(self.life, 0)
        need(number >= before, f"the counter was at {before} and is at {number}")
        # It goes on between the two looks.
        need(-1 <= number - log.get(self.life, 0) <= 20, f"{log} on disk, {memory} in memory")
        for life, seen in self.seen.items():
            need(log.get(life, 0) >= seen, f"the log has lost the end of life {life}: {log} for {self.seen}")
        self.seen = log
        return number

    def check_moves(self, may_boot=False):
        """The same, and the counter's process lives."""
        before = self.check(may_boot)
        for _ in range(100):
            if self.check() > before:
                return
        raise Lost(f"the counter stands still at {before}")

    def check_booted(self):
        boot, log, memory = self.look()
        need(boot != self.boot, "it has not booted")
        self.booted(log, memory)

    def booted(self, log, memory):
        """Its memory is gone; what was kept on disk is there. Begins anew."""
        for life, kept in self.kept.items():
            need(log.get(life, 0) >= kept, f"the log has lost the end of life {life}: {log} for {self.kept}")
        need(set(memory) <= {self.life + 1}, f"a booted guest remembers {memory}")
        self.life += 1
        try:
            self.begin()
        except BaseException:
            self.life -= 1
            raise
        self.seen = log
        return 0
