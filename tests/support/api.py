"""A client of the REST API that shows everything: statuses, headers and bodies as they came, checked against its description."""
import base64
import contextlib
import http.client
import json
import urllib.parse
import uuid

from support import contract


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The code of an error body, whose shape is checked on the way."""
        error = self.json()["error"]
        assert set(error) == {"code", "message"}, error
        assert isinstance(error["message"], str) and len(error["message"]) > 10, error
        return error["code"]

    @property
    def message(self):
        return self.json()["error"]["message"]

    def __repr__(self):
        return f"<Reply {self.status} {self.body[:300]!r}>"


class ExecResult:
    """What a foreground exec answered, its output as bytes."""

    def __init__(self, answer):
        decode = base64.b64decode if answer["encoding"] == "base64" else str.encode
        self.answer = answer
        self.encoding = answer["encoding"]
        self.stdout = decode(answer["stdout"])
        self.stderr = decode(answer["stderr"])
        self.exit_code = answer["exit_code"]

    @property
    def text(self):
        return self.stdout.decode().strip()

    def __repr__(self):
        return f"<exec: status {self.exit_code}, stdout {self.stdout[:300]!r}, stderr {self.stderr[:300]!r}>"


class Api:
    def __init__(self, url, key, timeout=60):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.key = key
        self.timeout = timeout

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)

    def headers(self):
        return {"X-API-Key": self.key} if self.key else {}

    def request(self, method, path, body=None, headers=None, raw=None):
        """`body` goes as JSON, `raw` as it is: bytes or an iterable of bytes."""
        headers = {**self.headers(), **(headers or {})}
        if body is not None:
            raw = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body=raw, headers=headers)
            response = connection.getresponse()
            reply = Reply(response.status, response.headers, response.read())
        contract.check(self.host, self.port, method, path, reply)
        return reply

    def get(self, path, **kwargs):
        return self.request("GET", path, **kwargs)

    def post(self, path, body=None, **kwargs):
        return self.request("POST", path, body, **kwargs)

    def delete(self, path, **kwargs):
        return self.request("DELETE", path, **kwargs)

    def create(self, **fields):
        reply = self.post("/v1/capsules", fields)
        assert reply.status == 201, reply
        return Sandbox(self, reply.json())

    def list(self):
        reply = self.get("/v1/capsules")
        assert reply.status == 200, reply
        return reply.json()


def form(parts):
    """Content-Type and body of a form; `parts` are (name, file name or None, bytes)."""
    boundary = uuid.uuid4().hex
    body = b""
    for name, filename, content in parts:
        extra = f'; filename="{filename}"' if filename else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode()
        body += content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body


class Sandbox:
    def __init__(self, api, info):
        self.api = api
        self.info = info
        self.id = info["id"]
        self.path = f"/v1/capsules/{self.id}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.destroy()

    def get(self):
        reply = self.api.get(self.path)
        assert reply.status == 200, reply
        return reply.json()

    def change(self, verb, **fields):
        reply = self.api.post(f"{self.path}/{verb}", fields)
        assert reply.status == 200, reply
        self.info = reply.json()
        return self.info

    def pause(self, **fields):
        info = self.change("pause", **fields)
        assert info["status"] == "paused", info
        return info

    def resume(self, **fields):
        info = self.change("resume", **fields)
        assert info["status"] == "running", info
        return info

    def hibernate(self):
        info = self.change("hibernate")
        assert info["status"] == "hibernated", info
        return info

    def fork(self, count=1, **fields):
        """The copies, and what the time was spent on."""
        reply = self.api.post(f"{self.path}/fork", {"count": count, **fields})
        assert reply.status == 201, reply
        answer = reply.json()
        assert len(answer["capsules"]) == count and not any("error" in one for one in answer["capsules"]), answer
        return [Sandbox(self.api, one) for one in answer["capsules"]], answer["timings_ms"]

    def set_timeout(self, **fields):
        reply = self.api.request("PUT", f"{self.path}/timeout", fields)
        assert reply.status == 200, reply
        return reply.json()

    def set_network(self, **fields):
        reply = self.api.request("PUT", f"{self.path}/network", fields)
        assert reply.status == 200, reply
        return reply.json()

    def network(self):
        """What it may reach, and what it was refused (None unless it runs)."""
        reply = self.api.get(f"{self.path}/network")
        assert reply.status == 200, reply
        return reply.json()["network"], reply.json()["denials"]

    def destroy(self):
        reply = self.api.delete(self.path)
        assert reply.status == 204, reply

    def try_exec(self, cmd, *args, **fields):
        return self.api.post(f"{self.path}/exec", {"cmd": cmd, "args": list(args), **fields})

    def exec(self, cmd, *args, **fields):
        reply = self.try_exec(cmd, *args, **fields)
        assert reply.status == 200, reply
        return ExecResult(reply.json())

    def sh(self, script, **fields):
        return self.exec("/bin/sh", "-c", script, **fields)

    def background(self, cmd, *args, **fields):
        reply = self.try_exec(cmd, *args, background=True, **fields)
        assert reply.status == 202, reply
        return reply.json()

    def processes(self):
        reply = self.api.get(f"{self.path}/processes")
        assert reply.status == 200, reply
        return reply.json()["processes"]

    def files(self, verb, body):
        return self.api.post(f"{self.path}/files/{verb}", body)

    def write(self, path, content, verb="write", **fields):
        parts = [("path", None, path.encode())]
        parts += [(name, None, value.encode()) for name, value in fields.items()]
        content_type, body = form(parts + [("file", "upload", content)])
        return self.api.post(f"{self.path}/files/{verb}", raw=body, headers={"Content-Type": content_type})

    def read(self, path, verb="read"):
        reply = self.files(verb, {"path": path})
        assert reply.status == 200, reply
        return reply.body
