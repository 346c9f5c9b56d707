"""Whatever a client sends: the right status and code, a sentence that helps, and everything goes on."""
import contextlib
import socket

import pytest

MB = 1 << 20
UNKNOWN = "/v1/capsules/cl-" + "0" * 24 + "7"


def name_of(value):
    """Short, for the reports of parametrized tests."""
    return repr(value)[:40]


def refuses(reply, status, code):
    assert reply.status == status, reply
    assert reply.code == code, reply


@pytest.mark.parametrize("key", ["", "nonsense", "wrn_" + "0" * 32, "wrn_" + "0" * 31, "e2b_" + "0" * 32, "x" * 5000], ids=name_of)
def test_wrong_key(api, key):
    reply = api.request("GET", "/v1/capsules", headers={"X-API-Key": key})
    refuses(reply, 401, "unauthorized")
    assert "key" in reply.message


def test_the_same_key_written_the_other_way_is_accepted(api):
    other = api.key.replace("wrn_", "e2b_", 1)
    assert api.request("GET", "/v1/capsules", headers={"X-API-Key": other}).status == 200


def test_unknown_and_malformed_ids(api):
    refuses(api.get(UNKNOWN), 404, "not_found")
    refuses(api.delete(UNKNOWN), 404, "not_found")
    refuses(api.post(UNKNOWN + "/exec", {"cmd": "true"}), 404, "not_found")
    for wrong in ("x", "cl-", "cl-" + "0" * 26, "cl-" + "Z" * 25, "%01", "..%2f.."):
        refuses(api.get(f"/v1/capsules/{wrong}"), 400, "invalid_request")
    assert api.get("/v1/capsules/cl-" + "0" * 10000).status in (400, 414, 431)


def test_unknown_routes_and_methods(api):
    refuses(api.get("/v1/nothing"), 404, "not_found")
    reply = api.request("PUT", "/v1/capsules")
    refuses(reply, 405, "method_not_allowed")
    assert "POST" in reply.headers["Allow"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"vcpus": 1e999}', b"[" * 100000], ids=name_of)
def test_bad_json(api, body):
    reply = api.post("/v1/capsules", raw=body, headers={"Content-Type": "application/json"})
    if reply.status == 201:  # An empty body means: all as usual.
        assert body in (b"",)
        assert api.delete(f"/v1/capsules/{reply.json()['id']}").status == 204
        return
    refuses(reply, 400, "invalid_request")


@pytest.mark.parametrize("fields", [
    {"vcpus": 10**6}, {"vcpus": 2**70}, {"vcpus": "two"}, {"vcpus": 1.5}, {"vcpus": True},
    {"memory_mb": 1}, {"memory_mb": 10**9}, {"disk_mb": 1}, {"disk_mb": 10**12},
    {"timeout_sec": 10**12}, {"timeout_sec": "soon"},
    {"template": "../../etc/passwd"}, {"template": "a/b"}, {"template": "x" * 65}, {"template": 7}, {"template": "\0"},
], ids=name_of)
def test_absurd_sizes(api, fields):
    reply = api.post("/v1/capsules", fields)
    refuses(reply, 400, "invalid_request")
    assert next(iter(fields)) in reply.message, reply


def test_more_than_the_machine_has(api):
    reply = api.post("/v1/capsules", {"vcpus": 32, "memory_mb": 65536})
    assert reply.status in (400, 503) and reply.code in ("invalid_request", "no_hosts_available"), reply


def test_unknown_template(api):
    reply = api.post("/v1/capsules", {"template": "nothing-like-it"})
    refuses(reply, 404, "not_found")
    assert "minimal" in reply.message


@pytest.mark.parametrize("body", [
    {}, {"cmd": ""}, {"cmd": 7}, {"cmd": "a\0b"}, {"cmd": "true", "args": "x"}, {"cmd": "true", "args": [1]},
    {"cmd": "true", "timeout_sec": 10**9}, {"cmd": "true", "envs": {"A=B": "x"}}, {"cmd": "true", "envs": {"A": 1}},
    {"cmd": "true", "envs": []}, {"cmd": "true", "cwd": "x" * 10000}, {"cmd": "true", "user": "a b; rm -rf /"},
    {"cmd": "true", "background": "yes"}, {"cmd": "true", "background": True, "tag": "x y"},
    {"cmd": "x" * 200000},
], ids=name_of)
def test_bad_exec(sandbox, body):
    refuses(sandbox.api.post(f"{sandbox.path}/exec", body), 400, "invalid_request")


def test_bad_paths(sandbox):
    long = "/" + "x" * 10240
    for verb in ("read", "stream/read", "list", "mkdir", "remove"):
        for path in (long, "/tmp/a\0b", "", 7, None):
            refuses(sandbox.files(verb, {"path": path}), 400, "invalid_request")
    refuses(sandbox.write(long, b"x"), 400, "invalid_request")
    refuses(sandbox.write("/tmp/a\0b", b"x"), 400, "invalid_request")
    # A name too long for any file system.
    assert sandbox.write("/tmp/" + "n" * 300, b"x").status == 400


def test_dots_stay_in_the_guest(sandbox):
    path = "/tmp/../../../../etc/hostname"
    assert sandbox.read(path).strip() == sandbox.sh("cat /etc/hostname").stdout.strip()
    marker = "/../../../../../../var/tmp/wrenn-e2e-dots"
    assert sandbox.write(marker, b"guest").status == 204
    with contextlib.suppress(FileNotFoundError):
        raise AssertionError("on the host: " + open("/var/tmp/wrenn-e2e-dots").read())
    assert sandbox.exec("cat", "/var/tmp/wrenn-e2e-dots").text == "guest"


def test_bad_forms(sandbox):
    path = f"{sandbox.path}/files/write"
    for content_type, body in [
            ("text/plain", b"x"), ("multipart/form-data", b"x"), ("multipart/form-data; boundary=b", b"nothing like it"),
            ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="path"\r\n\r\n/tmp/x\r\n--b--\r\n'),
            ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--b--\r\n'),
            ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="path"\r\n\r\n/tmp/x'),
    ]:
        reply = sandbox.api.post(path, raw=body, headers={"Content-Type": content_type})
        refuses(reply, 400, "invalid_request")


def early_refusal(api, path, headers, chunks):
    """Sends until the server answers or takes no more, and returns the start of its answer."""
    with socket.create_connection((api.host, api.port), timeout=30) as connection:
        head = [f"POST {path} HTTP/1.1", f"Host: {api.host}", f"X-API-Key: {api.key}", *headers, "", ""]
        connection.sendall("\r\n".join(head).encode())
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for chunk in chunks:
                connection.sendall(chunk)
        with contextlib.suppress(ConnectionResetError):
            return connection.recv(65536).decode()
    return ""


def test_an_upload_of_a_gigabyte_is_refused_at_once(sandbox):
    answer = early_refusal(sandbox.api, f"{sandbox.path}/files/write",
                           ["Content-Type: multipart/form-data; boundary=b", f"Content-Length: {1 << 30}"], [])
    assert " 413 " in answer.split("\r\n")[0] and "too_large" in answer and "stream/write" in answer


def test_an_upload_of_unknown_length_is_cut_at_the_limit(sandbox):
    start = (b'--b\r\nContent-Disposition: form-data; name="path"\r\n\r\n/home/user/much\r\n--b\r\n'
             b'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\n')

    def chunks():
        yield b"%x\r\n%s\r\n" % (len(start), start)
        for _ in range(110):
            yield b"%x\r\n%s\r\n" % (MB, b"x" * MB)
    answer = early_refusal(sandbox.api, f"{sandbox.path}/files/write",
                           ["Content-Type: multipart/form-data; boundary=b", "Transfer-Encoding: chunked"], chunks())
    assert " 413 " in answer.split("\r\n")[0], answer[:300]
    sandbox.exec("rm", "-f", "/home/user/much")


def test_a_json_body_of_megabytes_is_refused(api):
    refuses(api.post("/v1/capsules", raw=b'{"template":"' + b"x" * (4 * MB) + b'"}'), 413, "too_large")


@pytest.mark.parametrize("text", [
    b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /health HTTP/1.1\r\n\r\n",
    b"POST /v1/capsules HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 100000 + b"\r\n\r\n",
    b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
], ids=name_of)
def test_what_is_no_http(api, text):
    with socket.create_connection((api.host, api.port), timeout=20) as connection:
        answer = b""
        with contextlib.suppress(OSError):  # It may hang up at any point.
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")), answer[:200]
    assert api.get("/health").status == 200


def test_everything_went_on(sandbox):
    assert sandbox.exec("echo", "unharmed").text == "unharmed"
