"""Tests of guest.py and elf.py: what a guest needs is looked for, and what Wrenn brings lands where it should."""
import pathlib
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import elf
import guest
import testing
from errors import Refused
from tarstream import Chunks, TarStream
from testing import entry
from tree import Blobs, Tree


def program(machine=elf.EM_X86_64, kind=3, interpreter=None, needs=0, size=64):
    """A file with the headers of one."""
    segments = []
    if interpreter is not None:
        segments.append((elf.PT_INTERP, interpreter.encode() + b"\0"))
    segments.append((elf.PT_DYNAMIC, struct.pack("<QQ", elf.DT_NEEDED, 1) * needs + struct.pack("<QQ", 0, 0)))
    at = size + 56 * len(segments)
    headers, contents = b"", b""
    for what, content in segments:
        headers += struct.pack("<IIQQQQQQ", what, 4, at + len(contents), 0, 0, len(content), len(content), 8)
        contents += content
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, size, 0, 0, 64, 56, len(segments), 0, 0, 0)
    return head + headers + contents


SHELL = program(interpreter="/lib64/ld.so")
ESSENTIALS = [entry("bin/sh", SHELL, mode=0o755), entry("lib64/ld.so", "x", mode=0o755), *(entry(f"usr/bin/{name}", "x", mode=0o755) for name in ("ls", "true", "sync"))]


class ElfTest(unittest.TestCase):
    def test_static_programs_are_known(self):
        for how, is_static in (({}, True), ({"kind": 2}, True), ({"interpreter": "/lib64/ld.so"}, False), ({"needs": 2}, False),
                               ({"interpreter": "/lib64/ld.so", "needs": 1}, False)):
            self.assertEqual(elf.Program(program(**how)).is_static, is_static, how)

    def test_the_machines_own_programs_are_not(self):
        read = elf.Program(pathlib.Path("/bin/sh").read_bytes())
        self.assertFalse(read.is_static)
        self.assertIn("ld-linux", read.interpreter)

    def test_what_is_no_program_is_refused(self):
        good = program()
        for data in (b"", b"#!/bin/sh\n" * 10, good[:63], good[:70], b"\x7fELF\x01" + good[5:], program(kind=1), program(kind=4)):
            with self.assertRaises(ValueError):
                elf.Program(data)

    def test_no_byte_makes_it_fail_otherwise(self):
        good = program(interpreter="/lib64/ld.so", needs=3)
        for at in range(len(good)):
            for value in (0, 1, 0x7f, 0x80, 0xff):
                try:
                    elf.Program(good[:at] + bytes([value]) + good[at + 1:])
                except ValueError:
                    pass


class GuestTest(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory(prefix="wrenn-oci-test-")
        self.addCleanup(work.cleanup)
        self.work = pathlib.Path(work.name)
        self.count = 0

    def tree(self, *entries):
        self.count += 1
        made = Tree(Blobs(str(self.work / f"blobs{self.count}"), 1 << 24))
        made.apply_flat(TarStream(Chunks([testing.tar(*entries)])))
        return made

    def refuses(self, *entries):
        with self.assertRaises(Refused) as caught:
            guest.check_programs(self.tree(*entries))
        return f"{caught.exception.message} | {caught.exception.remedy}"

    # What it needs

    def test_what_must_be_there_is_named_with_the_way_to_get_it(self):
        words = self.refuses(entry("etc/os-release", 'ID="alpine"\n'))
        for name in ("/bin/sh", "ls", "true", "sync", "RUN apk add --no-cache busybox"):
            self.assertIn(name, words)
        debian = self.refuses(entry("etc/os-release", "ID=debian\n"), *ESSENTIALS[:3])
        self.assertIn("lacks what a guest cannot be without: true (for warming up), sync", debian)
        self.assertIn("RUN apt-get update && apt-get install -y --no-install-recommends coreutils", debian)
        self.assertIn("RUN dnf install -y coreutils", self.refuses(entry("usr/lib/os-release", "ID=amzn\n"), *ESSENTIALS[:4]))
        self.assertIn("RUN dnf install -y coreutils", self.refuses(entry("etc/os-release", 'ID=mine\nID_LIKE="rhel fedora"\n'), *ESSENTIALS[:4]))
        self.assertIn("install in the image: coreutils", self.refuses(*ESSENTIALS[:4]))

    def test_what_should_be_there_is_a_warning(self):
        warnings = " ".join(guest.check_programs(self.tree(entry("etc/os-release", "ID=ubuntu\n"), *ESSENTIALS)))
        for words in ("socat (for ports", "sudo (for", "ca-certificates.crt (for TLS", "apt-get install -y --no-install-recommends bash socat sudo iproute2"):
            self.assertIn(words, warnings)
        everything = [entry(f"usr/sbin/{name}", "x", mode=0o755) for name, _, _ in guest.WANTED if not name.startswith("/")]
        certificates = entry("etc/ssl/certs/ca-certificates.crt", "x")
        self.assertEqual(guest.check_programs(self.tree(*ESSENTIALS, *everything, certificates)), [])

    def test_programs_are_found_through_links_and_must_be_executable(self):
        links = [entry("bin", "usr/bin", "symlink"), entry("usr/bin/sh", "/etc/alternatives/sh", "symlink"), entry("etc/alternatives/sh", "/usr/bin/dash", "symlink"),
                 entry("usr/bin/dash", SHELL, mode=0o755)]
        guest.check_programs(self.tree(*links, *ESSENTIALS[1:]))
        self.assertIn("/bin/sh", self.refuses(entry("bin/sh", SHELL, mode=0o644), *ESSENTIALS[1:]))
        self.assertIn("/bin/sh", self.refuses(entry("bin/sh", "/nowhere", "symlink"), *ESSENTIALS[1:]))

    def test_a_shell_that_cannot_run_is_refused(self):
        self.assertIn("another processor", self.refuses(entry("bin/sh", program(machine=183), mode=0o755), *ESSENTIALS[1:]))
        self.assertIn("is no program", self.refuses(entry("bin/sh", "#!/bin/sh", mode=0o755), *ESSENTIALS[1:]))
        self.assertIn("needs /lib64/ld.so, which is not there", self.refuses(ESSENTIALS[0], *ESSENTIALS[2:]))

    # What Wrenn brings

    def inject(self, tree, **programs):
        settings = self.work / "settings"
        for name in ("hostname", "hosts", "resolv.conf", "chrony/chrony.conf", "sudoers.d/user"):
            (settings / name).parent.mkdir(parents=True, exist_ok=True)
            (settings / name).write_text(f"our {name}\n")
        (self.work / "static").write_bytes(program())
        guest.inject(tree, programs or {guest.AGENT: self.work / "static", guest.TINI: self.work / "static"}, str(settings))

    def test_programs_and_settings_replace_what_is_there_even_links_that_lead_away(self):
        tree = self.tree(*ESSENTIALS, entry("etc/resolv.conf", "/etc/shadow", "symlink"), entry("etc/shadow", "root:*:1::::::\n", mode=0o640, gid=42),
                         entry("usr/local", "/opt", "symlink"), entry("opt/bin/envd", "/bin/sh", "symlink"), entry("usr/bin/tini/", ), entry("usr/bin/tini/x", ""))
        self.inject(tree)
        self.assertEqual(tree.blobs.read(tree.find("/usr/local/bin/envd").blob, 1 << 20), program())
        self.assertEqual(tree.find("/opt/bin/envd").mode, 0o755)
        self.assertEqual(tree.find("/usr/bin/tini").kind, "file")
        self.assertEqual(tree.blobs.read(tree.find("/bin/sh").blob, 1 << 20), SHELL)
        self.assertEqual(tree.read_text("/etc/resolv.conf"), "our resolv.conf\n")
        self.assertIn("user:!:", tree.read_text("/etc/shadow"))
        self.assertEqual((tree.find("/etc/shadow").mode, tree.find("/etc/shadow").gid), (0o640, 42))
        self.assertEqual(tree.read_text("/etc/machine-id"), "")
        self.assertEqual((tree.find("/tmp").mode, tree.find("/root").mode), (0o1777, 0o700))
        self.assertIsNone(tree.find("/etc/sudoers.d/user"), "there is no sudo")

    def test_sudo_and_chrony_are_set_up_where_they_are(self):
        tree = self.tree(*ESSENTIALS, entry("usr/bin/sudo", "x", mode=0o4755), entry("usr/sbin/chronyd", "x", mode=0o755))
        self.inject(tree)
        self.assertEqual((tree.read_text("/etc/sudoers.d/user"), tree.find("/etc/sudoers.d/user").mode), ("our sudoers.d/user\n", 0o440))
        self.assertEqual(tree.read_text("/etc/chrony/chrony.conf"), "our chrony/chrony.conf\n")

    def test_the_user_gets_the_first_free_id(self):
        tree = self.tree(*ESSENTIALS, entry("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nnode:x:1000:1000::/home/node:/bin/sh"),
                         entry("etc/group", "root:x:0:\nnode:x:1000:\nother:x:1001:\n"))
        self.inject(tree)
        self.assertEqual(tree.read_text("/etc/passwd").splitlines()[-1], "user:x:1002:1002::/home/user:/bin/sh")
        self.assertEqual(tree.read_text("/etc/group").splitlines()[-1], "user:x:1002:")
        self.assertEqual((tree.find("/home/user").uid, tree.find("/home/user").mode), (1002, 0o755))

    def test_an_image_with_the_user_keeps_it_and_one_with_nobody_gets_root_too(self):
        passwd = "root:x:0:0:root:/root:/bin/bash\nuser:x:5:6::/srv:/bin/sh\n"
        tree = self.tree(*ESSENTIALS, entry("etc/passwd", passwd))
        self.inject(tree)
        self.assertEqual(tree.read_text("/etc/passwd"), passwd)
        tree = self.tree(*ESSENTIALS)
        self.inject(tree)
        self.assertEqual(tree.read_text("/etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
        self.assertEqual(tree.read_text("/etc/group"), "root:x:0:\nuser:x:1000:\n")

    def test_a_program_that_is_not_static_is_refused(self):
        for how, words in (({"needs": 2}, "2 shared libraries"), ({"interpreter": "/lib64/ld.so"}, "the interpreter /lib64/ld.so"), ({"machine": 183}, "another processor")):
            (self.work / "bad").write_bytes(program(**how))
            with self.assertRaises(Refused) as caught:
                self.inject(self.tree(*ESSENTIALS), **{guest.AGENT: self.work / "bad"})
            self.assertIn(words, caught.exception.message)

    # What the image says

    def test_the_configuration_is_kept_as_far_as_it_has_the_right_form(self):
        document = {"config": {"Env": ["PATH=/bin", "A=b=c", "=x", "none"], "WorkingDir": "/srv", "User": "me", "Cmd": ["run", "it"],
                               "Entrypoint": None, "ExposedPorts": {"80/tcp": {}, "53/udp": {}, "../x": {}}}}
        self.assertEqual(guest.image_config(document, "a", "sha256:0"),
                         {"format": 1, "source": "a", "digest": "sha256:0", "env": ["PATH=/bin", "A=b=c"], "working_dir": "/srv", "user": "me",
                          "entrypoint": [], "cmd": ["run", "it"], "exposed_ports": ["53/udp", "80/tcp"]})
        for config in (None, [], {"Env": "x", "Cmd": [7], "User": 7, "WorkingDir": "a\0b", "ExposedPorts": ["80/tcp"]}):
            got = guest.image_config({"config": config}, "", "")
            self.assertEqual((got["env"], got["cmd"], got["user"], got["working_dir"], got["exposed_ports"]), ([], [], "", "", []))


if __name__ == "__main__":
    unittest.main()
