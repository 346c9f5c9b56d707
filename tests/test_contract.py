"""What the API says of itself is whole, and what the tests hold against it does not pass when it is wrong."""
import email.message
import json
import subprocess

import jsonschema
import pytest

from support import contract
from support.api import Reply
from support.js import check, names, prepare, run_file

BROWSER = "reference.test.mjs"
ID = "cl-" + 25 * "0"


@pytest.fixture(scope="module")
def described(api):
    return contract.known[api.host, api.port]


def reply(status, body, kind="application/json", **headers):
    fields = email.message.Message()
    fields["X-Request-Id"] = "req-0123456789abcdef"
    if kind:
        fields["Content-Type"] = kind
    for name, value in headers.items():
        fields[name] = value
    return Reply(status, fields, body if isinstance(body, bytes) else json.dumps(body).encode())


def error(code):
    return {"error": {"code": code, "message": "what is wrong, and what to do"}}


def test_its_schemas_are_schemas(described):
    for schema in described.document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for operation in described.operations:
        for one in operation.parameters:
            jsonschema.Draft202012Validator.check_schema(one["schema"])
        assert {one["name"] for one in operation.parameters if one["in"] == "path"} == set(operation.path_names), operation.id


@pytest.mark.parametrize("method,target,answer", [
    ("GET", "/health", reply(200, {"status": "ok", "version": "1"})),
    ("HEAD", "/health", reply(200, b"")),
    ("GET", "/v1/capsules?limit=1", reply(200, [])),
    ("DELETE", f"/v1/capsules/{ID}", reply(204, b"", kind=None)),
    ("GET", f"/v1/capsules/{ID}", reply(404, error("not_found"))),
    ("GET", "/v1/nothing", reply(404, error("not_found"))),
    ("GET", "/v1/capsules/%ff", reply(404, error("not_found"))),
    ("PUT", "/v1/capsules", reply(405, error("method_not_allowed"), Allow="GET, POST")),
])
def test_right_answers_pass(described, method, target, answer):
    described.check(method, target, answer)


@pytest.mark.parametrize("method,target,answer,why", [
    ("GET", "/health", reply(200, {"status": "ok"}), "'version' is a required property"),
    ("GET", "/health", reply(200, {"status": "ok", "version": "1", "more": 1}), "'more' was unexpected"),
    ("GET", "/health", reply(200, {"status": "ok", "version": 1}), "is not of type 'string'"),
    ("GET", "/health", reply(200, b"ok"), "no JSON"),
    ("GET", "/health", reply(200, {"status": "ok", "version": "1"}, kind="text/plain"), "its type is"),
    ("GET", "/health", reply(201, {"status": "ok", "version": "1"}), "getHealth has 200"),
    ("GET", "/v1/capsules", reply(200, [{"id": "x"}]), "in its body, 0"),
    ("DELETE", f"/v1/capsules/{ID}", reply(204, b"{}"), "it has no body"),
    ("GET", f"/v1/capsules/{ID}", reply(404, error("conflict")), "'conflict' is not one of"),
    ("GET", f"/v1/capsules/{ID}", reply(409, error("invalid_state")), "getSandbox has 200"),
    ("GET", "/v1/nothing", reply(200, {}), "it is not described"),
    ("PUT", "/v1/capsules", reply(404, error("not_found")), "it is a 405"),
    ("PUT", "/v1/capsules", reply(405, error("method_not_allowed")), "Allow is missing"),
])
def test_wrong_answers_do_not(described, method, target, answer, why):
    with pytest.raises(contract.Broken) as failed:
        described.check(method, target, answer)
    assert why in str(failed.value)


def test_messages_of_websockets_are_checked(described):
    described.check_message(f"/v1/capsules/{ID}/pty", {"type": "output", "data": "aGkK", "offset": 0})
    for wrong in ({"type": "output", "data": "aGkK"}, {"type": "stdout", "data": "hi", "offset": 0}, {"type": "none"}):
        with pytest.raises(contract.Broken):
            described.check_message(f"/v1/capsules/{ID}/pty", wrong)


@pytest.fixture(scope="module")
def browser(wrenn, described):
    prepare()
    chromium = subprocess.run(["sh", "-c", "command -v chromium"], capture_output=True, text=True, check=True).stdout.strip()
    return run_file(BROWSER, {"CHROMIUM": chromium, "API_URL": wrenn.url, "OPERATIONS": " ".join(one.id for one in described.operations)})


@pytest.mark.parametrize("name", names(BROWSER))
def test_the_reference_in_a_browser(browser, name):
    check(browser, BROWSER, name)
