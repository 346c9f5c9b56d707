#!/usr/bin/env python3
"""The peer: plain QEMU booting the same kernel and root disk, until the guest agent answers and has run `true`.

As a program, in a network namespace of its own, so that all it makes goes away with it:
  unshare --net plain_boot.py KERNEL INITRAMFS ROOTFS WORKDIR kvm|tcg
prints the milliseconds from starting QEMU to the first answer from envd, and to the end of `true`.
"""
import ctypes
import fcntl
import http.client
import mmap
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import time

GUEST = "169.254.0.21"
GATEWAY = "169.254.0.22/30"
GATEWAY_MAC = "02:57:52:00:00:16"
GUEST_MAC = "02:FC:00:00:00:05"
ENVD_PORT = 49983
DEADLINE = 60
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
PR_SET_PDEATHSIG = 1


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def tsc_khz():
    """A guest under emulation fails to measure this now and then, and hangs; so it is told."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0\xc3")  # rdtsc; shl rdx, 32; or rax, rdx; ret
    rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    ticks, began = rdtsc(), time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    time.sleep(0.1)
    return int((rdtsc() - ticks) * 1_000_000 / (time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - began))


def open_tap():
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"tap0", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    for command in (f"link set tap0 address {GATEWAY_MAC}", f"address add {GATEWAY} dev tap0", "link set tap0 up",
                    f"neighbour replace {GUEST} lladdr {GUEST_MAC} dev tap0 nud permanent"):
        subprocess.run(["ip", *command.split()], check=True)
    return tap


def answers():
    """With short tries: what is sent before the guest listens is lost."""
    try:
        with socket.create_connection((GUEST, ENVD_PORT), timeout=0.1) as connection:
            connection.settimeout(2)
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.1 2")
    except OSError:
        return False


def run_true():
    """As the host agent does it: a Connect stream, one enveloped JSON message each way and the events."""
    message = b'{"process":{"cmd":"true"}}'
    request = http.client.HTTPConnection(GUEST, ENVD_PORT, timeout=30)
    request.request("POST", "/process.Process/Start", struct.pack(">BI", 0, len(message)) + message,
                    {"Content-Type": "application/connect+json", "Connect-Protocol-Version": "1"})
    events = request.getresponse().read()
    if b'"exited":true' not in events.replace(b" ", b""):
        sys.exit(f"true did not run in the plain QEMU guest: {events[:300]!r}")


def qemu_command(kernel, initramfs, disk, accelerator, tap):
    machine = "microvm,acpi=on,rtc=on,isa-serial=on"
    append = "console=ttyS0 quiet panic=-1 reboot=t cryptomgr.notests"
    if accelerator == "tcg":
        machine += ",pit=off,pic=off"
        append += f" mitigations=off tsc_early_khz={tsc_khz()}"
    return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-machine", machine, "-accel", "tcg,thread=single,tb-size=128" if accelerator == "tcg" else "kvm",
            "-cpu", "max" if accelerator == "tcg" else "host", "-smp", "1", "-m", "512M",
            "-drive", f"if=none,id=disk,file={disk},format=qcow2,cache=unsafe", "-device", "virtio-blk-device,drive=disk",
            "-netdev", f"tap,id=net,fd={tap}", "-device", f"virtio-net-device,netdev=net,mac={GUEST_MAC}",
            "-serial", "null", "-kernel", kernel, "-initrd", initramfs, "-append", append]


def main():
    die_with_parent()
    kernel, initramfs, rootfs, work, accelerator = sys.argv[1:]
    disk = pathlib.Path(work, f"plain-{os.getpid()}.qcow2")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", rootfs, str(disk)], check=True)
    tap = open_tap()
    command = qemu_command(kernel, initramfs, disk, accelerator, tap)
    began = time.monotonic()
    qemu = subprocess.Popen(command, pass_fds=[tap], stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        while not answers():
            if qemu.poll() is not None or time.monotonic() - began > DEADLINE:
                sys.exit("the plain QEMU guest did not answer")
            time.sleep(0.005)
        answered = time.monotonic()
        run_true()
        print(f"{(answered - began) * 1000:.1f} {(time.monotonic() - began) * 1000:.1f}")
    finally:
        qemu.kill()
        qemu.wait()
        disk.unlink()


if __name__ == "__main__":
    main()
