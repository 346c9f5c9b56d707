"""Files in a sandbox: small ones, whole directories, and 300 MB through flat memory."""
import hashlib
import io
import tarfile
import threading
import time
import uuid

from support.machine import rss

MB = 1 << 20


def test_write_and_read_back(sandbox):
    content = bytes(range(256)) * 300
    assert sandbox.write("/tmp/some.bin", content).status == 204
    assert sandbox.read("/tmp/some.bin") == content
    assert sandbox.read("/tmp/some.bin", verb="stream/read") == content
    assert sandbox.exec("stat", "-c", "%s %U", "/tmp/some.bin").text == f"{len(content)} user"


def test_a_write_makes_the_directories_and_replaces(sandbox):
    for content in (b"first, and longer", b"second", b""):
        assert sandbox.write("/home/user/new/deep/file", content).status == 204
        assert sandbox.read("/home/user/new/deep/file") == content


def test_paths_may_be_relative_to_home(sandbox):
    assert sandbox.write("notes/a b ü.txt", b"x").status == 204
    assert sandbox.read("~/notes/a b ü.txt") == b"x"
    assert sandbox.exec("cat", "/home/user/notes/a b ü.txt").text == "x"


def test_a_write_as_another_user(sandbox):
    assert sandbox.write("/root/secret", b"s", user="root").status == 204
    assert sandbox.exec("stat", "-c", "%U", "/root/secret", user="root").text == "root"


def test_list_make_and_remove_directories(sandbox):
    made = sandbox.files("mkdir", {"path": "/tmp/d/e"})
    assert made.status == 200, made
    entry = made.json()["entry"]
    assert (entry["name"], entry["path"], entry["type"]) == ("e", "/tmp/d/e", "directory")
    again = sandbox.files("mkdir", {"path": "/tmp/d/e"})
    assert again.status == 409 and again.code == "conflict"
    sandbox.write("/tmp/d/f", b"12345")
    sandbox.exec("ln", "-s", "f", "/tmp/d/link")
    entries = {one["name"]: one for one in sandbox.files("list", {"path": "/tmp/d"}).json()["entries"]}
    assert set(entries) == {"e", "f", "link"}
    assert entries["f"]["size"] == 5 and entries["f"]["type"] == "file" and entries["f"]["owner"] == "user"
    assert entries["f"]["permissions"].startswith("-rw")
    assert entries["link"]["symlink_target"] in ("f", "/tmp/d/f")
    assert abs(entries["f"]["modified_at"] - time.time()) < 60
    sandbox.write("/tmp/d/e/deep", b"")
    deep = sandbox.files("list", {"path": "/tmp/d", "depth": 2}).json()["entries"]
    assert "/tmp/d/e/deep" in [one["path"] for one in deep]
    assert sandbox.files("remove", {"path": "/tmp/d"}).status == 204
    assert sandbox.exec("test", "-e", "/tmp/d").exit_code == 1


def test_what_is_missing_is_404(sandbox):
    for verb in ("read", "stream/read", "list"):
        refused = sandbox.files(verb, {"path": "/no/such/thing"})
        assert refused.status == 404 and refused.code == "not_found", refused


def test_the_wrong_kind_of_thing_is_told(sandbox):
    assert sandbox.files("read", {"path": "/etc"}).status == 400
    assert sandbox.files("list", {"path": "/etc/passwd"}).status == 400
    assert sandbox.write("/etc", b"x", user="root").status in (400, 409)


def test_files_and_directories_are_moved(sandbox):
    sandbox.write("/tmp/m/a", b"one")
    sandbox.write("/tmp/m/b", b"two")
    moved = sandbox.files("move", {"from": "/tmp/m/a", "to": "/tmp/m/new/c"})
    assert moved.status == 200 and moved.json()["entry"]["path"] == "/tmp/m/new/c", moved
    assert sandbox.read("/tmp/m/new/c") == b"one"
    assert sandbox.files("move", {"from": "/tmp/m/b", "to": "/tmp/m/new/c"}).status == 200
    assert sandbox.read("/tmp/m/new/c") == b"two"
    assert sandbox.files("move", {"from": "/tmp/m", "to": "/home/user/n"}).status == 200
    assert sandbox.read("/home/user/n/new/c") == b"two"
    assert sandbox.files("move", {"from": "/tmp/m", "to": "/tmp/o"}).status == 404
    assert sandbox.files("remove", {"path": "/home/user/n"}).status == 204


def download(sandbox, path):
    """As a browser does it, without a key."""
    link = sandbox.files("download-url", {"path": path})
    assert link.status == 200, link
    return type(sandbox.api)(f"http://{sandbox.api.host}:{sandbox.api.port}", None).get(link.json()["url"])


def test_a_browser_downloads_files_and_directories(sandbox):
    content = bytes(range(256)) * 3000
    sandbox.write("/tmp/d/a b ü.bin", content)
    sandbox.write("/tmp/d/deep/-x", b"x")
    got = download(sandbox, "/tmp/d/a b ü.bin")
    assert got.status == 200 and got.body == content
    assert got.headers["Content-Disposition"] == "attachment; filename=\"a b __.bin\"; filename*=UTF-8''a%20b%20%C3%BC.bin"
    got = download(sandbox, "/tmp/d")
    assert got.status == 200 and "filename=\"d.tar.gz\"" in got.headers["Content-Disposition"], got
    with tarfile.open(fileobj=io.BytesIO(got.body)) as archive:
        assert archive.extractfile("d/a b ü.bin").read() == content
        assert archive.extractfile("d/deep/-x").read() == b"x"
    # What only root may read, too, as single files.
    assert sandbox.write("/root/only/secret", b"s", user="root").status == 204
    with tarfile.open(fileobj=io.BytesIO(download(sandbox, "/root/only").body)) as archive:
        assert archive.extractfile("only/secret").read() == b"s"
    with tarfile.open(fileobj=io.BytesIO(download(sandbox, "~").body)) as archive:
        assert "user" in archive.getnames()
    assert sandbox.files("download-url", {"path": "/tmp/none"}).status == 404
    sandbox.files("remove", {"path": "/tmp/d"})


class Watch(threading.Thread):
    """The most memory that agent and control plane held while it ran."""

    def __init__(self, machine):
        super().__init__()
        self.pids = [machine.pid("agent"), machine.pid("cp")]
        self.most = 0
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            self.most = max(self.most, sum(rss(pid) for pid in self.pids))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def test_300_mb_up_and_down_with_flat_memory(sandbox, wrenn):
    chunk = bytes(hashlib.sha256(b"%d" % i).digest()[0] for i in range(MB))
    total = 300
    boundary = uuid.uuid4().hex

    def upload():
        yield (f'--{boundary}\r\nContent-Disposition: form-data; name="path"\r\n\r\n/home/user/big\r\n--{boundary}\r\n'
               'Content-Disposition: form-data; name="file"; filename="big"\r\n\r\n').encode()
        for _ in range(total):
            yield chunk
        yield f"\r\n--{boundary}--\r\n".encode()

    with Watch(wrenn.machine) as watch:
        reply = sandbox.api.request("POST", f"{sandbox.path}/files/stream/write", raw=upload(),
                                    headers={"Content-Type": f"multipart/form-data; boundary={boundary}"})
        assert reply.status == 204, reply
        connection = sandbox.api.connect()
        connection.request("POST", f"{sandbox.path}/files/stream/read", '{"path": "/home/user/big"}',
                           sandbox.api.headers())
        response = connection.getresponse()
        assert response.status == 200
        digest, length = hashlib.sha256(), 0
        while piece := response.read(MB):
            digest.update(piece)
            length += len(piece)
        connection.close()
    sandbox.exec("rm", "/home/user/big")
    expected = hashlib.sha256()
    for _ in range(total):
        expected.update(chunk)
    assert length == total * MB and digest.digest() == expected.digest()
    assert watch.most <= 60 * MB, f"agent and control plane together took {watch.most / MB:.0f} MB"
