"""Requests that are made from the API's own description, right and wrong: it answers all of them as described and with no defect.

WRENN_FUZZ_SECONDS (20 unless given) is for each database, WRENN_FUZZ_SEED repeats a run as far as the server's own ids allow.
"""
import collections
import http.client
import json
import os
import random
import re
import secrets
import socket
import subprocess
import time

import pytest

from support import contract
from support.api import Api, Reply
from support.fuzz import ODD_FIELDS, Requests, texts_in
from support.postgres import Postgres
from support.server import WRENN, Wrenn
from support.websocket import TEXT, Closed, Refused, WebSocket

SECONDS = float(os.environ.get("WRENN_FUZZ_SECONDS", "20"))
# The same each time, so that a failure is of the change and not of the day; `any` goes where nobody has been.
SEED = os.environ.get("WRENN_FUZZ_SEED", "4711")
SEED = secrets.randbits(32) if SEED == "any" else int(SEED)
# What boots, saves or copies a machine is tried less often, and so is what ends the session that the others need.
RARE = {"createSandbox": 0.2, "forkSandbox": 0.2, "createTemplate": 0.2, "pauseSandbox": 0.2, "resumeSandbox": 0.3, "hibernateSandbox": 0.2,
        "destroySandbox": 0.1, "logOut": 0.03, "deleteOwnAccount": 0.05, "changePassword": 0.3, "endSession": 0.2, "switchTeam": 0.2,
        "leaveTeam": 0.2, "deleteTeam": 0.1, "handOverTeam": 0.2, "setUserActive": 0.3, "deleteAnyTeam": 0.1, "setTeamByoc": 0.1,
        "setQuotaOfAll": 0.3, "setTeamQuota": 0.3}
MOST_SANDBOXES = 3
# Refusals of a host are part of this; a defect is not.
GOOD_FAILURES = {(501, "agent_error"), (502, "agent_error"), (503, "host_unavailable"), (503, "no_hosts_available")}


class Wire:
    """Requests as bytes, on a connection that is kept."""

    def __init__(self, api):
        self.api = api
        self.socket = None

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def exchange(self, request):
        fields = [(b"Host", f"{self.api.host}:{self.api.port}".encode())] * all(name != b"Host" for name, _ in request.fields) + request.fields
        head = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            head += b"Content-Length: %d\r\n" % len(request.body)
        message = f"{request.method} {request.target} HTTP/1.1\r\n".encode() + head + b"\r\n" + request.body
        is_kept = self.socket is not None
        try:
            return self.once(request.method, message)
        except (OSError, http.client.HTTPException):
            self.close()
            if not is_kept:
                raise
        # A kept connection may have ended just before.
        return self.once(request.method, message)

    def once(self, method, message):
        if self.socket is None:
            self.socket = socket.create_connection((self.api.host, self.api.port), timeout=120)
        try:
            self.socket.sendall(message)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It has answered before it read everything.
        response = http.client.HTTPResponse(self.socket, method=method)
        response.begin()
        # A stream of events does not end by itself: its beginning is enough.
        is_endless = response.headers.get("Content-Type") == "text/event-stream" and method != "HEAD"
        reply = Reply(response.status, response.headers, response.read1() if is_endless else response.read())
        if response.will_close or is_endless:
            self.close()
        return reply


class Account:
    """Somebody to be thrown away, with a key; `key` sees what the user's team has."""

    def __init__(self, wrenn, number):
        self.email = f"fuzz{number}@example.com"
        done = subprocess.run([WRENN.parent / "wrenn-cp", "user", "create", self.email, "--name", "Fuzz", "--dir", wrenn.directory],
                              env=wrenn.environment(), capture_output=True, timeout=60, check=True)
        self.password = done.stdout.decode().strip()
        api = Api(wrenn.url, None)
        # Failed logins of others count by address.
        login = api.post("/v1/auth/login", {"email": self.email, "password": self.password},
                         headers={"X-Forwarded-For": f"198.51.100.{number % 250}"})
        assert login.status == 200, login
        self.token = login.json()["token"]
        self.cookie = login.headers["Set-Cookie"].partition(";")[0]
        made = api.post("/v1/api-keys", {"name": "fuzz"}, headers={"Authorization": f"Bearer {self.token}"})
        assert made.status == 201, made
        self.api = Api(wrenn.url, made.json()["key"])
        self.words = [login.json()["user_id"], login.json()["team_id"], made.json()["id"], self.email]


class Fuzzer:
    def __init__(self, wrenn, seed):
        self.wrenn = wrenn
        self.random = random.Random(seed)
        self.contract = contract.known[wrenn.api.host, wrenn.api.port]
        self.requests = Requests(self.contract, self.random)
        self.wire = Wire(wrenn.api)
        self.accounts = self.rounds = 0
        self.account = None
        self.sandboxes = []
        self.keys = []
        self.admin = self.admin_token()
        self.seen = collections.Counter()

    def admin_token(self):
        said = re.search(r"The first user is (\S+), the password (\S+)\n", self.wrenn.greeting)
        login = Api(self.wrenn.url, None).post("/v1/auth/login", {"email": said.group(1), "password": said.group(2)},
                                               headers={"X-Forwarded-For": "192.0.2.1"})
        assert login.status == 200, login
        return login.json()["token"]

    def bearer(self, token):
        return {"Authorization": f"Bearer {token}"}

    def prepare(self):
        """Somebody with a sandbox to ask for; new ones when those of before are gone."""
        api = Api(self.wrenn.url, None)
        who = self.account and api.get("/v1/me", headers=self.bearer(self.account.token))
        team = self.account and self.account.words[1]
        is_there = who and who.status == 200 and who.json()["team"]["id"] == team and not who.json()["team"]["is_byoc"]
        if not is_there or self.account.api.get("/v1/capsules").status != 200:
            self.accounts += 1
            self.account = Account(self.wrenn, self.accounts)
            for word in self.account.words:
                self.requests.values.learn(word)
        if api.get("/v1/me", headers=self.bearer(self.admin)).status != 200:
            self.admin = self.admin_token()
        # What was set may leave no room for what is made below.
        for path in ("/v1/admin/quota", f"/v1/admin/teams/{self.account.words[1]}/quota"):
            assert api.delete(path, headers=self.bearer(self.admin)).status == 204
        self.sandboxes = [one["id"] for one in self.account.api.list()]
        for extra in self.sandboxes[MOST_SANDBOXES:]:
            self.account.api.delete(f"/v1/capsules/{extra}")
        del self.sandboxes[MOST_SANDBOXES:]
        if not self.sandboxes:
            # Should its account be closed, its time is over soon.
            self.sandboxes.append(self.account.api.create(timeout_sec=60, on_timeout="kill").id)
        for word in self.sandboxes:
            self.requests.values.learn(word)
        user, team, key, email = self.account.words
        self.requests.values.favourites = {
            "sandbox_id": self.sandboxes, "user_id": [user], "team_id": [team], "any_team_id": [team], "key_id": [key], "email": [email, "fuzz@example.com"],
            "confirmation": [email], "password": [self.account.password, "correct horse"], "current_password": [self.account.password],
            "token": self.mailed(), "invitation": self.mailed(), "path": ["/tmp/a", "a/b", "~", "/etc/hostname", "/proc/self/mem", "/dev/null"],
            "user": ["root", "user", "nobody"], "template": ["minimal"], "cwd": ["/", "/tmp"], "tag": ["nap", "t-1"], "process": ["nap", "1", "t-1"]}

    def mailed(self):
        """The tokens of the last mails."""
        mails = sorted((self.wrenn.directory / "control").rglob("*.eml"), key=lambda one: one.stat().st_mtime)[-5:]
        return [token for mail in mails for token in re.findall(r"[?]token=(\S+)", mail.read_text())]

    def credentials(self, operation):
        kind = self.random.random()
        access = operation.described["x-access"]
        if kind < 0.75:
            if access == "admin":
                return [(b"Authorization", b"Bearer " + self.admin.encode())]
            if access == "cookie":
                return [(b"Cookie", self.account.cookie.encode())]
            if access == "user" or kind < 0.2:
                return [(b"Authorization", b"Bearer " + self.account.token.encode())]
            return [(b"X-API-Key", self.account.api.key.encode())]
        if kind < 0.8:
            return []
        other = self.random.choice([*self.keys, self.admin if access == "admin" else self.account.token, "wrn_" + "0" * 32, "a.b.c"]).encode()
        bad = self.random.choice([other, other[:-1] + b"x", *ODD_FIELDS])
        return [self.random.choice([(b"X-API-Key", bad), (b"Authorization", b"Bearer " + bad), (b"Authorization", b"Basic " + bad)])]

    def a_round(self):
        """Every operation once at first, then some more often than others."""
        chosen = [one for one in self.contract.operations if self.rounds == 0 or self.random.random() < RARE.get(one.id, 1)]
        self.random.shuffle(chosen)
        self.rounds += 1
        return chosen

    def spare(self, request):
        """Takes out of a request what would take long: machines of odd sizes, many copies, commands that wait."""
        value = request.value
        if not isinstance(value, dict):
            return
        limits = {"vcpus": (0, 32), "memory_mb": (0, 65536), "disk_mb": (0, 1048576)} if request.operation.id == "createSandbox" else {}
        for name, (low, high) in limits.items():
            if isinstance(value.get(name), int) and low <= value[name] <= high:
                del value[name]
        if request.operation.id == "forkSandbox" and isinstance(value.get("count"), int) and 1 < value["count"] <= 100:
            value["count"] = 1
        if request.operation.id == "execCommand":
            value["cmd"] = self.random.choice(["true", "/bin/echo", value.get("cmd")])
        Requests.set_json(request, value)

    def step(self, operation):
        if "x-websocket" in operation.described and self.random.random() < 0.5:
            self.step_on_socket(operation)
            return
        request = self.requests.make(operation, is_wild=self.random.random() < 0.7)
        self.spare(request)
        fields = self.credentials(operation)
        names = {name for name, _ in request.fields}
        if operation.described["x-access"] == "open" and b"X-Forwarded-For" not in names:
            # Not all from one address, which would be told to wait.
            request.fields.append((b"X-Forwarded-For", b"203.0.113.%d" % self.random.randrange(250)))
        request.fields += [one for one in fields if one[0] not in names]
        try:
            reply = self.wire.exchange(request)
        except (OSError, http.client.HTTPException) as e:
            raise AssertionError(f"there was no answer ({e!r}) to\n{request!r}") from e
        self.judge(request, reply)
        self.seen[f"{operation.id} {request.method} {reply.status}"] += 1

    def judge(self, request, reply):
        try:
            if reply.status == 101:
                # A socket of which nothing more is wanted.
                self.wire.close()
                return
            self.contract.check(request.method, request.target, reply)
            if reply.status >= 500 and "X-Request-Id" in reply.headers and request.method != "HEAD":
                assert (reply.status, reply.code) in GOOD_FAILURES, f"a defect: {reply}"
            is_meant = request.method == request.operation.method.upper()
            if reply.status < 300 and is_meant:
                self.check_was_right(request)
        except AssertionError as e:
            raise AssertionError(f"{e}\nto\n{request!r}") from e
        if is_meant:
            self.learn(request.operation, reply)

    def check_was_right(self, request):
        """What the description forbids is not taken. Null, and 0 and an empty text of what may be missing, count as missing."""
        described = request.operation.described.get("requestBody")
        if described is None or request.value is None:
            return
        schema = self.requests.values.whole(described["content"]["application/json"]["schema"])
        value = {name: one for name, one in request.value.items() if one not in (None, "") and (one != 0 or isinstance(one, bool))} \
            if isinstance(request.value, dict) else request.value
        error = next(self.contract.validator(schema).iter_errors(value), None)
        assert error is None, f"it was taken, though the description forbids it: {error.message[:300]}"

    def learn(self, operation, reply):
        if reply.status >= 300 or reply.headers.get("Content-Type") != "application/json" or not reply.body:
            return
        value = reply.json()
        for text in list(texts_in(value))[:60]:
            if re.fullmatch(r"[a-z]+-[0-9a-z]{25}|[^@ ]+@example\.com|[a-z0-9-]{1,20}", text):
                self.requests.values.learn(text)
        self.requests.values.learn(reply.headers.get("X-Next-Cursor"))
        if operation.id == "createApiKey":
            self.keys = self.keys[-5:] + [value["key"]]
        if operation.id == "refreshSession":
            self.account.cookie = reply.headers.get("Set-Cookie", self.account.cookie).partition(";")[0]

    def step_on_socket(self, operation):
        """Some messages, right and wrong, and then a goodbye, which is answered whatever came before."""
        request = self.requests.make(operation, is_wild=self.random.random() < 0.3)
        sides = operation.described["x-websocket"]
        credentials = {name.decode(): value.decode("latin-1") for name, value in self.credentials(operation)}
        told = f"{operation.id} at {request.target} with {credentials}"
        try:
            with WebSocket(self.wrenn.api.host, self.wrenn.api.port, request.target, credentials, timeout=120) as stream:
                if not credentials:
                    stream.send(type="auth", token=self.account.api.key)
                for _ in range(self.random.randint(0, 3)):
                    message = self.requests.values.right(sides["client"])
                    if self.random.random() < 0.5:
                        message = self.requests.values.wrong(message)
                    told += f"\n  {message!r:.300}"
                    stream.send_frame(self.random.choice([TEXT] * 9 + [2]), json.dumps(message).encode())
                stream.send_frame(8, b"\x03\xe8")
                while True:
                    stream.receive()
        except (Closed, Refused) as ended:
            self.seen[f"{operation.id} {ended.args[0][:16]}"] += 1
            if isinstance(ended, Refused):
                assert ended.status < 500 or (ended.status, ended.code) in GOOD_FAILURES, f"{told}: {ended}"
        except (BrokenPipeError, ConnectionResetError):
            self.seen[f"{operation.id} cut"] += 1
        except AssertionError as e:
            raise AssertionError(f"{e}\nto {told}") from e

    def run(self, seconds):
        until = time.monotonic() + seconds
        while self.rounds == 0 or time.monotonic() < until:
            self.prepare()
            for operation in self.a_round():
                self.step(operation)


@pytest.fixture(params=["a file", "PostgreSQL"])
def fuzzed(request):
    environment = {"WRENN_SIGNUP": "open"}
    if request.param == "a file":
        with Wrenn(environment=environment) as wrenn:
            yield wrenn
        return
    with Postgres() as postgres, Wrenn(environment={**environment, "WRENN_DATABASE_URL": postgres.url}) as wrenn:
        yield wrenn


def test_every_answer_is_as_described(fuzzed):
    print(f"WRENN_FUZZ_SEED={SEED}")
    fuzzer = Fuzzer(fuzzed, SEED)
    pid = fuzzed.machine.pid("cp")
    try:
        fuzzer.run(SECONDS)
    except AssertionError as e:
        raise AssertionError(f"with WRENN_FUZZ_SEED={SEED}, after {fuzzer.seen.total()} requests: {e}") from e
    for what, count in sorted(fuzzer.seen.items()):
        print(f"{count:6} {what}")
    assert fuzzed.machine.pid("cp") == pid and fuzzed.api.get("/health").status == 200
    reached = {what.split()[0] for what in fuzzer.seen}
    assert reached == {one.id for one in fuzzer.contract.operations}
    fuzzer.prepare()
    with fuzzer.account.api.create() as sandbox:
        assert sandbox.exec("echo", "hello").text == "hello"
