"""Makes a guest of an image's file system: looks whether it has what a guest needs, and puts in what Wrenn brings."""
import pathlib
import re

import elf
from errors import Refused, shown

AGENT = "/usr/local/bin/envd"
INIT = "/usr/local/bin/wrenn-init"
TINI = "/usr/bin/tini"
USER = "user"  # Who commands run as unless told otherwise.
FIRST_UID = 1000
MAX_UID = 59_999
PATHS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")

# What the guest looks for, what for, and the package that has it: of Debian, Alpine, Fedora.
REQUIRED = (
    ("/bin/sh", "commands", ("dash", "busybox", "bash")),
    ("ls", "warming up", ("coreutils", "busybox", "coreutils")),
    ("true", "warming up", ("coreutils", "busybox", "coreutils")),
    ("sync", "snapshots and pausing", ("coreutils", "busybox", "coreutils")),
)
WANTED = (
    ("bash", "terminals", ("bash", "bash", "bash")),
    ("socat", "ports that programs open on localhost alone", ("socat", "socat", "socat")),
    ("sudo", "commands that the user runs as root", ("sudo", "sudo", "sudo")),
    ("ip", "looking at the network", ("iproute2", "iproute2", "iproute")),
    ("/etc/ssl/certs/ca-certificates.crt", "TLS, and CA certificates that a sandbox is given", ("ca-certificates", "ca-certificates", "ca-certificates")),
    ("chronyd", "the clock, on hosts with KVM", ("chrony", "chrony", "chrony")),
    ("resize2fs", "sandboxes with a larger disk than the template's", ("e2fsprogs", "e2fsprogs-extra", "e2fsprogs")),
    ("curl", "downloads", ("curl", "curl", "curl")),
    ("git", "sources", ("git", "git", "git")),
    ("python3", "agents' scripts", ("python3", "python3", "python3")),
)
INSTALLERS = {"debian": (0, "apt-get update && apt-get install -y --no-install-recommends"), "alpine": (1, "apk add --no-cache"),
              "fedora": (2, "dnf install -y")}
# Those that say so in os-release are told by ID_LIKE.
RELATIVES = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora", "rocky": "fedora", "almalinux": "fedora", "amzn": "fedora"}


def os_release(tree):
    values = {}
    for line in (tree.read_text("/etc/os-release") or tree.read_text("/usr/lib/os-release")).splitlines():
        key, _, value = line.partition("=")
        values[key.strip()] = value.strip().strip("\"'")
    return values


def installer(tree, packages):
    """How the packages of these (Debian, Alpine, Fedora) are installed in the image."""
    release = os_release(tree)
    for name in (release.get("ID", ""), *release.get("ID_LIKE", "").split()):
        family = RELATIVES.get(name, name)
        if family in INSTALLERS:
            column, command = INSTALLERS[family]
            return f"RUN {command} {' '.join(dict.fromkeys(one[column] for one in packages))}"
    return "install in the image: " + " ".join(dict.fromkeys(one[0] for one in packages))


def program(tree, name):
    """The node of a program, by path or looked for as a shell does; None if there is none that can be executed."""
    for path in [name] if name.startswith("/") else [f"{directory}/{name}" for directory in PATHS]:
        node = tree.find(path)
        if node is not None and node.kind == "file" and (node.mode & 0o111 or name.endswith(".crt")):
            return node
    return None


def check_programs(tree):
    """Refuses a file system that cannot be a guest; returns warnings (text) about what it lacks."""
    missing = [one for one in REQUIRED if program(tree, one[0]) is None]
    if missing:
        raise Refused("the image lacks what a guest cannot be without: " + ", ".join(f"{name} (for {why})" for name, why, _ in missing),
                      "in its Dockerfile: " + installer(tree, [one[2] for one in missing]))
    check_machine(tree)
    wanting = [one for one in WANTED if program(tree, one[0]) is None]
    if not wanting:
        return []
    return ["the image lacks " + ", ".join(f"{pathlib.Path(name).name} (for {why})" for name, why, _ in wanting),
            "to have all of it, in its Dockerfile: " + installer(tree, [one[2] for one in wanting])]


def check_machine(tree):
    shell = program(tree, "/bin/sh")
    try:
        read = elf.Program(tree.blobs.read(shell.blob, 1 << 22))
    except ValueError as error:
        raise Refused(f"/bin/sh of the image is no program: {error}") from None
    if read.machine != elf.EM_X86_64:
        raise Refused("/bin/sh of the image is for another processor than x86-64", "get the image for linux/amd64")
    if read.interpreter and program(tree, read.interpreter) is None:
        raise Refused(f"/bin/sh of the image needs {shown(read.interpreter)}, which is not there", "layers may be missing; make the image anew")


def inject(tree, programs, settings):
    """`programs`: {path in the guest: file}. `settings`: a directory with the files of /etc that every guest has."""
    for path, file in programs.items():
        elf.check_static(file)
        tree.put_file(path, file, 0o755)
    for path, mode in (("/proc", 0o555), ("/sys", 0o555), ("/dev", 0o755), ("/run", 0o755), ("/root", 0o700), ("/tmp", 0o1777),
                       ("/var/tmp", 0o1777)):
        tree.put_directory(path, mode)
    for name in ("hostname", "hosts", "resolv.conf"):
        tree.put_file(f"/etc/{name}", f"{settings}/{name}")
    tree.put_file("/etc/machine-id", b"")
    if program(tree, "chronyd"):
        tree.put_file("/etc/chrony/chrony.conf", f"{settings}/chrony/chrony.conf")
        # Where other systems than Debian look for it.
        tree.put_file("/etc/chrony.conf", f"{settings}/chrony/chrony.conf")
    add_user(tree)
    if program(tree, "sudo"):
        tree.put_file(f"/etc/sudoers.d/{USER}", f"{settings}/sudoers.d/user", 0o440)


def add_user(tree):
    """The user that commands run as, unless the image has one of that name already. And root, if there is nobody."""
    passwd, group = tree.read_text("/etc/passwd"), tree.read_text("/etc/group")
    names = fields_of(passwd, 0)
    if USER in names:
        return
    if "root" not in names:
        passwd = "root:x:0:0:root:/root:/bin/sh\n" + passwd
    if "root" not in fields_of(group, 0):
        group = "root:x:0:\n" + group
    taken = fields_of(passwd, 2) | fields_of(group, 2)
    uid = next((one for one in range(FIRST_UID, MAX_UID) if str(one) not in taken), None)
    if uid is None:
        raise Refused("the image has no free user id")
    shell = "/bin/bash" if program(tree, "/bin/bash") else "/bin/sh"
    home = f"/home/{USER}"
    put_text(tree, "/etc/passwd", ended(passwd) + f"{USER}:x:{uid}:{uid}::{home}:{shell}\n")
    if USER not in fields_of(group, 0):
        group = ended(group) + f"{USER}:x:{uid}:\n"
    put_text(tree, "/etc/group", group)
    shadow = tree.find("/etc/shadow")
    if shadow is not None and shadow.kind == "file":
        put_text(tree, "/etc/shadow", ended(tree.read_text("/etc/shadow")) + f"{USER}:!:19000:0:99999:7:::\n", shadow.mode, shadow.gid)
    tree.put_directory("/home")
    tree.put_directory(home, 0o755, uid, uid)


def fields_of(text, number):
    return {fields[number] for line in text.splitlines() if len(fields := line.split(":")) > number}


def ended(text):
    return text if not text or text.endswith("\n") else text + "\n"


def put_text(tree, path, text, mode=0o644, gid=0):
    tree.put_file(path, text.encode("utf-8", "surrogateescape"), mode)
    tree.find(path).gid = gid


# What the image says about how it is run


def image_config(document, source, digest):
    """What is kept of an image's configuration, as image-config.json has it. `document`: the configuration, which anybody may have
    written, so only what has the right form is taken."""
    config = document.get("config")
    config = config if isinstance(config, dict) else {}

    def texts(key):
        value = config.get(key)
        return value if isinstance(value, list) and len(value) < 1000 and all(isinstance(one, str) and "\0" not in one for one in value) else []

    def text(key):
        value = config.get(key)
        return value if isinstance(value, str) and len(value) < 4096 and "\0" not in value else ""

    ports = config.get("ExposedPorts")
    ports = sorted(one for one in ports if re.fullmatch(r"[0-9]{1,5}/(tcp|udp)", one)) if isinstance(ports, dict) else []
    return {"format": 1, "source": source, "digest": digest, "env": [one for one in texts("Env") if "=" in one[1:]],
            "working_dir": text("WorkingDir"), "user": text("User"), "entrypoint": texts("Entrypoint"), "cmd": texts("Cmd"),
            "exposed_ports": ports[:1000]}
