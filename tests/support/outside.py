"""The world outside, as far as a sandbox can tell: a network namespace with a public address that answers every TCP
connection with the address it came from. Goes away with the process that made it.

As a program: outside.py ADDRESS PORT    (run in its own network namespace; "go" on standard input once its link is there)
"""
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1


def die_with_parent(number=signal.SIGKILL):
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


class Outside:
    """Ours is 203.0.113.1, which is the host's own public address; theirs is 203.0.113.2 (documentation addresses)."""
    HOST = "203.0.113.1"
    ADDRESS = "203.0.113.2"
    PORT = 7000

    def __init__(self):
        self.link = f"wot{os.getpid() % 100000}"

    def __enter__(self):
        self.process = subprocess.Popen(
            ["unshare", "--net", sys.executable, __file__, self.ADDRESS, str(self.PORT)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        assert self.process.stdout.readline() == "in a namespace\n"
        ip = lambda *words: subprocess.run(["ip", *words], check=True)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self.process.pid))
        ip("address", "add", f"{self.HOST}/24", "dev", self.link)
        ip("link", "set", self.link, "up")
        self.ask("link")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def ask(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def hold(self, port):
        """From now on connections to this port are taken, and stand as long as we do."""
        assert self.ask("hold", str(port)) == "up"

    def reaches(self, address, port):
        """Whether a connection from out there comes through; the way leads over the host."""
        return self.ask("connect", address, str(port)) == "yes"


def answer(listener):
    while True:
        connection, peer = listener.accept()
        with connection:
            connection.sendall(peer[0].encode())


def hold(listener):
    held = []
    while True:
        held.append(listener.accept())


def connects(address, port):
    try:
        with socket.create_connection((address, int(port)), timeout=2):
            return True
    except OSError:
        return False


def main():
    die_with_parent()
    address, port = sys.argv[1], int(sys.argv[2])
    print("in a namespace", flush=True)
    for line in sys.stdin:
        verb, *words = line.split()
        if verb == "link":
            for command in (f"address add {address}/24 dev eth0", "link set eth0 up", "link set lo up",
                            f"route add default via {Outside.HOST}"):
                subprocess.run(["ip", *command.split()], check=True)
            listener = socket.create_server((address, port))
            threading.Thread(target=answer, args=(listener,), daemon=True).start()
            print("up", flush=True)
        elif verb == "hold":
            listener = socket.create_server((address, int(words[0])))
            threading.Thread(target=hold, args=(listener,), daemon=True).start()
            print("up", flush=True)
        elif verb == "connect":
            print("yes" if connects(*words) else "no", flush=True)


if __name__ == "__main__":
    main()
