"""Channels: whoever is told of what happens is told it, whatever dies meanwhile."""
import hashlib
import hmac
import http.server
import json
import threading

import pytest

from support.accounts import bearer, first_user, log_in
from support.api import Api
from support.machine import kill, wait_for
from support.server import Wrenn, free_port


class Receiver:
    """A webhook as docs/channels.md says one may be; it begins to listen when it is told to."""

    def __init__(self):
        self.port = free_port()
        self.secret = None
        self.told = []
        self.server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"

    def is_signed(self, headers, body):
        expected = hmac.new(self.secret.encode(), f"{headers['X-Wrenn-Timestamp']}.".encode() + body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(headers["X-WRENN-SIGNATURE"], f"sha256={expected}")

    def listen(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert receiver.is_signed(self.headers, body)
                receiver.told.append((self.headers["X-Wrenn-Delivery"], json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()

    def events(self, sandbox_id):
        """Each once: what was told may be told again when nobody could note it."""
        seen = {delivery: event for delivery, event in self.told}
        return [event["event"] for event in seen.values() if event["resource"]["id"] == sandbox_id]


@pytest.fixture(scope="module")
def wrenn():
    with Wrenn(environment={"WRENN_CHANNELS_ALLOW_PRIVATE": "1"}) as wrenn:
        yield wrenn


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_nothing_is_lost_when_receiver_and_control_plane_are_away(wrenn, receiver):
    api = Api(wrenn.url, None)
    token = bearer(log_in(api, *first_user(wrenn).groups()).json()["token"])
    made = api.post("/v1/channels", {"name": "hook", "provider": "webhook", "config": {"url": receiver.url},
                                     "events": ["capsule.created", "capsule.paused", "capsule.running", "capsule.destroyed"]}, headers=token)
    assert made.status == 201, made
    receiver.secret = made.json()["secret"]
    path = f"/v1/channels/{made.json()['id']}"
    refused = api.post(path + "/test", headers=token)
    assert refused.status == 422 and refused.code == "channel_failed", refused
    deliveries = lambda: api.get(path + "/deliveries", headers=token).json()
    with wrenn.api.create() as sandbox:
        sandbox.pause()
        # Woken by being used.
        assert sandbox.sh("echo hello").text == "hello"
        wait_for(lambda: len(deliveries()) == 3, seconds=30)
        wait_for(lambda: any(delivery["attempts"] and delivery.get("error") for delivery in deliveries()), seconds=30)
    wait_for(lambda: len(deliveries()) == 4, seconds=30)
    assert receiver.secret not in (wrenn.directory / "logs" / "cp.log").read_text()
    kill(wrenn.machine.pid("cp"))
    receiver.listen()
    wrenn.up()
    # The first may have been claimed by the one that was killed: its lease lasts for a minute.
    wait_for(lambda: sorted(receiver.events(sandbox.id)) == sorted(
        ["capsule.created", "capsule.paused", "capsule.running", "capsule.destroyed"]), seconds=180)
    wait_for(lambda: all(delivery["status"] == "delivered" for delivery in deliveries()), seconds=180)
    assert api.post(path + "/test", headers=token).json() == {"status": "ok"}


def test_what_is_private_is_not_called_unless_it_is_allowed(wrenn):
    with Wrenn() as careful:
        api = Api(careful.url, None)
        token = bearer(log_in(api, *first_user(careful).groups()).json()["token"])
        ask = lambda url: api.post("/v1/channels/test", {"provider": "webhook", "config": {"url": url}}, headers=token)
        for url in ("http://example.com/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/meta-data",
                    "https://2130706433/", "https://10.0.0.1/", "https://[::ffff:127.0.0.1]/", "https://user:secret@example.com/"):
            assert ask(url).status == 400, url
        # A name that leads inside is found out when it is called.
        named = ask("https://localhost/")
        assert named.status == 422 and "not public" in named.message, named
