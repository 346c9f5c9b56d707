"""A Debian machine with systemd, of the tests' own: a virtual machine under QEMU whose disk is made of a file tree. It is where
the Debian package is tested. Its network is QEMU's user network, of which one port of 127.0.0.1 leads inside."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from support.server import GUARD, IMAGES, ROOT, free_port

CACHE = IMAGES / "cache" / "package-machine"
SHELL_PORT = 2222
MEMORY_MB = 2048
DISK_MB = 4096
BOOT_SECONDS = 600

# Every connection to the port gets a shell of root's: that is how the tests drive the machine.
SHELL_SOCKET = f"""[Unit]
DefaultDependencies=no
After=systemd-networkd.service
[Socket]
ListenStream={SHELL_PORT}
Accept=yes
MaxConnections=16
[Install]
WantedBy=multi-user.target
"""
SHELL_SERVICE = """[Unit]
CollectMode=inactive-or-failed
[Service]
ExecStart=/bin/bash
StandardInput=socket
StandardOutput=socket
StandardError=socket
KillMode=process
Environment=HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
"""
NETWORK = """[Match]
Name=eth* en*
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
LinkLocalAddressing=no
IPv6AcceptRA=no
"""


def tsc_khz():
    """The rate that the guest is told: measuring it under emulation fails at random (src/vm/qemu/tsc.h)."""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("cpu MHz"):
            return int(float(line.split(":")[1]) * 1000)
    return 2_000_000


class Failure(AssertionError):
    pass


class Tree:
    """A copy of the machine's file tree, to be changed and then made a disk of."""

    def __init__(self, work):
        self.path = work / "tree"
        subprocess.run(["cp", "-a", "--reflink=auto", str(CACHE / "tree"), str(self.path)], check=True)
        # Here documentation is installed too.
        for rules in (self.path / "etc/dpkg/dpkg.cfg.d").glob("*"):
            rules.unlink()
        self.write("/etc/systemd/system/test-shell.socket", SHELL_SOCKET)
        self.write("/etc/systemd/system/test-shell@.service", SHELL_SERVICE)
        self.write("/etc/systemd/network/10-test.network", NETWORK)
        self.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self.write("/etc/hostname", "machine\n")
        self.write("/etc/fstab", "/dev/vda / ext4 defaults 0 0\n")
        wanted = self.path / "etc/systemd/system/multi-user.target.wants"
        wanted.mkdir(exist_ok=True)
        for unit, place in (("test-shell.socket", "/etc/systemd/system"), ("systemd-networkd.service", "/lib/systemd/system")):
            (wanted / unit).symlink_to(f"{place}/{unit}")
        # Nobody logs in, and nothing of these says anything about Wrenn.
        for unit in ("getty.target", "systemd-logind.service", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
                     "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "systemd-networkd-wait-online.service",
                     "systemd-udev-settle.service", "chrony.service"):
            self.mask(unit)

    def mask(self, unit):
        link = self.path / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")

    def write(self, name, text, mode=0o644):
        file = self.path / name.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def copy(self, source, name):
        file = self.path / name.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(source), str(file)], check=True)

    def run(self, *command):
        """In the tree, as in a container without systemd; what it mounts ends with it."""
        script = 'mount -t proc proc "$1/proc" && shift && exec chroot "$@"'
        done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--propagation", "private", "sh", "-ec", script, "sh",
                               str(self.path), str(self.path), *command],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"})
        if done.returncode != 0:
            raise Failure(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")
        return done.stdout

    def make_disk(self, image):
        with open(image, "wb") as file:
            file.truncate(DISK_MB << 20)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0", "-d",
                        str(self.path), str(image)], check=True)
        shutil.rmtree(self.path)


class Machine:
    """`with Machine() as machine:` after `prepare`; it has booted then."""

    def __init__(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="wrenn-package-", dir="/var/tmp"))
        self.disk = self.work / "disk.img"
        self.console = self.work / "console.log"
        self.port = free_port()
        self.api_port = free_port()
        self.process = None
        # Removes the directory should we be killed; QEMU ends with us in any case.
        self.guard = subprocess.Popen([sys.executable, str(GUARD), "/bin/true", str(self.work)], stdin=subprocess.PIPE,
                                      start_new_session=True)

    def command(self):
        version = (IMAGES / "cache/images/kernel.version").read_text().strip()
        command_line = ("console=ttyS0 quiet panic=-1 reboot=t audit=0 cryptomgr.notests mitigations=off init=/lib/systemd/systemd "
                        f"systemd.show_status=1 systemd.log_target=journal-or-kmsg net.ifnames=0 tsc_early_khz={tsc_khz()}")
        forward = f"hostfwd=tcp:127.0.0.1:{self.port}-:{SHELL_PORT},hostfwd=tcp:127.0.0.1:{self.api_port}-:8080"
        return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-name", "wrenn-package-test",
                "-machine", "microvm,acpi=on,rtc=on,isa-serial=on,auto-kernel-cmdline=off,pit=off,pic=off",
                "-accel", "tcg,tb-size=512,thread=multi", "-cpu", "max,-svm", "-smp", "2", "-m", f"{MEMORY_MB}M",
                "-drive", f"if=none,id=disk,file={self.disk},format=raw,cache=unsafe", "-device", "virtio-blk-device,drive=disk",
                "-netdev", f"user,id=net,restrict=on,{forward}", "-device", "virtio-net-device,netdev=net",
                "-device", "virtio-rng-device", "-serial", f"file:{self.console}",
                "-kernel", str(IMAGES / "kernels" / f"vmlinux-{version}"), "-initrd", str(IMAGES / "kernels" / f"initramfs-{version}"),
                "-append", command_line]

    def prepare(self, change):
        """`change(tree)` makes of a plain Debian what is to be booted."""
        tree = Tree(self.work)
        change(tree)
        tree.make_disk(self.disk)

    def boot(self):
        # Ends with us, however we end.
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.command()], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=open(self.work / "qemu.log", "wb"))
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            try:
                if self.attempt("echo up", 60)[1].strip() == "up":
                    return
            except (OSError, Failure):
                pass
            if self.process.poll() is not None:
                raise Failure(f"QEMU ended: {(self.work / 'qemu.log').read_text()}\n{self.last_lines()}")
            if time.monotonic() > deadline:
                raise Failure(f"the machine did not boot within {BOOT_SECONDS} s\n{self.last_lines()}")
            time.sleep(0.5)

    def last_lines(self, count=40):
        return "\n".join(self.console.read_text(errors="replace").splitlines()[-count:]) if self.console.exists() else ""

    def attempt(self, script, seconds=300):
        """(status, output) of a script of bash that root runs inside."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(f"(\n{script}\n) 2>&1 </dev/null\necho \"::status $?\"\nexit\n".encode())
            connection.shutdown(socket.SHUT_WR)
            output = b""
            while piece := connection.recv(65536):
                output += piece
        text = output.decode(errors="replace")
        body, mark, status = text.rpartition("::status ")
        if not mark:
            raise Failure(f"the machine did not answer: {script}\n{text}")
        return int(status), body

    def run(self, script, seconds=300):
        status, output = self.attempt(script, seconds)
        if status != 0:
            raise Failure(f"status {status} of: {script}\n{output}")
        return output

    def wait_for(self, script, seconds=300):
        """Until it succeeds."""
        deadline = time.monotonic() + seconds
        while True:
            status, output = self.attempt(script)
            if status == 0:
                return output
            if time.monotonic() > deadline:
                raise Failure(f"never came true: {script}\n{output}")
            time.sleep(1)

    def property(self, unit, name):
        return self.run(f"systemctl show --property={name} --value {unit}").strip()

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.work, ignore_errors=True)
        self.guard.communicate(b"done")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def make_tree(depends):
    """Makes the file tree that machines are copied from, which takes minutes the first time."""
    done = subprocess.run([str(ROOT / "tests/package/machine.sh"), "--depends", ",".join(depends), "--out", str(IMAGES)],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise Failure(done.stdout)


def dependencies(package):
    """Names of what a package needs, without versions; of alternatives the first."""
    field = subprocess.run(["dpkg-deb", "--field", str(package), "Depends"], text=True, check=True, capture_output=True).stdout
    names = {part.split("|")[0].split("(")[0].strip() for part in field.split(",")}
    return sorted(names - {"libc6", "libgcc-s1", "systemd", "init-system-helpers"})
