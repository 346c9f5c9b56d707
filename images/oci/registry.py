"""Images in a registry, read as if they lay in a directory. Specifications: OCI distribution-spec 1.1; Docker's token authentication.

A registry may send us anywhere, by a redirect or by the address of its token server. Only hosts that were allowed are called, by
TLS (plainly only on this machine itself), and what is secret goes to nobody but who it is for.
"""
import base64
import contextlib
import hashlib
import http.client
import ipaddress
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request

import image
import streams
from errors import Refused, shown

TIMEOUT_S = 30  # Of each step; a whole pull has this:
DEADLINE_S = 3600
MAX_REDIRECTS = 5
MAX_TOKEN = 1 << 18
TRIES = 3
# Docker's own registry has several names.
DOCKER_HUB = "registry-1.docker.io"
DOCKER_HUB_HOSTS = (DOCKER_HUB, "auth.docker.io", "production.cloudflare.docker.com")
HUB_NAMES = ("docker.io", "index.docker.io", DOCKER_HUB)

REFERENCE = re.compile(r"(?P<path>[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
                       r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?")
HOST = re.compile(r"(?:\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?")
PARAMETER = re.compile(r'([a-z]+)="([^"\\]*)"')


class Reference:
    """docker://[HOST[:PORT]/]PATH[:TAG][@DIGEST]"""

    def __init__(self, text):
        rest = text.removeprefix("docker://")
        first, slash, after = rest.partition("/")
        # The first part is a host if it could not be part of a path.
        if slash and ("." in first or ":" in first or first == "localhost"):
            self.host, rest = first.lower(), after
        else:
            self.host = DOCKER_HUB
        if self.host in HUB_NAMES:
            self.host = DOCKER_HUB
            rest = rest if "/" in rest else "library/" + rest
        match = REFERENCE.fullmatch(rest)
        if not match or not HOST.fullmatch(self.host) or len(match["path"]) > 255:
            raise Refused(f"'{shown(text)}' is no reference to an image", "it is like docker://registry.example.com/team/image:tag")
        self.path = match["path"]
        self.digest = match["digest"]
        self.name = self.digest or match["tag"] or "latest"


def is_this_machine(host):
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def origin_of(url):
    """(scheme, "host:port") of an address that may be called at all."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urllib.parse.urlsplit("")
    is_plain = parts.scheme == "http" and is_this_machine(host)
    if not host or parts.username is not None or not (is_plain or parts.scheme == "https"):
        raise Refused(f"the registry leads to an address that is not called: {shown(url)}", "it must be https without a user's name")
    host = f"[{host}]" if ":" in host else host
    return parts.scheme, f"{host}:{port or (80 if is_plain else 443)}"


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves them to us, who look first where they lead."""

    def http_error_302(self, *_):
        return None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class Registry:
    """Has the part of image.Directory and image.Archive: open(name). What was fetched is kept in `blobs`, once."""

    def __init__(self, reference, blobs, allowed_hosts=(), auth_file=None, say=lambda text: None):
        self.reference = reference
        self.blobs = blobs
        self.say = say
        scheme = "http" if is_this_machine(urllib.parse.urlsplit(f"//{reference.host}").hostname or "") else "https"
        self.base = f"{scheme}://{reference.host}/v2/{reference.path}"
        self.origin = origin_of(self.base)
        self.allowed = {self.origin[1], *(self.with_port(host) for host in allowed_hosts)}
        if reference.host == DOCKER_HUB:
            self.allowed.update(self.with_port(host) for host in DOCKER_HUB_HOSTS)
        self.login = read_login(auth_file, reference.host) if auth_file else None
        self.authorization = None
        self.kept = {}  # Blobs by name.
        self.manifests = set()  # Digests of what is asked for as a manifest.
        self.deadline = time.monotonic() + DEADLINE_S
        self.openers = {True: urllib.request.build_opener(NoRedirects, urllib.request.ProxyHandler({})), False: urllib.request.build_opener(NoRedirects)}

    @staticmethod
    def with_port(host):
        if not HOST.fullmatch(host):
            raise Refused(f"'{shown(host)}' is no host", "it is like cdn.example.com or cdn.example.com:8443")
        return host.lower() if re.search(r":[0-9]+$", host) else host.lower() + ":443"

    # As files

    @contextlib.contextmanager
    def open(self, name):
        if name == "index.json":
            kept = self.fetch_root()
        elif name.startswith("blobs/sha256/"):
            kept = self.kept.get(name) or self.fetch_blob(name)
        else:
            kept = None
        if kept is None:
            yield None
            return
        fd = os.open(kept, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.blobs.fd)
        with open(fd, "rb", buffering=0) as file:
            yield file

    def fetch_root(self):
        """An index that has nothing but what the reference names."""
        data, media_type = self.fetch_manifest(self.reference.name)
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if self.reference.digest:
            image.check_digest(digest, self.reference.digest, "the manifest")
        self.keep(image.blob_name(digest), [data])
        return self.blobs.add([json.dumps({"manifests": [{"mediaType": media_type, "digest": digest, "size": len(data)}]}).encode()])

    def fetch_manifest(self, name):
        accept = ", ".join(sorted(image.INDEXES | image.MANIFESTS))
        with self.get(f"{self.base}/manifests/{name}", accept, f"the image {self.reference.path}:{name}") as reply:
            data = image.read_all(reply, image.MAX_DOCUMENT)
            media_type = reply.headers.get_content_type()
        if len(data) > image.MAX_DOCUMENT:
            raise Refused(f"the manifest is larger than {image.MAX_DOCUMENT} bytes")
        document = image.object_of(image.parse(data, "the manifest"), "the manifest")
        entries = document.get("manifests")
        if isinstance(entries, list):
            self.manifests.update(one["digest"] for one in entries if isinstance(one, dict) and isinstance(one.get("digest"), str))
        # A server that has files alone tells no type, but the document may.
        stated = document.get("mediaType")
        if media_type not in image.INDEXES | image.MANIFESTS and isinstance(stated, str):
            media_type = stated
        return data, media_type

    def fetch_blob(self, name):
        digest = "sha256:" + name.rpartition("/")[2]
        if digest in self.manifests:
            data, _ = self.fetch_manifest(digest)
            image.check_digest("sha256:" + hashlib.sha256(data).hexdigest(), digest, "the manifest")
            return self.keep(name, [data])
        for attempt in range(1, TRIES + 1):
            try:
                return self.fetch_layer(name, digest)
            except (OSError, http.client.HTTPException) as error:
                if attempt == TRIES:
                    raise Refused(f"cannot fetch {digest}: {shown(str(error))}", "try again later") from None
                self.pause(attempt)
        return None

    def fetch_layer(self, name, digest):
        with self.get(f"{self.base}/blobs/{digest}", "*/*", f"the blob {digest}") as reply:
            size = reply.headers.get("Content-Length")
            self.say(f"fetching {digest[:19]}" + (f" ({int(size) >> 10} KiB)" if size and size.isdigit() and len(size) < 15 else ""))
            content = streams.Hashed(self.until_deadline(reply))
            kept = self.blobs.add(content)
        image.check_digest(content.digest, digest, f"the blob {digest[:19]}")
        self.kept[name] = kept
        return kept

    def keep(self, name, pieces):
        self.kept[name] = self.blobs.add(pieces)
        return self.kept[name]

    def until_deadline(self, reply):
        taken = 0
        for data in streams.pieces(reply):
            taken += len(data)
            if taken > image.MAX_LAYER:
                raise Refused(f"a layer is larger than {image.MAX_LAYER} bytes")
            self.check_deadline()
            yield data
        if reply.length:
            raise http.client.IncompleteRead(b"", reply.length)

    def check_deadline(self):
        if time.monotonic() > self.deadline:
            raise Refused(f"the image did not come within {DEADLINE_S} s")

    def pause(self, attempt):
        self.check_deadline()
        time.sleep(min(2 ** attempt / 4, 5))

    # Over the network

    def get(self, url, accept, what):
        """The reply to a GET, with status 200; redirects, authentication and passing trouble are seen to."""
        is_authorized = False
        for attempt in range(1, TRIES + 2):
            try:
                return self.follow(url, accept)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code == 401 and not is_authorized:
                        self.authorize(error.headers.get_all("WWW-Authenticate") or [])
                        is_authorized = True
                        continue
                    if error.code in (429, 500, 502, 503, 504) and attempt <= TRIES:
                        self.pause(attempt)
                        continue
                    raise self.refusal(error, what) from None
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", error)
                if attempt > TRIES:
                    raise Refused(f"cannot reach {self.reference.host}: {shown(str(reason))}", "check its name, and that this machine reaches it") from None
                self.pause(attempt)
        raise Refused(f"{self.reference.host} does not answer for {what}", "try again later")

    def refusal(self, error, what):
        remedy = {401: "log in: give --auth-file a file as 'docker login' or 'podman login' writes it", 403: "the account may not read it",
                  404: "check the image's name and tag", 429: "the registry wants fewer calls; try again later"}.get(error.code, "try again later")
        return Refused(f"{self.reference.host} does not give {what}: status {error.code}", remedy)

    def follow(self, url, accept):
        for _ in range(MAX_REDIRECTS + 1):
            try:
                return self.call(url, {"Accept": accept}, self.authorization)
            except urllib.error.HTTPError as error:
                if error.code not in (301, 302, 303, 307, 308):
                    raise
                with error:
                    url = self.redirected(url, error.headers.get("Location") or "")
        raise Refused(f"{self.reference.host} redirects more than {MAX_REDIRECTS} times")

    @staticmethod
    def redirected(url, location):
        try:
            return urllib.parse.urljoin(url, location)
        except ValueError:
            raise Refused(f"the registry leads to no address: {shown(location)}") from None

    def call(self, url, headers, authorization):
        """`authorization` goes to the registry itself alone, whatever address it has led to."""
        self.check_deadline()
        origin = origin_of(url)
        if origin[1] not in self.allowed:
            raise Refused(f"the registry leads to {shown(origin[1])}, which was not allowed", f"if you trust it: --allow-host {shown(origin[1])}")
        if any(ord(c) <= 32 or ord(c) > 126 for c in url):
            raise Refused("the registry leads to an address with characters that none has")
        if authorization and origin == self.origin:
            headers = {**headers, "Authorization": authorization}
        request = urllib.request.Request(url, headers={"User-Agent": "wrenn", **headers})
        return self.openers[origin[0] == "http"].open(request, timeout=TIMEOUT_S)

    def authorize(self, challenges):
        """Answers a 401: with a token that is fetched where the registry says, or with name and password themselves."""
        for challenge in challenges:
            scheme, _, rest = challenge.partition(" ")
            values = dict(PARAMETER.findall(rest))
            if scheme.lower() == "bearer" and "realm" in values:
                self.authorization = "Bearer " + self.fetch_token(values)
                return
            if scheme.lower() == "basic" and self.login:
                self.authorization = "Basic " + self.login
                return

    def fetch_token(self, values):
        query = urllib.parse.urlencode({"service": values.get("service", ""), "scope": f"repository:{self.reference.path}:pull"})
        url = values["realm"] + ("&" if "?" in values["realm"] else "?") + query
        headers = {"Authorization": "Basic " + self.login} if self.login else {}
        try:
            with self.call(url, headers, None) as reply:
                data = image.read_all(reply, MAX_TOKEN)
        except urllib.error.HTTPError as error:
            with error:
                raise self.refusal(error, "a token") from None
        answer = image.object_of(image.parse(data, "the answer of the token server"), "the answer of the token server")
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", token):
            raise Refused("the token server has sent no token")
        return token


def read_login(path, host):
    """Name and password for a host, in base64, out of a file as `docker login` writes it; None if it has none."""
    try:
        with open(path, encoding="utf-8") as file:
            auths = json.load(file).get("auths", {})
        names = ("https://index.docker.io/v1/", *HUB_NAMES) if host == DOCKER_HUB else (host, f"https://{host}")
        login = next((auths[name]["auth"] for name in names if auths.get(name, {}).get("auth")), None)
        if login is not None and b":" not in base64.b64decode(login, validate=True):
            raise ValueError
        return login
    except (OSError, ValueError, AttributeError, TypeError):
        # Nothing of what is in it may be shown.
        raise Refused(f"cannot read {path}", "it must be of the form that 'docker login' or 'podman login' writes, without a helper for passwords") from None
