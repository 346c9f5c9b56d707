"""What a sandbox reaches by default: the outside through NAT, and nothing else."""
import contextlib
import json
import socket
import threading

import pytest

from support.outside import Outside

# Tries all of "address port" at once; prints what each answered, or why not.
PROBE = """
import json, socket, sys, threading
results = {}
def attempt(target):
    address, port = target.split()
    try:
        with socket.create_connection((address, int(port)), timeout=4) as connection:
            connection.settimeout(4)
            try:
                results[target] = "connected " + connection.recv(100).decode()
            except OSError:
                results[target] = "connected"
    except OSError as error:
        results[target] = "no: " + str(error)
threads = [threading.Thread(target=attempt, args=(target,)) for target in sys.argv[1:]]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(results))
"""


def probe(sandbox, *targets):
    return json.loads(sandbox.exec("python3", "-c", PROBE, *targets, timeout_sec=60).stdout)


@pytest.fixture(scope="module")
def outside():
    with Outside() as made:
        yield made


@contextlib.contextmanager
def host_service():
    """Something that listens on every address of the host; yields its port and a list of who came."""
    visitors = []
    with socket.create_server(("0.0.0.0", 0)) as listener:
        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connection, peer = listener.accept()
                    visitors.append(peer)
                    connection.close()
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], visitors
        listener.shutdown(socket.SHUT_RDWR)


def addresses_of_host(sandbox):
    """Those a sandbox might try: loopback, its gateway, both ends of its link, the host's own."""
    import subprocess
    own = subprocess.run(["ip", "-4", "-json", "address"], capture_output=True, check=True)
    found = {"127.0.0.1", "169.254.0.22"}
    for link in json.loads(own.stdout):
        found |= {address["local"] for address in link["addr_info"] if not link["ifname"].startswith("lo")}
    return sorted(found)[:40]


def test_the_outside_is_reached_through_nat(sandbox, outside):
    target = f"{outside.ADDRESS} {outside.PORT}"
    assert probe(sandbox, target)[target] == f"connected {outside.HOST}"


def test_the_hosts_services_are_not_reached(sandbox, outside, wrenn):
    with host_service() as (port, visitors):
        addresses = addresses_of_host(sandbox)
        assert outside.HOST in addresses
        targets = [f"{address} {p}" for address in addresses for p in (port, wrenn.port)]
        results = probe(sandbox, *targets)
        assert len(results) == len(targets)
        assert all(result.startswith("no: ") for result in results.values()), results
        assert visitors == []


def test_private_and_link_local_ranges_are_not_reached(sandbox):
    targets = [f"{address} 80" for address in ("169.254.169.254", "10.0.0.1", "10.255.255.254", "172.16.0.1",
                                               "192.168.0.1", "100.64.0.1", "198.18.0.1", "224.0.0.1", "0.0.0.0")]
    results = probe(sandbox, *targets)
    assert all(result.startswith("no: ") for result in results.values()), results


def test_sandboxes_do_not_reach_each_other(sandbox, api):
    with api.create() as other:
        other.background("python3", "-m", "http.server", "8000", "--bind", "0.0.0.0")
        from support.machine import wait_for
        wait_for(lambda: other.sh("ss -ltn 2>/dev/null | grep -q :8000 || grep -q :1F40 /proc/net/tcp && echo up").text == "up",
                 seconds=20)
        targets = [f"{other.info['host_ip']} {port}" for port in (8000, 49983)]
        results = probe(sandbox, *targets)
        assert all(result.startswith("no: ") for result in results.values()), results


def test_the_outside_does_not_reach_a_sandbox(sandbox, outside):
    assert not outside.reaches(sandbox.info["host_ip"], 49983)
    assert not outside.reaches(sandbox.info["host_ip"], 22)


def test_nobody_talks_to_the_guests_agent_without_its_token(sandbox):
    import http.client
    connection = http.client.HTTPConnection(sandbox.info["host_ip"], 49983, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", "/files?path=/etc/passwd")
        assert connection.getresponse().status == 401


def test_a_spoofed_source_address_goes_nowhere(sandbox, outside):
    script = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
import struct
def packet(source, target):
    udp = struct.pack("!HHHH", 5555, 7001, 9, 0) + b"x"
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target))
    return head + udp
for i in range(5):
    s.sendto(packet("203.0.113.77", "203.0.113.1"), ("203.0.113.1", 0))
    s.sendto(packet("10.12.0.1", "203.0.113.1"), ("203.0.113.1", 0))
"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((outside.HOST, 7001))
        listener.settimeout(1)
        done = sandbox.exec("python3", "-c", script, user="root")
        assert done.exit_code == 0, done
        with pytest.raises(TimeoutError):
            listener.recv(100)
