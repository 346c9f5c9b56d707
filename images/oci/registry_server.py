"""A registry for tests: images of testing.py, on the loopback address, with a token server and whatever is to go wrong."""
import base64
import contextlib
import http.server
import json
import threading
import urllib.parse

PASSWORD = "me:secret-word"


class RegistryServer(http.server.ThreadingHTTPServer):
    """Started by `with`. `tags`: {"path:tag": (bytes, media type)}; `blobs`: {digest: bytes}, manifests among them."""
    daemon_threads = True

    def __init__(self, image=None, index=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs, self.tags, self.types = {}, {}, {}
        self.needs_token = self.needs_login = False
        self.redirect_blobs_to = None  # The base of another server.
        self.realm = None
        self.failures = []  # Statuses that are answered before anything else.
        self.cut = {}  # {digest: bytes that are sent before the connection is closed}, once.
        self.calls = []  # (path, Authorization)
        if image is not None:
            self.add("team/app:1", image, index)

    def add(self, name, image, index=None):
        descriptor = index or image.descriptor()
        self.blobs.update(image.blobs)
        self.types[descriptor["digest"]] = descriptor["mediaType"]
        self.tags[name] = descriptor["digest"]

    @property
    def host(self):
        return f"127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        pass  # A client that goes away is what some tests are about.


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        server, authorization = self.server, self.headers.get("Authorization")
        path, _, query = self.path.partition("?")
        server.calls.append((self.path, authorization))
        if server.failures:
            return self.answer(server.failures.pop(0))
        login = "Basic " + base64.b64encode(PASSWORD.encode()).decode()
        if path == "/token":
            if server.needs_login and authorization != login:
                return self.answer(401)
            scope = urllib.parse.parse_qs(query)["scope"][0]
            return self.answer(200, json.dumps({"token": "for." + base64.urlsafe_b64encode(scope.encode()).decode()}).encode())
        if server.needs_token and authorization != "Bearer for." + base64.urlsafe_b64encode(b"repository:team/app:pull").decode():
            realm = server.realm or f"http://{server.host}/token"
            return self.answer(401, WWW_Authenticate=f'Bearer realm="{realm}",service="test",scope="repository:team/app:pull"')
        if server.needs_login and not server.needs_token and authorization != login:
            return self.answer(401, WWW_Authenticate='Basic realm="test"')
        _, _, rest = path.partition("/v2/")
        name, kind, reference = rest.rpartition("/manifests/") if "/manifests/" in rest else rest.rpartition("/blobs/")
        digest = server.tags.get(f"{name}:{reference}", reference)
        data = server.blobs.get(digest)
        if data is None or (kind == "/manifests/" and digest not in server.types and b'"mediaType"' not in data):
            return self.answer(404)
        if kind == "/blobs/" and server.redirect_blobs_to:
            return self.answer(307, Location=f"{server.redirect_blobs_to}{path}?signature=1")
        if digest in server.cut:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:server.cut.pop(digest)])
            self.close_connection = True
            return None
        media_type = "application/octet-stream"
        if kind == "/manifests/":
            media_type = server.types.get(digest) or json.loads(data)["mediaType"]
        return self.answer(200, data, Content_Type=media_type)


@contextlib.contextmanager
def two_servers(image):
    """A registry that leads to another server for its blobs."""
    with RegistryServer(image) as first, RegistryServer(image) as second:
        first.redirect_blobs_to = f"http://{second.host}"
        yield first, second
