"""Images of templates that are made of containers: scripts/rootfs-from-container.sh and its kin, and a guest booted from one."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

import pytest

from support.server import IMAGES, ROOT, WRENN, share

sys.path.insert(0, str(ROOT / "images" / "oci"))
import testing  # noqa: E402 (the images' own tests make the same images)
from registry_server import RegistryServer, two_servers  # noqa: E402
from testing import Image, entry, gzipped, tar, zstd  # noqa: E402

TREE = IMAGES / "cache" / "images" / "tree"
STATIC = TREE / "usr" / "bin" / "tini-static"  # A static program, which is all that the host's half of a test wants.
CAPABILITY = b"\x01\0\0\x02" + b"\0\x20\0\0" + bytes(12)  # cap_net_raw, permitted and effective.


def mounts():
    return set(pathlib.Path("/proc/self/mounts").read_text().splitlines())


class Store:
    """A directory for images of its own, with what the scripts keep in their cache."""

    def __init__(self, path):
        self.path = path
        cache = path / "cache" / "images"
        cache.mkdir(parents=True)
        shutil.copy(STATIC, cache / "tini-static")
        # A Podman with a store of its own.
        conf = path / "storage.conf"
        conf.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{path}/podman/graph"\nrunroot = "{path}/podman/run"\n')
        self.environment = {**os.environ, "CONTAINERS_STORAGE_CONF": str(conf)}

    def run(self, script, *arguments):
        before = mounts()
        done = subprocess.run([ROOT / "scripts" / script, *map(str, arguments), "--out", self.path], capture_output=True, text=True,
                              timeout=300, env=self.environment, cwd="/", check=False)
        # Others on the machine mount other things.
        assert not [one for one in mounts() - before if str(self.path) in one or one.startswith("/dev/loop")]
        left = [one.name for one in (self.path / "cache" / "images").iterdir() if one.name.startswith("container")]
        assert not left, f"{left} stays behind: {done.stderr}"
        return done

    def make(self, source, name, *options):
        done = self.run("rootfs-from-container.sh", source, name, "--envd", STATIC, *options)
        assert done.returncode == 0, done.stderr
        return done

    def refuse(self, source, *words, name="refused", options=("--disk-mib", 128, "--envd", STATIC)):
        done = self.run("rootfs-from-container.sh", source, name, *options)
        assert done.returncode != 0, done.stdout
        for word in words:
            assert word in done.stderr, done.stderr
        assert not (self.path / "images" / "refused" / "rootfs.ext4").exists()
        return done.stderr

    def image(self, name):
        return self.path / "images" / name / "rootfs.ext4"

    def document(self, name, file):
        return json.loads((self.path / "images" / name / file).read_text())


def inside(image, *commands):
    """What debugfs prints about the image."""
    return "".join(subprocess.run(["debugfs", "-R", command, str(image)], capture_output=True, text=True, check=True).stdout for command in commands)


@pytest.fixture(scope="module")
def store():
    with tempfile.TemporaryDirectory(prefix="wrenn-images-", dir="/var/tmp") as work:
        yield Store(pathlib.Path(work))


def small_layer(*more, without=()):
    """Enough to be taken for a guest, though it is none."""
    program = STATIC.read_bytes()
    names = ["bin/sh", "bin/ls", "bin/true", "bin/sync"]
    return tar(entry("etc/os-release", "ID=debian\n"), *(entry(name, program, mode=0o755) for name in names if name not in without), *more)


def write(path, files, as_directory=False):
    (testing.write_directory if as_directory else testing.write_archive)(path, files)
    return path


@pytest.fixture
def archive(tmp_path):
    return lambda image: write(tmp_path / "image.tar", image.files())


# A guest


def tree_layer(wanted, *more):
    """The part of the minimal template's tree whose paths `wanted` takes, and more entries behind it."""
    with tempfile.TemporaryFile(dir="/var/tmp") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for folder, folders, files in os.walk(TREE):
                for name in sorted(folders + files):
                    path = pathlib.Path(folder, name)
                    inner = str(path.relative_to(TREE))
                    if wanted(inner):
                        archive.add(path, inner, recursive=False)
        out.seek(0)
        whole = out.read()
    # Behind what is there and before the end of the archive.
    end = len(whole.rstrip(b"\0"))
    return whole[:-(-end // 512) * 512] + tar(*more)


def is_python(path):
    return path.startswith("usr/lib/python3")


def make_layers():
    """The minimal template in three layers, of which the later ones hide some of the earlier."""
    ping, content = entry("opt/layers/ping", "x", mode=0o755)
    ping.pax_headers = {"SCHILY.xattr.security.capability": CAPABILITY.decode("latin-1")}
    first = tree_layer(lambda path: not is_python(path) and not path.startswith("usr/local/bin/"),
                       entry("opt/layers/one", "of layer one"), entry("opt/layers/replaced", "old"), entry("opt/layers/hidden", "secret"),
                       entry("opt/layers/opaque/old", "secret"), entry("opt/gone/deep/file", "secret"), entry("opt/link", "/opt/layers", "symlink"),
                       entry("opt/layers/hard", "opt/layers/one", "hard link"), (ping, content))
    second = tree_layer(is_python, entry("opt/link/two", "of layer two", uid=1000, gid=1000, mode=0o640), entry("opt/layers/replaced", "new"),
                        entry("opt/layers/.wh.hidden", ""), entry("opt/layers/suid", STATIC.read_bytes(), mode=0o4755))
    third = tar(entry("opt/layers/opaque/"), entry("opt/layers/opaque/.wh..wh..opq", ""), entry("opt/layers/opaque/three", "of layer three"),
                entry("opt/.wh.gone", ""))
    return Image(first, second, third, pack=[gzipped, zstd, None],
                 config={"Env": ["GREETING=hello"], "WorkingDir": "/opt/layers", "User": "1000", "Cmd": ["python3"], "ExposedPorts": {"8080/tcp": {}}})


@pytest.fixture(scope="module")
def guest(store, wrenn):
    """A sandbox of a template made of an OCI archive, whose Wrenn was running when the template came."""
    source = write(store.path / "layers.tar", make_layers().files())
    done = store.run("rootfs-from-container.sh", source, "layers")
    assert done.returncode == 0, done.stderr
    source.unlink()
    place = wrenn.directory / "images" / "layers"
    share(store.path / "images" / "layers", place)
    try:
        with wrenn.api.create(template="layers") as made:
            yield made
    finally:
        shutil.rmtree(place)
        shutil.rmtree(wrenn.directory / "snapshots" / "layers", ignore_errors=True)


def test_files_of_every_layer_are_in_the_guest(guest):
    assert guest.sh("cd /opt/layers && cat one && echo && cat two && echo && cat opaque/three && echo && cat replaced").text.splitlines() == [
        "of layer one", "of layer two", "of layer three", "new"]
    assert guest.exec("python3", "-c", "import json; print(json.dumps([6 * 7]))").text == "[42]"


def test_whiteouts_hide_what_lower_layers_had(guest):
    assert guest.sh("ls /opt; ls /opt/layers; ls /opt/layers/opaque").text.split() == [
        "layers", "link", "hard", "one", "opaque", "ping", "replaced", "suid", "two", "three"]
    assert guest.sh("sudo grep -rl secret /opt || echo nothing").text == "nothing"


def test_owners_modes_links_and_capabilities_are_those_of_the_image(guest):
    assert guest.sh("cd /opt/layers && stat -c '%n %U %a %h' two suid one /usr/bin/sudo && stat -c '%n %U %a' /tmp").text.splitlines() == [
        "two user 640 1", "suid root 4755 1", "one root 644 2", "/usr/bin/sudo root 4755 1", "/tmp root 1777"]
    assert guest.sh("readlink /opt/link").text == "/opt/layers"
    got = guest.exec("python3", "-c", "import os; print(os.getxattr('/opt/layers/ping', 'security.capability').hex())").text
    assert got == CAPABILITY.hex()


def test_the_guest_is_like_any_other(guest):
    assert guest.exec("whoami").text == "user"
    assert guest.exec("sudo", "whoami").text == "root"
    assert guest.sh("cat /proc/1/comm").text == "tini"
    guest.write("/home/user/note", b"kept")
    guest.pause()
    guest.resume()
    assert guest.read("/home/user/note") == b"kept"


def test_what_the_image_says_is_kept_beside_it(guest, store):
    kept = store.document("layers", "image-config.json")
    assert re.fullmatch("sha256:[0-9a-f]{64}", kept["digest"])
    assert (kept["env"], kept["working_dir"], kept["user"], kept["cmd"], kept["exposed_ports"]) == (
        ["GREETING=hello"], "/opt/layers", "1000", ["python3"], ["8080/tcp"])
    manifest = store.document("layers", "manifest.json")
    assert (manifest["format"], manifest["name"], manifest["disk_mb"], manifest["envd"]) == (1, "layers", 5120, True)
    image = store.image("layers")
    assert image.stat().st_size == 5120 << 20 and image.stat().st_blocks * 512 < 500 << 20, "what is empty takes no room"


# Sources


@pytest.mark.parametrize("form", ["archive", "directory", "saved", "packed"])
def test_every_form_of_image_comes_to_the_same(store, tmp_path, form):
    image = Image(small_layer(entry("srv/old", "x")), tar(entry("srv/.wh.old", ""), entry("srv/new", "y", mode=0o4711)), pack=gzipped)
    files = image.saved_files() if form == "saved" else image.files()
    source = write(tmp_path / "source", files, as_directory=form == "directory")
    if form == "packed":
        source.write_bytes(zstd(source.read_bytes()))
    done = store.make(source, form, "--disk-mib", 256)
    assert "the image lacks bash" in done.stderr and "RUN apt-get update && apt-get install" in done.stderr
    assert "old" not in inside(store.image(form), "ls /srv")
    assert "Mode:  04711" in inside(store.image(form), "stat /srv/new")
    assert "Mode:  0755" in inside(store.image(form), "stat /usr/local/bin/envd")
    assert "user:x:1000:1000::/home/user:/bin/sh" in inside(store.image(form), "cat /etc/passwd")


@pytest.fixture(scope="module")
def podman(store):
    """Podman with a store of its own, which has one image and one container. It runs nothing."""
    def podman(*arguments, **kwargs):
        return subprocess.run(["podman", *arguments], env=store.environment, check=True, capture_output=True, timeout=60, **kwargs)

    layer = small_layer(entry("srv/own", "z", uid=33, gid=44))
    podman("import", "-c", "ENV COLOUR=blue", "-c", 'CMD ["/bin/serve"]', "-", "localhost/wrenn-test:1", input=layer)
    podman("create", "--name", "wrenn-test-box", "localhost/wrenn-test:1", "/bin/true")
    yield podman
    podman("rm", "wrenn-test-box")
    podman("rmi", "localhost/wrenn-test:1")


@pytest.mark.parametrize("source", ["wrenn-test-box", "localhost/wrenn-test:1"])
def test_containers_and_images_of_podman(store, podman, source):
    name = "from-" + source[:5]
    store.make(source, name, "--disk-mib", 256)
    assert "User:    33   Group:    44" in inside(store.image(name), "stat /srv/own")
    kept = store.document(name, "image-config.json")
    assert "COLOUR=blue" in kept["env"]
    if source != "wrenn-test-box":
        assert kept["cmd"] == ["/bin/serve"], "of the image, not of the container that was made to export it"
    assert podman("ps", "-a", "--format", "{{.Names}}").stdout.split() == [b"wrenn-test-box"]


def test_an_image_in_a_registry(store):
    image = Image(small_layer(), tar(entry("srv/pulled", "y", mode=0o4711)), pack=[gzipped, zstd])
    with two_servers(image) as (registry, other):
        registry.needs_token = True
        source = f"docker://{registry.host}/team/app:1"
        store.refuse(source, "which was not allowed", f"--allow-host {other.host}")
        store.make(source, "pulled", "--disk-mib", 256, "--allow-host", other.host)
        assert "Mode:  04711" in inside(store.image("pulled"), "stat /srv/pulled")
        kept = store.document("pulled", "image-config.json")
        assert (kept["source"], kept["digest"]) == (source, registry.tags["team/app:1"])
    with RegistryServer(image) as registry:
        store.refuse(f"docker://{registry.host}/team/app:none", "status 404", "check the image's name and tag")
        name = image.layers[1]["digest"]
        registry.blobs[name] = registry.blobs[name][:-1] + b"?"
        store.refuse(f"docker://{registry.host}/team/app:1", "is damaged: its digest is")
    store.refuse("docker://Not A Reference", "is no reference to an image")


# What is refused


def test_a_damaged_layer_is_refused(store, archive):
    image = Image(small_layer(), pack=gzipped)
    data = bytearray(image.blobs[image.layers[0]["digest"]])
    data[len(data) // 2] ^= 1
    image.blobs[image.layers[0]["digest"]] = bytes(data)
    store.refuse(archive(image), "layer 1 of 1 is damaged: its digest is sha256:", image.layers[0]["digest"], "get the image anew")


@pytest.mark.parametrize("hostile, words", [
    (entry("../../../../var/tmp/wrenn-escaped", "x"), "leads out of the image by '..'"),
    (entry("x", "/../../../etc/shadow", "hard link"), "leads out of the image by '..'"),
    (entry("dev/sda", None, "block", devmajor=8, devminor=0), "a device that no container needs"),
    (entry("a/" * 300 + "x", ""), "nested too deep"),
    (entry("big", bytes(520 << 20)), "unpacks to more than 512 MiB"),
])
def test_a_hostile_layer_is_refused(store, archive, hostile, words):
    error = store.refuse(archive(Image(small_layer(), tar(hostile), pack=gzipped)), "layer 2 of 2: ", words)
    assert "Traceback" not in error
    assert not pathlib.Path("/var/tmp/wrenn-escaped").exists()


def test_links_lead_nowhere_outside(store, archive):
    with tempfile.TemporaryDirectory(prefix="wrenn-images-", dir="/var/tmp") as outside:
        image = Image(small_layer(entry("usr/local", outside, "symlink"), entry("etc/resolv.conf", f"{outside}/resolv", "symlink")),
                      tar(entry("usr/local/written", "by the second layer")))
        store.make(archive(image), "links", "--disk-mib", 256)
        assert os.listdir(outside) == []
        assert "by the second layer" in inside(store.image("links"), f"cat {outside}/written")
        assert "nameserver" in inside(store.image("links"), "cat /etc/resolv.conf")
        assert "Mode:  0755" in inside(store.image("links"), f"stat {outside}/bin/envd")


def test_missing_programs_are_named_with_the_way_to_get_them(store, archive):
    store.refuse(archive(Image(small_layer(without=["bin/sync", "bin/ls"]))), "the image lacks what a guest cannot be without: ls (for warming up), sync",
                 "RUN apt-get update && apt-get install -y --no-install-recommends coreutils")
    store.refuse(archive(Image(tar(entry("hello", "world")))), "/bin/sh (for commands)")


def test_other_machines_images_are_refused(store, archive):
    store.refuse(archive(Image(small_layer(), architecture="arm64")), "is for linux/arm64, not for linux/amd64")


def test_what_does_not_fit_is_refused(store, archive):
    big = Image(small_layer(entry("big", os.urandom(1 << 20) * 20)))
    store.refuse(archive(big), "MiB of files, too much for a disk of 128 MiB", "use --disk-mib")


def test_arguments_are_checked(store, archive, tmp_path):
    good = archive(Image(small_layer()))
    store.refuse(tmp_path / "none", "is no file, and no container or image that docker or podman knows")
    store.refuse("/dev/null", "is neither a file nor a directory")
    for name in ("../x", "", "-x", "a/b", "x.tmp-0123456789ab", "minimal"):
        store.refuse(good, "error: ", name=name)
    store.refuse(good, "--disk-mib must be", options=("--disk-mib", "12GB"))
    store.refuse(good, "there is no guest agent at", options=("--envd", tmp_path / "none"))
    store.refuse(good, "is not static: it needs the interpreter", options=("--envd", "/bin/ls"))
    store.refuse(good, "unknown option '--fast'", options=("--fast",))


def test_a_template_is_replaced_only_when_told_to(store, archive):
    good = archive(Image(small_layer(entry("srv/first", ""))))
    store.make(good, "twice", "--disk-mib", 256)
    inode = store.image("twice").stat().st_ino
    good = archive(Image(small_layer(entry("srv/second", ""))))
    store.refuse(good, "there is a template 'twice' already", name="twice")
    assert store.image("twice").stat().st_ino == inode
    store.make(good, "twice", "--disk-mib", 256, "--replace")
    assert "second" in inside(store.image("twice"), "ls /srv") and "first" not in inside(store.image("twice"), "ls /srv")


# Programs of an image that is there


def test_programs_are_brought_up_to_date_in_place(store, archive):
    capability, content = entry("srv/ping", "x", mode=0o755)
    capability.pax_headers = {"SCHILY.xattr.security.capability": CAPABILITY.decode("latin-1")}
    store.make(archive(Image(small_layer(entry("srv/own", "z", uid=33, mode=0o4711), (capability, content)))), "updated", "--disk-mib", 256)
    image, old = store.image("updated"), store.path / "old.ext4"
    os.link(image, old)
    before = inside(image, "stat /srv/own", "ea_get /srv/ping security.capability", "ls -l /etc")
    image.chmod(0o640)
    done = store.run("update-minimal-rootfs.sh", image, "--envd", WRENN.parent / "envd")
    assert done.returncode == 0, done.stderr
    assert image.stat().st_ino != old.stat().st_ino, "whoever has the old one open keeps it"
    assert image.stat().st_mode & 0o777 == 0o640 and image.stat().st_uid == 0
    assert inside(image, "stat /srv/own", "ea_get /srv/ping security.capability", "ls -l /etc") == before
    with tempfile.TemporaryDirectory() as folder:
        inside(image, f"dump /usr/local/bin/envd {folder}/envd")
        assert pathlib.Path(folder, "envd").read_bytes() == (WRENN.parent / "envd").read_bytes()
    assert "Mode:  0755" in inside(image, "stat /usr/local/bin/envd", "stat /usr/local/bin/wrenn-init", "stat /usr/bin/tini")
    assert subprocess.run(["e2fsck", "-fn", image], capture_output=True, check=False).returncode == 0
    assert store.document("updated", "manifest.json")["envd"] is True
    assert sorted(one.name for one in image.parent.iterdir()) == ["image-config.json", "manifest.json", "rootfs.ext4"]


def test_an_image_that_is_not_in_order_stays_as_it_is(store, archive, tmp_path):
    store.make(archive(Image(small_layer())), "broken", "--disk-mib", 256)
    image = store.image("broken")
    with open(image, "r+b") as file:
        file.seek(4096)  # The descriptors of the groups.
        file.write(b"\xa5" * 64)
    broken = image.read_bytes()
    done = store.run("update-minimal-rootfs.sh", image, "--envd", STATIC)
    assert done.returncode != 0 and "is not in order" in done.stderr, done.stderr
    assert image.read_bytes() == broken
    text = tmp_path / "text"
    text.write_text("no file system")
    done = store.run("update-minimal-rootfs.sh", text, "--envd", STATIC)
    assert done.returncode != 0 and text.read_text() == "no file system"
    done = store.run("update-minimal-rootfs.sh", tmp_path / "none")
    assert done.returncode != 0 and "there is no image at" in done.stderr


# Kernels


def test_another_kernel_is_added_under_its_version(store, tmp_path):
    def add(file, *options):
        return subprocess.run([ROOT / "images" / "kernel.sh", "--from", file, *options, "--out", store.path], capture_output=True, text=True, check=False)

    ours = max((IMAGES / "kernels").glob("vmlinux-*"))
    done = add(ours, "--version", "99.1.0-rc2+site.1")
    assert done.returncode == 0, done.stderr
    kernels = store.path / "kernels"
    assert (kernels / "vmlinux-99.1.0-rc2+site.1").read_bytes() == ours.read_bytes()
    assert (kernels / "initramfs-99.1.0-rc2+site.1").stat().st_size > 100_000
    assert json.loads((kernels / "kernel-99.1.0-rc2+site.1.json").read_text())["version"] == "99.1.0-rc2+site.1"
    text = tmp_path / "text"
    text.write_text("no kernel, but longer than the head of one is" * 20)
    for file, options, words in ((ours, (), "--version must say"), (ours, ("--version", "../1"), "is no version of a kernel"),
                                 (text, ("--version", "1.0"), "neither a package nor a kernel"), (tmp_path / "none", (), "there is no file")):
        done = add(file, *options)
        assert done.returncode != 0 and words in done.stderr, done.stderr
    assert len(list(kernels.iterdir())) == 3


def test_who_reads_foreign_bytes_in_c_is_confined(tmp_path):
    (tmp_path / "file").write_text("seen")
    tmp_path.chmod(0o755)  # As the scripts' own, below directories that are closed.

    def confined(script):
        return subprocess.run([ROOT / "images" / "confined.sh", tmp_path, "sh", "-c", script], capture_output=True, text=True, check=False).stdout.split()

    assert confined("id -u; id -G; cat file; echo; ls") == ["1880096752", "1880096752", "seen", "file"]
    assert set(confined("ls -A /")) <= {"bin", "dev", "lib", "lib32", "lib64", "libx32", "sbin", "usr", "work"}
    assert confined("touch made /usr/made /made || echo refused; ls /work") == ["refused", "file"]
    assert confined("ip -o link | grep -vc ' lo: '; ip -o address | wc -l") == ["0", "0"], "no network, not even its own"
    assert confined("ulimit -c; ulimit -n") == ["0", "64"]
    assert confined("chroot / true 2>/dev/null || echo refused") == ["refused"]
