"""Data in a sandbox that proves itself: a counter in the memory of a process, logs that grow with it, and a file."""
import hashlib
import random

# The number lives in the shell's memory alone; the logs say what it was, on disk and in memory.
COUNTER = """
n=0
while :; do
  n=$((n + 1))
  echo "$1 $n" >>/home/user/log
  echo "$1 $n" >>/dev/shm/log
  sleep 0.1
done
"""
LOOK = "cat /home/user/log; echo --; cat /dev/shm/log 2>/dev/null; echo --; md5sum </home/user/file"


def check_lives(lines, what):
    """Each life of the counter is 1, 2, 3 ... without a gap, and the lives follow each other. The last number of each."""
    last = {}
    for line in lines:
        life, number = map(int, line.split())
        assert number == last.get(life, 0) + 1, f"{what}: after {last.get(life, 0)} of life {life} comes {number}"
        assert life == max([life, *last]), f"{what}: life {life} goes on after {max(last)}"
        last[life] = number
    return last


class Proof:
    """What must be true of one sandbox."""

    def __init__(self, sandbox, seed=None):
        self.sandbox = sandbox
        self.random = random.Random(seed)
        self.life = 0
        self.seen = {}  # The last number that each life has shown.
        self.kept = {}  # The same, of what no crash may take away.
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
        """A new life: of a guest that has booted."""
        self.life += 1
        self.pid = self.sandbox.background("/bin/sh", "-c", COUNTER, "counter", str(self.life))["pid"]

    def keep(self):
        """From now on all that was seen is on the guest's disk."""
        self.sandbox.sh("sync")
        self.kept = dict(self.seen)

    def look(self):
        log, memory, md5 = self.sandbox.sh(LOOK).stdout.decode().split("--\n")
        assert md5.split()[0] == self.md5, "the file is another"
        return check_lives(log.splitlines(), "the log"), check_lives(memory.splitlines(), "the log in memory")

    def check(self):
        """The counter has gone on where it was, and everything else is there. How far it is."""
        log, memory = self.look()
        before = self.seen.get(self.life, 0)
        number = memory.get(self.life, 0)
        assert number >= before, f"the counter was at {before} and is at {number}"
        # It goes on between the two looks.
        assert -1 <= number - log.get(self.life, 0) <= 20, (log, memory)
        for life, seen in self.seen.items():
            assert log.get(life, 0) >= seen, f"the log has lost the end of life {life}: {log} for {self.seen}"
        self.seen = log
        return number

    def check_moves(self):
        """The same, and the counter's process lives."""
        before = self.check()
        for _ in range(100):
            if self.check() > before:
                return
        raise AssertionError(f"the counter stands still at {before}")

    def check_booted(self):
        """Its memory is gone; what was kept on disk is there. Begins anew."""
        log, memory = self.look()
        assert memory == {}, f"a booted guest remembers {memory}"
        for life, kept in self.kept.items():
            assert log.get(life, 0) >= kept, f"the log has lost the end of life {life}: {log} for {self.kept}"
        self.seen = log
        self.begin()
