"""The Debian package, installed into a clean Debian and run by systemd in a virtual machine of the tests' own. The tests follow one
another on that machine: installed, used, upgraded, removed. Sandboxes inside it would be emulated by an emulated machine, which
is too slow for them; everything up to that is real."""
import json
import pathlib
import re
import subprocess
import urllib.error
import urllib.request

import pytest

from support.debian_machine import Machine, dependencies, make_tree
from support.server import IMAGES, ROOT

CONTROL_UID = 1879099000
OLD, NEW = "0.1.0-1", "0.1.0-2"
UNITS = ("wrenn-agent", "wrenn-cp")


def build(out, version):
    done = subprocess.run([str(ROOT / "deploy/package.sh"), "--version", version, "--out", str(out)], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The package, and the same with a higher version."""
    out = tmp_path_factory.mktemp("packages")
    old = build(out, OLD)
    tree, new = out / "tree", out / f"wrenn_{NEW}_amd64.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", str(old), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {OLD}\n", f"Version: {NEW}\n"))
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "--build", str(tree), str(new)], check=True, stdout=subprocess.DEVNULL)
    return {OLD: old, NEW: new}


# The commands of docs/install.md: what of them a test runs, and which one. `apt` needs a network: dpkg stands for it.
RUN = {
    "sudo make setup build deb": ("test_package.py", "deploy/package.sh"),
    "sudo apt install ./wrenn_VERSION_amd64.deb": ("test_package.py", '"dpkg", "-i"'),
    "sudo wrenn doctor": ("test_package.py", "wrenn doctor"),
    "sudo systemctl enable --now wrenn-agent wrenn-cp": ("test_package.py", '"systemctl", "enable", "wrenn-agent", "wrenn-cp"'),
    "curl -s http://127.0.0.1:8080/ready": ("test_package.py", "curl -s http://127.0.0.1:8080/ready"),
    "sudo wrenn-admin user create ann@example.com --name Ann": ("test_package.py", "wrenn-admin user create ann@example.com --name Ann"),
    "sudo wrenn-admin key create --name admin": ("test_package.py", "wrenn-admin key create --name"),
    "wrenn sandbox create": ("test_cli.py", '"sandbox", "create"'),
    "wrenn host add rack-1": ("support/registered_host.py", '"host", "add"'),
    "sudo systemctl restart wrenn-cp": ("test_package.py", "systemctl restart wrenn-cp"),
    "sudo systemctl enable --now wrenn-agent": ("test_package.py", '"systemctl", "enable"'),
    "sudo install -m 600 /var/lib/wrenn/control/encryption.key /etc/wrenn/encryption.key":
        ("test_package.py", "install -m 600 /var/lib/wrenn/control/encryption.key /etc/wrenn/encryption.key"),
    "sudo systemctl edit wrenn-cp": ("test_package.py", "LoadCredential=encryption.key:/etc/wrenn/encryption.key"),
    "sudo rm /var/lib/wrenn/control/encryption.key": ("test_package.py", "mv /var/lib/wrenn/control/encryption.key /root/key"),
    "sudo wrenn-admin backup": ("test_package.py", "wrenn-admin backup /var/backups/wrenn/"),
    "sudo systemctl stop wrenn-cp": ("test_package.py", "systemctl stop wrenn-cp"),
    "sudo wrenn-admin restore --force": ("test_package.py", "wrenn-admin restore --force"),
    "sudo systemctl start wrenn-cp": ("test_package.py", "systemctl start wrenn-cp"),
    "sudo apt install ./wrenn_0.2.0-1_amd64.deb": ("test_package.py", "dpkg -i /root/{NEW}.deb"),
    "sudo apt install --allow-downgrades": ("test_package.py", "dpkg -i /root/{OLD}.deb"),
    "sudo apt remove wrenn": ("test_package.py", "dpkg -r wrenn"),
    "sudo rm -rf /var/lib/wrenn /var/backups/wrenn && sudo userdel wrenn": ("test_package.py", "rm -rf /var/lib/wrenn /var/backups/wrenn && userdel wrenn"),
}
# What the guide says that no test runs.
NOT_RUN = ("sudo wrenn-images", "docker build ", "helm install ", "pg_dump ", "pg_restore ")


def test_every_command_of_the_guide_is_run_or_said_not_to_be():
    guide = (ROOT / "docs/install.md").read_text()
    lines = [line.strip() for line in re.findall(r"^    (\S.*)$", guide, re.MULTILINE)]
    commands = [line for line in lines if not re.match(r"(export )?WRENN_[A-Z_]+=", line)]
    assert len(commands) > 25, commands
    used = set()
    for command in commands:
        known = max((one for one in (*RUN, *NOT_RUN) if command.startswith(one)), key=len, default=None)
        assert known, f"no test runs `{command}`: add it to one, or say in docs/install.md that none does"
        used.add(known)
    assert used == {*RUN, *NOT_RUN}, "the guide has these no more"
    for command, (file, text) in RUN.items():
        # The table itself is no test.
        source = re.sub(r"(?s)\nRUN = .*?\n}\n", "\n", (ROOT / "tests" / file).read_text())
        assert text in source, f"{file} does not run `{command}` any more"


class Installed:
    """What the installation into the tree said and left, before anything ran."""
    output = ""
    stats = ""
    enabled = ""


@pytest.fixture(scope="module")
def installed():
    return Installed()


@pytest.fixture(scope="module")
def machine(packages, installed):
    make_tree(dependencies(packages[OLD]))

    def install(tree):
        for version, package in packages.items():
            tree.copy(package, f"/root/{version}.deb")
        installed.output = tree.run("dpkg", "-i", f"/root/{OLD}.deb")
        installed.stats = tree.run("stat", "-c", "%n %a %U %G", "/var/lib/wrenn", "/var/lib/wrenn/run", "/var/lib/wrenn/control",
                                   "/etc/wrenn", "/etc/wrenn/agent.env", "/etc/wrenn/control-plane.env", "/var/backups/wrenn")
        installed.enabled = tree.run("sh", "-c", "systemctl is-enabled wrenn-agent wrenn-cp || true")
        # As an operator goes on: docs/install.md.
        for file in sorted((IMAGES / "kernels").iterdir()):
            tree.copy(file, f"/var/lib/wrenn/kernels/{file.name}")
        tree.run("sed", "-i", "s/^WRENN_CP_LISTEN_ADDR=.*/WRENN_CP_LISTEN_ADDR=0.0.0.0:8080/", "/etc/wrenn/control-plane.env")
        tree.run("systemctl", "enable", "wrenn-agent", "wrenn-cp")
    with Machine() as made:
        made.prepare(install)
        made.boot()
        yield made


def fetch(machine, path, key=None):
    request = urllib.request.Request(f"http://127.0.0.1:{machine.api_port}{path}", headers={"X-API-Key": key} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def doctor(machine):
    checks = json.loads(machine.attempt("wrenn doctor --json")[1])["checks"]
    return {check["name"]: check for check in checks}


def test_the_package_is_lintian_clean(packages):
    done = subprocess.run(["lintian", "--fail-on", "error,warning", "--allow-root", str(packages[OLD])], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 and not done.stdout.strip(), done.stdout


def test_installing_makes_what_is_needed_and_starts_nothing(machine, installed):
    assert "nothing is started yet" in installed.output and "install.md" in installed.output
    assert installed.enabled.split() == ["disabled", "disabled"]
    assert installed.stats.splitlines() == [
        "/var/lib/wrenn 750 root wrenn", "/var/lib/wrenn/run 711 root root", "/var/lib/wrenn/control 700 wrenn wrenn",
        "/etc/wrenn 750 root root", "/etc/wrenn/agent.env 640 root root", "/etc/wrenn/control-plane.env 640 root root",
        "/var/backups/wrenn 700 wrenn wrenn"]
    assert machine.run("getent passwd wrenn").split(":")[2] == str(CONTROL_UID)
    for file in ("usr/share/wrenn/images/build.sh", "usr/lib/wrenn/envd", "usr/share/bash-completion/completions/wrenn",
                 "usr/share/doc/wrenn/install.md"):
        machine.run(f"test -s /{file}")
    # What logrotate is told is something it understands.
    assert "error" not in machine.run("logrotate --debug /etc/logrotate.d/wrenn 2>&1")


def test_both_units_start_and_answer(machine):
    for unit in UNITS:
        machine.wait_for(f"systemctl is-active {unit} || {{ journalctl -u {unit} --no-pager -n 20; false; }}")
    assert fetch(machine, "/health")[1]["status"] == "ok"
    status, ready = fetch(machine, "/ready")
    assert status == 200 and ready["status"] == "ready"
    health = json.loads(machine.run("curl -s --unix-socket /var/lib/wrenn/run/agent.sock http://agent/health"))
    assert health["status"] == "ok"
    agent_ready = json.loads(machine.run("curl -s --unix-socket /var/lib/wrenn/run/agent.sock http://agent/ready"))
    assert agent_ready["status"] == "ready", agent_ready
    # The control plane has reached the agent by its socket.
    machine.wait_for(f"curl -s http://127.0.0.1:8080/ready | grep -q '\"name\":\"hosts\",\"status\":\"ok\"'")
    log = machine.run("journalctl -u wrenn-agent --no-pager")
    assert "hypervisor ready" in log and "accelerator=tcg" in log
    assert "the default template is not ready" in log  # There is no image, and it says so.
    for unit in UNITS:
        assert machine.property(unit, "NRestarts") == "0"


def test_the_control_plane_can_do_next_to_nothing(machine):
    pid = machine.property("wrenn-cp", "MainPID")
    status = dict(line.split(":\t", 1) for line in machine.run(f"cat /proc/{pid}/status").splitlines() if ":\t" in line)
    assert status["Uid"].split() == [str(CONTROL_UID)] * 4 and status["Gid"].split() == [str(CONTROL_UID)] * 4
    assert int(status["CapBnd"], 16) == int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    # As it sees the files of the machine.
    seen = f"/proc/{pid}/root"
    assert machine.run(f"ls -A {seen}/var/lib/wrenn").split() == ["control", "run"]
    for place in ("usr", "etc", "var/lib/wrenn", "var/lib/wrenn/run"):
        assert "Read-only" in machine.attempt(f"touch {seen}/{place}/file")[1], place
    machine.run(f"test -z \"$(ls -A {seen}/root)\" -a ! -e {seen}/dev/vda -a ! -e {seen}/dev/kvm")
    # Whatever it might be made to run, it can run nothing.
    assert "Permission denied" in machine.attempt(f"nsenter --target {pid} --mount -- /bin/true")[1]
    report = machine.run("systemd-analyze security --no-pager wrenn-cp.service")
    exposure = float(re.search(r"exposure level for wrenn-cp.service: ([0-9.]+)", report).group(1))
    assert exposure <= 1.5, report


def test_the_agent_has_the_capabilities_it_needs_and_no_others(machine):
    pid = machine.property("wrenn-agent", "MainPID")
    status = dict(line.split(":\t", 1) for line in machine.run(f"cat /proc/{pid}/status").splitlines() if ":\t" in line)
    held = int(status["CapEff"], 16)
    numbers = {"SYS_MODULE": 16, "SYS_RAWIO": 17, "SYS_BOOT": 22, "SYS_TIME": 25, "AUDIT_CONTROL": 30, "SYSLOG": 34, "BPF": 39}
    assert not [name for name, bit in numbers.items() if held >> bit & 1]
    assert status["Seccomp"] == "2"
    # In the machine's own mount namespace: what it pins outlives it.
    assert machine.run(f"readlink /proc/{pid}/ns/mnt") == machine.run("readlink /proc/1/ns/mnt")
    assert machine.run("ls /run/netns").split()  # Network slots, made ahead.
    assert machine.run("sysctl -n net.ipv4.ip_forward net.ipv4.neigh.default.gc_thresh3").split() == ["1", "16384"]


@pytest.fixture(scope="module")
def key(machine):
    text = machine.run("wrenn-admin key create --name test").strip()
    assert re.fullmatch(r"wrn_[0-9a-f]{32}", text), text
    return text


def test_the_operator_acts_as_the_control_plane(machine, key):
    assert fetch(machine, "/v1/capsules", key)[0] == 200
    assert fetch(machine, "/v1/capsules", "wrn_" + "0" * 32)[0] == 401
    password = machine.run("wrenn-admin user create ann@example.com --name Ann").strip()
    assert len(password) >= 16
    assert "ann@example.com" in machine.run("wrenn-admin user ls")
    assert machine.run("find /var/lib/wrenn/control ! -user wrenn") == ""
    # The settings of the service count, and failures come through.
    status, said = machine.attempt("wrenn-admin key revoke nosuchkey")
    assert status == 1 and "key ls" in said
    assert "sudo" in machine.attempt("setpriv --reuid=nobody --clear-groups wrenn-admin key ls")[1]


def test_a_backup_comes_back(machine, key):
    said = machine.run("wrenn-admin backup /var/backups/wrenn/first")
    assert "control/encryption.key" in said
    fingerprint = re.search(r"encryption key ([0-9a-f]{16})", said).group(1)
    assert machine.run("stat -c '%a %U' /var/backups/wrenn/first").strip() == "600 wrenn"
    machine.run("wrenn-admin backup - >/root/second 2>/dev/null && test -s /root/second")
    # Somebody uses the database: nothing is changed.
    status, said = machine.attempt("wrenn-admin restore --force /var/backups/wrenn/first")
    assert status == 1 and "systemctl stop wrenn-cp" in said
    later = machine.run("wrenn-admin key create --name later").strip()
    machine.run("systemctl stop wrenn-cp")
    status, said = machine.attempt("wrenn-admin restore /var/backups/wrenn/first")
    assert status == 1 and "--force" in said
    status, said = machine.attempt("mv /var/lib/wrenn/control/encryption.key /root/key && wrenn-admin restore --force /var/backups/wrenn/first")
    assert status == 1 and fingerprint in said
    machine.run("mv /root/key /var/lib/wrenn/control/encryption.key")
    assert "Restored" in machine.run("wrenn-admin restore --force - </root/second")
    machine.run("systemctl start wrenn-cp")
    assert fetch(machine, "/v1/capsules", key)[0] == 200
    assert fetch(machine, "/v1/capsules", later)[0] == 401
    assert machine.run("ls /var/lib/wrenn/control").count("wrenn.db.replaced-") == 1


def test_doctor_knows_the_services(machine):
    checks = doctor(machine)
    for name in ("host agent", "control plane", "control plane's user", "settings agent.env", "settings control-plane.env"):
        assert checks[name]["status"] == "ok", checks[name]
    assert "wrenn-agent.service" in checks["host agent"]["detail"]
    for name in ("hardware virtualization", "kernel settings", "open files", "clock", "swap", "disk type"):
        assert checks[name]["detail"], name
    assert checks["kernel settings"]["status"] == "ok", checks["kernel settings"]
    assert checks["templates"]["status"] == "fail" and checks["templates"]["remedy"]
    machine.run("chmod 644 /etc/wrenn/agent.env && systemctl disable --quiet wrenn-cp")
    checks = doctor(machine)
    assert checks["settings agent.env"]["status"] == "fail" and "chmod 640" in checks["settings agent.env"]["remedy"]
    assert checks["control plane"]["remedy"] == "systemctl enable wrenn-cp.service"
    machine.run("chmod 640 /etc/wrenn/agent.env && systemctl enable --quiet wrenn-cp")
    # Two that start things do not get in each other's way.
    for command in ("up", "down"):
        status, said = machine.attempt(f"wrenn {command}")
        assert status == 1 and "systemctl stop" in said


def test_a_key_may_be_a_credential(machine, key):
    machine.run("""set -e
        install -m 600 /var/lib/wrenn/control/encryption.key /etc/wrenn/encryption.key
        mkdir -p /etc/systemd/system/wrenn-cp.service.d
        printf '[Service]\\nLoadCredential=encryption.key:/etc/wrenn/encryption.key\\n' >/etc/systemd/system/wrenn-cp.service.d/key.conf
        mv /var/lib/wrenn/control/encryption.key /root/key
        systemctl daemon-reload
        systemctl restart wrenn-cp""")
    assert fetch(machine, "/v1/capsules", key)[0] == 200
    machine.run("wrenn-admin backup /var/backups/wrenn/with-credential")
    machine.run("""set -e
        mv /root/key /var/lib/wrenn/control/encryption.key
        rm /etc/wrenn/encryption.key /etc/systemd/system/wrenn-cp.service.d/key.conf
        systemctl daemon-reload
        systemctl restart wrenn-cp""")


@pytest.fixture(scope="module")
def bystanders(machine):
    """Two processes that stand in for virtual machines, since none can run here: QEMU in a cgroup of its own, as the agent makes
    them on a machine with cgroups, and in the service's own, where they are without."""
    return machine.run("""set -e
        group=/sys/fs/cgroup/wrenn-test/vm
        mkdir -p $group
        for controllers in /sys/fs/cgroup /sys/fs/cgroup/wrenn-test; do echo '+memory +cpu +pids' >$controllers/cgroup.subtree_control; done
        echo 300M >$group/memory.max
        echo '50000 100000' >$group/cpu.max
        for place in $group /sys/fs/cgroup/system.slice/wrenn-agent.service; do
          setsid qemu-system-x86_64 -M none -nodefaults -display none </dev/null >/dev/null 2>&1 &
          echo $! >$place/cgroup.procs
          echo $!
        done""").split()


def check_bystanders(machine, bystanders):
    for pid in bystanders:
        machine.run(f"test $(cat /proc/{pid}/comm) = qemu-system-x86")
    # systemd has taken no controller away from the group beside its own.
    limits = machine.run("cd /sys/fs/cgroup/wrenn-test/vm && cat cgroup.procs memory.max cpu.max").split()
    assert limits == [bystanders[0], str(300 << 20), "50000", "100000"]


def test_virtual_machines_outlive_the_agent(machine, bystanders):
    before = machine.property("wrenn-agent", "MainPID")
    machine.run("systemctl restart wrenn-agent && systemctl daemon-reload")
    assert machine.property("wrenn-agent", "MainPID") != before
    check_bystanders(machine, bystanders)
    machine.run("systemctl stop wrenn-agent && sleep 1")
    check_bystanders(machine, bystanders)
    machine.run("systemctl start wrenn-agent")
    check_bystanders(machine, bystanders)


def test_a_killed_agent_is_started_again(machine, bystanders):
    before = machine.property("wrenn-agent", "MainPID")
    machine.run(f"kill -KILL {before}")
    machine.wait_for("sleep 1; systemctl is-active wrenn-agent")
    assert machine.property("wrenn-agent", "MainPID") != before
    check_bystanders(machine, bystanders)
    machine.wait_for("curl -s http://127.0.0.1:8080/ready | grep -q '\"name\":\"hosts\",\"status\":\"ok\"'")


def test_an_upgrade_keeps_everything(machine, key, bystanders):
    before = {unit: machine.property(unit, "MainPID") for unit in UNITS}
    machine.run("echo '# mine' >>/etc/wrenn/agent.env")
    settings = machine.run("cat /etc/wrenn/*.env")
    said = machine.run(f"DEBIAN_FRONTEND=noninteractive dpkg -i /root/{NEW}.deb")
    assert "nothing is started yet" not in said
    assert machine.run("dpkg-query -W -f '${Version} ${db:Status-Status}' wrenn").split() == [NEW, "installed"]
    assert machine.run("cat /etc/wrenn/*.env") == settings
    for unit in UNITS:
        machine.wait_for(f"systemctl is-active {unit}")
        assert machine.property(unit, "MainPID") != before[unit], "the old program runs on"
    check_bystanders(machine, bystanders)
    assert fetch(machine, "/v1/capsules", key)[0] == 200
    # And back: the older version knows the database still.
    machine.run(f"DEBIAN_FRONTEND=noninteractive dpkg -i /root/{OLD}.deb")
    assert fetch(machine, "/v1/capsules", key)[0] == 200


def test_removing_keeps_the_data(machine, key, bystanders):
    machine.run("dpkg -r wrenn")
    for unit in UNITS:
        assert machine.attempt(f"systemctl is-active {unit}")[1].strip() in ("inactive", "failed")
    check_bystanders(machine, bystanders)
    machine.run("test -e /etc/wrenn/control-plane.env -a -e /var/lib/wrenn/control/wrenn.db -a ! -e /usr/bin/wrenn-agent")
    machine.run(f"DEBIAN_FRONTEND=noninteractive dpkg -i /root/{NEW}.deb")
    machine.run("systemctl start wrenn-agent wrenn-cp")
    assert fetch(machine, "/v1/capsules", key)[0] == 200
    # Sandboxes end only when they are told to.
    machine.run("systemctl stop wrenn-cp wrenn-agent && wrenn down")
    check_bystanders(machine, bystanders)
    said = machine.run("dpkg --purge wrenn 2>&1")
    assert "rm -rf /var/lib/wrenn" in said
    machine.run("test ! -e /etc/wrenn -a -e /var/lib/wrenn/control/wrenn.db -a -e /var/lib/wrenn/control/encryption.key")
    assert machine.attempt("ls /etc/systemd/system/multi-user.target.wants/ | grep wrenn")[1] == ""
    machine.run("rm -rf /var/lib/wrenn /var/backups/wrenn && userdel wrenn")
    assert machine.attempt("getent passwd wrenn")[0] != 0
