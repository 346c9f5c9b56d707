#!/usr/bin/env python3
"""A small S3-compatible server for tests: buckets are directories, and every request must be signed rightly.

Usage: s3_server.py DIRECTORY [ADDRESS]    prints its port; ends when its standard input does, so that it never outlives a test
POST /-/fail?every=N&status=503 makes every Nth request fail from now on (0: none); &cut=1 cuts the connection instead.
GET /-/log answers the methods and paths of all requests, one a line.
"""
import hashlib
import hmac
import http.server
import os
import pathlib
import sys
import threading
import urllib.parse
from xml.sax.saxutils import escape

ACCESS_KEY_ID = "test-key"
SECRET_ACCESS_KEY = "test-secret"
PAGE = 3  # Keys of one answer to a listing: few, so that there are several.


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    # What is allowed.

    def expected_signature(self, words):
        """As https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html says."""
        date, region, service, kind = words["scope"]
        split = urllib.parse.urlsplit(self.path)
        pairs = sorted((quote(name), quote(value)) for name, value in urllib.parse.parse_qsl(split.query, keep_blank_values=True))
        canonical = "\n".join([
            self.command, quote(urllib.parse.unquote(split.path), "/"), "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{' '.join(self.headers.get(name, '').split())}" for name in words["headers"]), "",
            ";".join(words["headers"]), self.headers["x-amz-content-sha256"]])
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], f"{date}/{region}/{service}/{kind}",
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{SECRET_ACCESS_KEY}".encode()
        for part in (date, region, service, kind):
            key = sign(key, part)
        return sign(key, text).hex()

    def is_signed(self, body):
        try:
            algorithm, rest = self.headers["Authorization"].split(" ", 1)
            fields = dict(field.strip().split("=", 1) for field in rest.split(","))
            key_id, *scope = fields["Credential"].split("/")
            words = {"scope": scope, "headers": fields["SignedHeaders"].split(";")}
            hashed = self.headers["x-amz-content-sha256"]
            return (algorithm == "AWS4-HMAC-SHA256" and key_id == ACCESS_KEY_ID and {"host", "x-amz-date"} <= set(words["headers"])
                    and hashed in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest())
                    and hmac.compare_digest(fields["Signature"], self.expected_signature(words)))
        except (AttributeError, KeyError, ValueError, TypeError):
            return False

    # How it answers.

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        self.send_header("Content-Length", headers.pop("length", len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code):
        self.answer(status, f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>".encode())

    def fails(self):
        server = self.server
        with server.lock:
            server.log.append(f"{self.command} {self.path}")
            server.count += 1
            is_due = server.every and server.count % server.every == 0
        if not is_due:
            return False
        if server.cut:
            self.close_connection = True
            self.connection.close()
        else:
            self.refuse(server.status, "SlowDown")
        return True

    def control(self, path, query):
        if path == "/-/log":
            return self.answer(200, "\n".join(self.server.log).encode())
        with self.server.lock:
            self.server.every = int(query.get("every", ["0"])[0])
            self.server.status = int(query.get("status", ["503"])[0])
            self.server.cut = "cut" in query
            self.server.count = 0
        return self.answer(204)

    def serve(self):
        split = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(split.query, keep_blank_values=True)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if split.path.startswith("/-/"):
            return self.control(split.path, query)
        if self.fails():
            return None
        if not self.is_signed(body):
            return self.refuse(403, "SignatureDoesNotMatch")
        bucket, _, key = urllib.parse.unquote(split.path).lstrip("/").partition("/")
        root = self.server.root / bucket
        if not root.is_dir():
            return self.refuse(404, "NoSuchBucket")
        file = root / key
        if ".." in file.parts:
            return self.refuse(400, "InvalidArgument")
        if not key:
            return self.list(root, query)
        return getattr(self, f"on_{self.command.lower()}")(file, body)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = lambda self: self.serve()

    def on_put(self, file, body):
        file.parent.mkdir(parents=True, exist_ok=True)
        staged = file.with_name(f".{file.name}.{threading.get_ident()}")
        staged.write_bytes(body)
        staged.rename(file)
        self.answer(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    def on_get(self, file, _):
        if not file.is_file():
            return self.refuse(404, "NoSuchKey")
        return self.answer(200, file.read_bytes())

    def on_head(self, file, _):
        if not file.is_file():
            return self.answer(404)
        return self.answer(200, length=file.stat().st_size)

    def on_delete(self, file, _):
        file.unlink(missing_ok=True)
        self.answer(204)

    def list(self, root, query):
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", [""])[0]
        keys = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
        keys = [key for key in keys if key.startswith(prefix) and key > after]
        page = keys[:PAGE]
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if len(keys) > PAGE else ""
        found = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in page)
        self.answer(200, f"<?xml version=\"1.0\"?><ListBucketResult>{found}{more}</ListBucketResult>".encode())


def main():
    root = pathlib.Path(sys.argv[1])
    server = http.server.ThreadingHTTPServer((sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1", 0), Handler)
    server.root, server.lock, server.log = root, threading.Lock(), []
    server.every = server.count = 0
    server.status, server.cut = 503, False
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
