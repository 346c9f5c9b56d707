"""People: the first one is made by `wrenn up`, and logs in over the API."""
import os
import re
import signal
import subprocess

from support.accounts import bearer, first_user, log_in
from support.api import Api
from support.machine import wait_for
from support.server import ROOT

CONTROL = ROOT / "builds" / "wrenn-cp"


def control(wrenn, *arguments):
    done = subprocess.run([CONTROL, *arguments, "--dir", wrenn.directory], capture_output=True, timeout=60, check=True)
    return done.stdout.decode()


def test_the_first_user_logs_in_and_sees_the_sandboxes_of_this_machine(wrenn):
    said = first_user(wrenn)
    api = Api(wrenn.url, None)
    login = log_in(api, *said.groups())
    assert login.status == 200, login
    who = login.json()
    assert who["is_admin"] and who["role"] == "owner" and who["team_id"] == "team-" + 25 * "0"
    with wrenn.api.create() as sandbox:
        seen = api.get(f"/v1/capsules/{sandbox.id}", headers=bearer(who["token"]))
        assert seen.status == 200 and seen.json()["status"] == "running", seen
        done = api.post(f"/v1/capsules/{sandbox.id}/exec", {"cmd": "echo", "args": ["hello"]}, headers=bearer(who["token"]))
        assert done.status == 200 and done.json()["stdout"] == "hello\n", done
    made = api.post("/v1/api-keys", {"name": "ci", "scopes": ["sandboxes:read"]}, headers=bearer(who["token"]))
    assert made.status == 201, made
    reader = Api(wrenn.url, made.json()["key"])
    assert reader.get("/v1/capsules").status == 200
    refused = reader.post("/v1/capsules", {})
    assert refused.status == 403 and "sandboxes:write" in refused.message, refused
    assert api.post("/v1/auth/logout", headers=bearer(who["token"])).status == 204
    assert api.get("/v1/capsules", headers=bearer(who["token"])).status == 401
    log = (wrenn.directory / "logs" / "cp.log").read_text()
    assert said.group(2) not in log and who["token"] not in log


def test_whoever_has_the_machine_makes_users_and_sets_passwords(wrenn):
    api = Api(wrenn.url, None)
    password = control(wrenn, "user", "create", "Ann@example.com", "--name", "Ann").strip()
    who = log_in(api, "ann@example.com", password)
    assert who.status == 200 and not who.json()["is_admin"], who
    # Of a team of her own: she does not see what others have.
    assert api.get("/v1/capsules", headers=bearer(who.json()["token"])).json() == []
    again = control(wrenn, "user", "password", "ann@example.com").strip()
    assert log_in(api, "ann@example.com", password).status == 401
    assert api.get("/v1/me", headers=bearer(who.json()["token"])).status == 401
    assert log_in(api, "ann@example.com", again).status == 200
    assert "ann@example.com" in control(wrenn, "user", "ls")


def test_what_the_command_changes_is_logged(wrenn):
    made = control(wrenn, "user", "create", "eve@example.com").strip()
    control(wrenn, "user", "password", "eve@example.com")
    key = control(wrenn, "key", "create", "--name", "logged").strip()
    [key_id] = [line.split()[0] for line in control(wrenn, "key", "ls").splitlines() if line.endswith("  logged")]
    control(wrenn, "key", "revoke", key_id)
    api = Api(wrenn.url, None)
    root = bearer(log_in(api, *first_user(wrenn).groups()).json()["token"])
    items = api.get("/v1/admin/audit-logs", headers=root).json()["items"]
    actions = [(item["action"], item["actor_type"], item["actor_name"]) for item in items if item["actor_type"] == "system"]
    assert actions[:4] == [(action, "system", "wrenn-cp command") for action in (
        "api_key.revoke", "api_key.create", "user.reset_password", "user.create")], items
    assert items[0]["resource_id"] == key_id and made not in str(items) and key not in str(items)


def test_changes_are_logged_and_outlive_the_control_plane(wrenn):
    api = Api(wrenn.url, None)
    password = control(wrenn, "user", "create", "bob@example.com", "--name", "Bob").strip()
    assert log_in(api, "bob@example.com", "a wrong one").status == 401
    token = bearer(log_in(api, "bob@example.com", password).json()["token"])
    team = api.post("/v1/teams", {"name": "Bob's other team"}, headers=token).json()["id"]
    made = api.post("/v1/api-keys", {"name": "logged"}, headers={**token, "User-Agent": "a test", "X-Request-Id": "of-the-test"}).json()
    # At once: it has not been written yet.
    os.kill(wrenn.machine.pid("cp"), signal.SIGTERM)
    wait_for(lambda: not wrenn.machine.pid("cp"), seconds=60)
    wrenn.up()
    items = api.get("/v1/audit-logs", headers=token).json()["items"]
    assert [(item["action"], item["status"], item["resource_id"]) for item in items[:2]] == [
        ("api_key.create", "success", made["id"]), ("team.create", "success", team)]
    newest = items[0]
    assert newest["actor_name"] == "Bob" and newest["client_address"] == "127.0.0.1" and newest["user_agent"] == "a test", newest
    assert newest["metadata"] == {"name": "logged"} and newest["request_id"] == "of-the-test" and made["key"] not in str(items)
    one = api.get("/v1/audit-logs?limit=1", headers=token).json()
    following = api.get(f"/v1/audit-logs?limit=1&before={one['next_before']}&before_id={one['next_before_id']}", headers=token).json()
    assert one["items"] + following["items"] == items[:2]
    lines = api.get("/v1/audit-logs?format=csv&action=api_key.create", headers=token).body.decode().splitlines()
    assert len(lines) == 2 and made["id"] in lines[1], lines
    assert Api(wrenn.url, made["key"]).get("/v1/audit-logs").status == 403


def test_nobody_signs_up_without_being_invited(wrenn):
    api = Api(wrenn.url, None)
    refused = api.post("/v1/auth/signup", {"email": "eve@example.com", "name": "Eve", "password": "evil evil"})
    assert refused.status == 403 and "invitation" in refused.message, refused
