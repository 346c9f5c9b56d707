"""Runs a command in a network of its own that has nothing but loopback, and some ports of this machine on it. For browsers: whenever
an interface of the machine comes or goes, as those of sandboxes do, Chromium drops what it is loading (ERR_NETWORK_CHANGED).

Usage: quiet_network.py PORT... -- COMMAND...     127.0.0.1:PORT is there what it is here
"""
import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading

from outside import die_with_parent

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter(ports, command, channel):
    """In the child: listens in the new network, and becomes the command."""
    die_with_parent()
    checked(LIBC.unshare(CLONE_NEWNET))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    listeners = [socket.create_server(("127.0.0.1", port), backlog=128) for port in ports]
    # A socket stays in the network where it was made, whoever holds it.
    socket.send_fds(channel, [b"x"], [one.fileno() for one in listeners])
    channel.close()
    os.execvp(command[0], command)


def copy(source, target):
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One end broke off, and so does the other.
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def relay(inner, port):
    with inner:
        try:
            outer = socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            return
        with outer:
            outer.settimeout(None)
            back = threading.Thread(target=copy, args=(outer, inner), daemon=True)
            back.start()
            copy(inner, outer)
            back.join()


def serve(listeners):
    selector = selectors.DefaultSelector()
    for port, listener in listeners:
        selector.register(listener, selectors.EVENT_READ, port)
    while True:
        for key, _ in selector.select():
            inner, _ = key.fileobj.accept()
            threading.Thread(target=relay, args=(inner, key.data), daemon=True).start()


def main():
    at = sys.argv.index("--")
    ports, command = [int(one) for one in sys.argv[1:at]], sys.argv[at + 1:]
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            ours.close()
            enter(ports, command, theirs)
        except BaseException as error:  # Nothing may run twice.
            print(f"quiet_network: {error}", file=sys.stderr)
        os._exit(127)
    theirs.close()
    message, descriptors, _, _ = socket.recv_fds(ours, 1, len(ports))
    if message:
        listeners = [(port, socket.socket(fileno=descriptor)) for port, descriptor in zip(ports, descriptors)]
        threading.Thread(target=serve, args=(listeners,), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: os.kill(child, number))
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status) % 256)


if __name__ == "__main__":
    main()
