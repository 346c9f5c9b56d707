"""Login by GitHub, with a stand-in for it, by a real control plane: no sandbox is needed."""
import contextlib
import http.client
import os
import pathlib
import subprocess
import sys
import urllib.parse

import pytest

from support import contract
from support.api import Api
from support.outside import die_with_parent
from support.server import ROOT, free_port

GITHUB = pathlib.Path(__file__).resolve().parent / "support" / "github_server.py"
SECRET = "the-secret-of-the-app"


@pytest.fixture(scope="module")
def github():
    """Its port."""
    with subprocess.Popen([sys.executable, GITHUB, "the-client", SECRET], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield int(process.stdout.readline())
        process.stdin.close()


@pytest.fixture(scope="module")
def control(github, tmp_path_factory):
    """Its API, without a key, and its log."""
    directory = tmp_path_factory.mktemp("oauth")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = directory / "cp.log"
    read_end, write_end = os.pipe()
    environment = {"PATH": os.environ["PATH"], "OAUTH_GITHUB_CLIENT_ID": "the-client", "OAUTH_GITHUB_CLIENT_SECRET": SECRET,
                   "CP_PUBLIC_URL": url, "WRENN_GITHUB_URL": f"http://127.0.0.1:{github}", "WRENN_SIGNUP": "open", "LOG_LEVEL": "debug"}
    with open(log, "ab") as out:
        process = subprocess.Popen([ROOT / "builds" / "wrenn-cp", "serve", "--dir", directory / "dir", "--listen", f"127.0.0.1:{port}",
                                    "--proxy-listen", f"127.0.0.1:{free_port()}", "--ready-fd", str(write_end)],
                                   stdout=out, stderr=out, pass_fds=[write_end], env=environment, preexec_fn=die_with_parent)
    os.close(write_end)
    try:
        with os.fdopen(read_end) as ready:
            assert ready.read(), log.read_text()
        api = Api(url, None)
        contract.load(api.host, api.port)
        yield api, log
    finally:
        process.terminate()
        process.wait(timeout=60)


class Browser:
    """Keeps cookies, and goes where it is sent, up to the dashboard; `seen` is all that scripts and addresses could tell."""

    def __init__(self, api):
        self.api = api
        self.cookies = {}
        self.seen = []
        self.codes = []

    def get(self, path):
        reply = self.api.get(path, headers={"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())})
        for text in reply.headers.get_all("Set-Cookie") or []:
            assert "; HttpOnly" in text and "; SameSite=" in text, text
            name, _, value = text.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in text:
                del self.cookies[name]
        if reply.status == 302:
            self.seen.append(reply.headers["Location"])
        return reply

    def agree(self, address, person):
        """At GitHub; the path of ours where it sends the browser."""
        parts = urllib.parse.urlsplit(address)
        with contextlib.closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)) as connection:
            connection.request("GET", f"{parts.path}?{parts.query}&person={person}")
            response = connection.getresponse()
            body = response.read()
        assert response.status == 302, (address, body)
        back = urllib.parse.urlsplit(response.headers["Location"])
        self.codes += urllib.parse.parse_qs(back.query).get("code", [])
        return f"{back.path}?{back.query}"

    def log_in(self, person, query=""):
        sent = self.get("/auth/oauth/github" + query)
        assert sent.status == 302, sent
        back = self.get(self.agree(sent.headers["Location"], person))
        assert back.status == 302 and "wrenn_oauth" not in self.cookies, back
        return urllib.parse.urlsplit(back.headers["Location"])

    def token(self):
        reply = self.api.post("/v1/auth/refresh", headers={"Cookie": f"wrenn_session={self.cookies['wrenn_session']}"})
        assert reply.status == 200, reply
        return reply.json()["token"]


def test_people_sign_up_log_in_and_link_by_github(control):
    api, log = control
    assert api.get("/v1/auth/providers").json() == {"providers": ["github"]}
    browser = Browser(api)
    assert browser.log_in("1,ann@example.com").query == "error=no_account"
    page = browser.log_in("1,ann@example.com", "?intent=signup")
    assert (page.path, page.query) == ("/auth/github/callback", "new_signup=1")
    session = browser.cookies["wrenn_session"]
    token = browser.token()
    ann = {"Authorization": f"Bearer {token}"}
    me = api.get("/v1/me", headers=ann).json()
    assert me["email"] == "ann@example.com" and me["is_admin"] and not me["has_password"] and me["providers"] == ["github"], me

    # She may have a password, and then do without GitHub.
    refused = api.delete("/v1/me/providers/github", headers=ann)
    assert refused.status == 400 and refused.code == "last_login_method", refused
    assert api.post("/v1/me/password", {"new_password": "ann's password"}, headers=ann).status == 204
    assert api.delete("/v1/me/providers/github", headers=ann).status == 204
    again = api.post("/v1/auth/login", {"email": "ann@example.com", "password": "ann's password"})
    assert again.status == 200, again
    # Now GitHub's word is not enough to get into the account: she links it.
    stranger = Browser(api)
    assert stranger.log_in("1,ann@example.com", "?intent=signup").query == "error=email_taken"
    linking = Browser(api)
    asked = api.get("/v1/me/providers/github/connect", headers={"Authorization": f"Bearer {again.json()['token']}"})
    linking.cookies["wrenn_oauth"] = asked.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
    done = linking.get(linking.agree(asked.json()["auth_url"], "1,ann@example.com"))
    assert done.headers["Location"].endswith("/dashboard/settings?connected=github"), done.headers
    assert stranger.log_in("1,ann@example.com").query == ""

    # What is secret is in no address and in no line of the log.
    text = log.read_text()
    for secret in (SECRET, token, session, "gho_", *browser.codes):
        assert secret not in text, secret
        assert not any(secret in address for address in browser.seen + stranger.seen), secret


def test_a_browser_cannot_go_on_for_another(control):
    api, _ = control
    one, other = Browser(api), Browser(api)
    back = one.agree(one.get("/auth/oauth/github?intent=signup").headers["Location"], "5,eve@example.com")
    assert other.get(back).headers["Location"].endswith("?error=invalid_state")
    assert "wrenn_session" not in other.cookies
    assert one.get(back).headers["Location"].endswith("?new_signup=1")
    assert one.get(back).headers["Location"].endswith("?error=invalid_state")


def test_an_incomplete_configuration_is_refused(tmp_path):
    done = subprocess.run([ROOT / "builds" / "wrenn-cp", "serve", "--dir", tmp_path], text=True, capture_output=True, timeout=60,
                          env={"PATH": os.environ["PATH"], "OAUTH_GITHUB_CLIENT_ID": "x", "OAUTH_GITHUB_CLIENT_SECRET": SECRET})
    assert done.returncode == 1 and "CP_PUBLIC_URL" in done.stderr, done
    assert SECRET not in done.stderr
