"""wrenn setup: programs that sandboxes can run under are installed whole, checked, or not at all."""
import functools
import hashlib
import http.server
import io
import os
import subprocess
import tarfile
import threading

import pytest

from support.server import WRENN

# No hypervisor: it says what such a program says when it is asked for its version.
SOURCE = """
#include <stdio.h>
#include <string.h>
int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--version") == 0) return puts(WHO " v1.13.1\\n") < 0;
  return 1;
}
"""


def compiled(directory, name, who):
    source = directory / f"{name}.c"
    source.write_text(SOURCE)
    program = directory / name
    subprocess.run(["gcc", "-static", "-s", f'-DWHO="{who}"', "-o", program, source], check=True)
    return program


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("programs")
    return {name: compiled(directory, name, who) for name, who in (("firecracker", "Firecracker"), ("jailer", "Jailer"))}


def setup(*arguments, **environment):
    return subprocess.run([WRENN, "setup", "firecracker", *map(str, arguments)], capture_output=True, text=True,
                          env=os.environ | environment, timeout=60)


def sum_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def expect_refusal(done, *words):
    assert done.returncode == 1, done
    for word in words:
        assert word in done.stderr, done.stderr


def test_a_file_is_installed_whole(programs, tmp_path):
    file = programs["firecracker"]
    done = setup("--binary", file, "--sha256", sum_of(file).upper(), "--prefix", tmp_path)
    assert done.returncode == 0, done.stderr
    installed = tmp_path / "bin" / "firecracker"
    assert installed.read_bytes() == file.read_bytes()
    assert (installed.stat().st_mode & 0o7777, installed.stat().st_uid, installed.stat().st_gid) == (0o755, 0, 0)
    assert "1.13.1" in done.stdout and sum_of(file) in done.stdout
    assert os.listdir(tmp_path / "bin") == ["firecracker"]
    # Again, over what is there, whoever made that.
    os.chmod(installed, 0o777)
    os.chown(installed, 12345, 12345)
    assert setup("--binary", file, "--prefix", tmp_path).returncode == 0
    assert (installed.stat().st_mode & 0o7777, installed.stat().st_uid) == (0o755, 0)


def test_what_is_not_firecracker_changes_nothing(programs, tmp_path):
    file = programs["firecracker"]
    assert setup("--binary", file, "--prefix", tmp_path).returncode == 0
    before = (tmp_path / "bin" / "firecracker").read_bytes()
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\necho Firecracker v1.13.1\n")
    script.chmod(0o755)
    arm = tmp_path / "arm"
    data = bytearray(file.read_bytes())
    data[18] = 183  # Its processor.
    arm.write_bytes(data)
    for other, words in ((script, ["ELF"]), (arm, ["another processor"]), (programs["jailer"], ["Firecracker"]),
                         ("/bin/false", ["status 1"])):
        expect_refusal(setup("--binary", other, "--prefix", tmp_path), str(other), *words)
    expect_refusal(setup("--binary", file, "--sha256", "0" * 64, "--prefix", tmp_path), "SHA-256", sum_of(file))
    expect_refusal(setup("--binary", file, "--sha256", "12", "--prefix", tmp_path), "64 hexadecimal digits")
    assert (tmp_path / "bin" / "firecracker").read_bytes() == before
    assert os.listdir(tmp_path / "bin") == ["firecracker"]
    assert setup("--prefix", tmp_path).returncode == 2
    assert setup("--binary", file, "--version", "1.13.1").returncode == 2


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def releases(tmp_path):
    """A place of releases on this machine, and its address."""
    directory = tmp_path / "releases"
    directory.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield directory, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def publish(directory, programs, version="1.13.1", names=("firecracker", "jailer")):
    home = directory / f"v{version}"
    home.mkdir()
    archive = home / f"firecracker-v{version}-x86_64.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in names:
            data = programs[name].read_bytes()
            member = tarfile.TarInfo(f"release-v{version}-x86_64/{name}-v{version}-x86_64")
            member.size, member.mode, member.uid = len(data), 0o777, 12345
            tar.addfile(member, io.BytesIO(data))
        escape = tarfile.TarInfo("../../escaped")
        tar.addfile(escape, io.BytesIO())
    (home / f"{archive.name}.sha256.txt").write_text(f"{sum_of(archive)}  {archive.name}\n")
    return archive


def test_a_release_is_downloaded_and_checked(releases, programs, tmp_path):
    directory, url = releases
    archive = publish(directory, programs)
    prefix = tmp_path / "prefix"
    done = setup("--version", "v1.13.1", "--prefix", prefix, WRENN_FIRECRACKER_RELEASES=url)
    assert done.returncode == 0, done.stderr
    for name in ("firecracker", "jailer"):
        installed = prefix / "bin" / name
        assert installed.read_bytes() == programs[name].read_bytes()
        assert (installed.stat().st_mode & 0o7777, installed.stat().st_uid) == (0o755, 0)
    assert setup("--version", "1.13.1", "--prefix", prefix, "--releases", url, "--sha256", sum_of(archive)).returncode == 0


def test_a_release_that_is_not_whole_is_not_installed(releases, programs, tmp_path):
    directory, url = releases
    archive = publish(directory, programs)
    prefix = tmp_path / "prefix"

    def refused(*arguments, words):
        expect_refusal(setup(*arguments, "--prefix", prefix, "--releases", url), *words)
        assert not prefix.exists() or os.listdir(prefix / "bin") == []

    refused("--version", "1.13.2", words=["1.13.2", "--binary"])
    refused("--version", "../1.13.1", words=["no version"])
    refused("--version", "1.13.1", "--sha256", "1" * 64, words=["SHA-256"])
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-100])
    refused("--version", "1.13.1", words=["SHA-256"])
    archive.write_bytes(whole)
    sums = archive.with_name(archive.name + ".sha256.txt")
    sums.write_text(f"{sum_of(archive)}  another.tgz\n")
    refused("--version", "1.13.1", words=["no checksum"])
    sums.unlink()
    refused("--version", "1.13.1", words=["cannot download"])
    # Nobody vouches for what comes from elsewhere in the clear.
    expect_refusal(setup("--version", "1.13.1", "--releases", "http://192.0.2.1/x", "--prefix", prefix), "--sha256")
