"""Templates that are built: from a recipe, from a Dockerfile of three stages, with what was done before taken as it is."""
import gzip
import hashlib
import io
import json
import tarfile
import time

import pytest

from support.accounts import bearer, first_user, log_in
from support.api import Api

DOCKERFILE = """\
# What is needed, built apart from what is kept.
ARG GREETING=hello
FROM minimal AS numbers
RUN --timeout=2m mkdir -p /out/deep && seq 1 5 > /out/deep/numbers && ln -s deep/numbers /out/link

FROM minimal AS text
ARG GREETING
WORKDIR /build
COPY src/ ./
RUN sh ./make.sh "$GREETING" > /build/text

FROM minimal
ENV APP_HOME=/srv/app MODE="quiet one"
WORKDIR /srv/app
COPY --from=numbers /out /srv/app/data/
COPY --from=numbers /out/link linked
COPY --from=text --chown=user:user --chmod=0640 /build/text said
COPY <<EOF /etc/motd.app
made in $APP_HOME
EOF
RUN echo "$MODE" > mode && id -un > built-by
EXPOSE 8000
CMD ["python3", "-m", "http.server", "8000", "--directory", "/srv/app"]
"""


def archive(files):
    """A tar of texts by path, the same for the same."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, text in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text), 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def send(api, files):
    content = archive(files)
    digest = hashlib.sha256(content).hexdigest()
    sent = api.request("PUT", f"/v1/builds/contexts/{digest}", raw=content, headers={"Content-Type": "application/x-tar"})
    assert sent.status == 201 and sent.json() == {"digest": digest, "size_bytes": len(content)}, sent
    assert api.get(f"/v1/builds/contexts/{digest}").status == 200
    return digest


def lines_of(reply):
    assert reply.status == 200, reply
    return [json.loads(line) for line in reply.body.decode().splitlines() if line]


def build(api, **definition):
    """Builds to the end: the build as it is then, and what it said."""
    made = api.post("/v1/builds", definition)
    assert made.status == 202, made
    lines = lines_of(api.get(f"/v1/builds/{made.json()['id']}/logs?follow=true"))
    assert lines[-1]["kind"] == "end", lines[-3:]
    assert [line["number"] for line in lines[:-1]] == list(range(1, len(lines)))
    return lines[-1]["build"], lines[:-1]


def of_kind(lines, kind):
    return [line["text"] for line in lines if line["kind"] == kind]


@pytest.fixture(scope="module")
def made():
    """Names of templates, which are deleted at the end."""
    return []


@pytest.fixture(autouse=True, scope="module")
def clean(api, made):
    yield
    for name in set(made):
        assert api.delete(f"/v1/snapshots/{name}").status == 204
    assert api.list() == []


def test_a_recipe_becomes_a_template_and_is_not_done_twice(api, made):
    definition = {"name": "from-recipe", "skip_pre_post": True, "context": send(api, {"app/run.sh": "echo ran as $(id -un)\n"}),
                  "recipe": ["ENV COLOR=green", "USER builder", "WORKDIR /home/builder", "COPY app/run.sh run.sh",
                             "RUN sh run.sh > said; echo $COLOR >> said; echo oops >&2"]}
    made.append("from-recipe")
    build1, lines = build(api, **definition)
    assert build1["status"] == "ready" and build1["cached_steps"] == 0 and build1["steps"] == 5, (build1, lines[-5:])
    assert "oops\n" in "".join(of_kind(lines, "stderr"))
    template = next(one for one in api.get("/v1/snapshots").json() if one["name"] == "from-recipe")
    assert (template["version"], template["tags"], template["build_id"]) == (1, ["latest"], build1["id"])
    with api.create(template="from-recipe") as sandbox:
        assert sandbox.sh("cat said; pwd; id -un; echo $COLOR").stdout.decode() == "ran as builder\ngreen\n/home/builder\nbuilder\ngreen\n"
        # As a machine without memory boots, too.
        assert api.post(f"{sandbox.path}/pause", {"mode": "disk"}).status == 200
        assert sandbox.sh("pwd; id -un; echo $COLOR").stdout.decode() == "/home/builder\nbuilder\ngreen\n"

    began = time.monotonic()
    build2, lines = build(api, **definition)
    again = time.monotonic() - began
    assert build2["status"] == "ready" and build2["cached_steps"] == 5, (build2, lines)
    assert len(of_kind(lines, "cached")) == 5 and not of_kind(lines, "step") and not of_kind(lines, "stdout")
    versions = [one for one in api.get("/v1/snapshots").json() if one["name"] == "from-recipe"]
    assert [(one["version"], one["tags"]) for one in versions] == [(2, ["latest"]), (1, [])]
    print(f"\nbuilt again from what was kept in {again:.1f} s")

    # Another file: from there on it is done anew.
    definition["context"] = send(api, {"app/run.sh": "echo another\n"})
    build3, lines = build(api, **definition, tag="next")
    assert build3["status"] == "ready" and 0 < build3["cached_steps"] < 5, (build3, lines)
    with api.create(template="from-recipe:next") as sandbox:
        assert sandbox.sh("head -n 1 said").stdout.decode() == "another\n"
    with api.create(template="from-recipe@1") as sandbox:
        assert sandbox.sh("head -n 1 said").stdout.decode() == "ran as builder\n"
    assert api.request("PUT", "/v1/snapshots/from-recipe/tags/latest", {"version": 1}).status == 204
    assert api.get("/v1/snapshots").json()[2]["tags"] == ["latest"]
    assert api.delete("/v1/snapshots/from-recipe/tags/next").status == 204
    assert api.post("/v1/capsules", {"template": "from-recipe:next"}).status == 404


def test_a_dockerfile_of_three_stages(api, made):
    files = {"src/make.sh": 'printf "%s, %s\\n" "$1" "$(cat name)"\n', "src/name": "wrenn", "unused": "x"}
    definition = {"name": "three-stages", "dockerfile": DOCKERFILE, "context": send(api, files), "build_args": {"GREETING": "good day"},
                  "ready_check": "--interval=1s curl -fs http://127.0.0.1:8000/said"}
    made.append("three-stages")
    build1, lines = build(api, **definition)
    assert build1["status"] == "ready", (build1, of_kind(lines, "error"))
    with api.create(template="three-stages") as sandbox:
        # The program of the template runs already, memory and all.
        served = sandbox.sh("curl -fs http://127.0.0.1:8000/said; curl -fs http://127.0.0.1:8000/data/deep/numbers | tail -n 1").stdout.decode()
        assert served == "good day, wrenn\n5\n"
        assert sandbox.sh("cat /etc/motd.app mode built-by; pwd; readlink data/link").stdout.decode() == \
            "made in /srv/app\nquiet one\nroot\n/srv/app\ndeep/numbers\n"
        # A source that is a link is what it leads to.
        assert sandbox.sh("test -f linked && ! test -L linked && tail -n 1 linked").stdout.decode() == "5\n"
        assert sandbox.sh("stat -c '%U:%G %a' said; ls /build /out 2>&1 | head -n 1").stdout.decode().startswith("user:user 640\nls: ")
    # One line of the last stage changes: the stages before it are not even looked at.
    definition["dockerfile"] = DOCKERFILE.replace('"$MODE" > mode', '"$MODE" > mode && touch more')
    build2, lines = build(api, **definition)
    assert build2["status"] == "ready" and build2["cached_steps"] == build2["steps"] - 3, (build2, lines)
    assert len(of_kind(lines, "step")) == 3, lines
    del definition["ready_check"]
    build3, _ = build(api, **definition, target="text", tag="text")
    assert build3["status"] == "ready" and build3["cached_steps"] == build3["steps"], build3
    with api.create(template="three-stages:text") as sandbox:
        assert sandbox.sh("cat text; pwd").stdout.decode() == "good day, wrenn\n/build\n"


BESIDE = """\
FROM minimal AS left
RUN echo left begins; sleep 15; echo left ends; echo l > /left
FROM minimal AS right
RUN echo right begins; sleep 15; echo right ends; echo r > /right
FROM minimal
WORKDIR /both
COPY --from=left /left ./
COPY --from=right /right ./
RUN cat left right > all
"""


def said_in_order(lines):
    return [word for line in lines if line["kind"] == "stdout" for word in line["text"].splitlines()]


def administrator(wrenn):
    """The API without a key, and what shows that an administrator calls."""
    api = Api(wrenn.url, None)
    return api, bearer(log_in(api, *first_user(wrenn).groups()).json()["token"])


def platform_quota(wrenn):
    """Sets what the team of the tests may have."""
    admins, token = administrator(wrenn)
    path = f"/v1/admin/teams/team-{25 * '0'}/quota"

    def set_quota(**quota):
        reply = admins.request("PUT", path, quota, headers=token) if quota else admins.delete(path, headers=token)
        assert reply.status == (200 if quota else 204), reply
    return set_quota


def test_stages_that_do_not_need_each_other_are_built_side_by_side(api, made):
    made.append("beside")
    build1, lines = build(api, name="beside", dockerfile=BESIDE)
    assert build1["status"] == "ready", (build1, of_kind(lines, "error"))
    said = said_in_order(lines)
    assert sorted(said) == ["left begins", "left ends", "right begins", "right ends"], said
    assert {said[0], said[1]} == {"left begins", "right begins"}, "one sleeps while the other does"
    # So their steps are open at the same time, each under the name of its stage.
    steps = {line["text"].split("]")[0].strip("["): line["step"] for line in lines if line["kind"] == "step" and "sleep" in line["text"]}
    assert set(steps) == {"left", "right"}, steps
    ends = {line["step"]: line["at"] for line in lines if line["kind"] == "done"}
    begins = {line["step"]: line["at"] for line in lines if line["kind"] == "step"}
    assert max(begins[step] for step in steps.values()) < min(ends[step] for step in steps.values()), lines
    with api.create(template="beside") as sandbox:
        assert sandbox.sh("cat /both/all").stdout.decode() == "l\nr\n"
    # It is the keys of before that name what there is after a step.
    build2, lines = build(api, name="beside", dockerfile=BESIDE)
    assert build2["status"] == "ready" and build2["cached_steps"] == build2["steps"], (build2, lines)


def test_stages_that_begin_alike_do_what_they_have_in_common_once(api, made):
    made.append("alike")
    build1, lines = build(api, name="alike", dockerfile="FROM minimal AS one\nRUN echo common; sleep 3\nRUN echo 1 > /one\n"
                                                        "FROM minimal\nRUN echo common; sleep 3\nCOPY --from=one /one /two\n")
    assert build1["status"] == "ready", (build1, of_kind(lines, "error"))
    assert said_in_order(lines) == ["common"] and build1["cached_steps"] == 1, (build1, lines)


def test_a_quota_of_one_machine_is_enough_for_stages(wrenn, api, made):
    set_quota = platform_quota(wrenn)
    set_quota(sandboxes=1)
    try:
        made.append("in-turn")
        build1, lines = build(api, name="in-turn", dockerfile=BESIDE.replace("15", "1"), no_cache=True)
        assert build1["status"] == "ready", (build1, of_kind(lines, "error"))
        assert any(text.startswith("stages take turns: ") for text in of_kind(lines, "notice")), lines
        assert said_in_order(lines)[::2] == [word.replace("ends", "begins") for word in said_in_order(lines)[1::2]]
        # What others have used up is said at once.
        with api.create():
            build2, _ = build(api, name="never", dockerfile="FROM minimal\nRUN true\n", no_cache=True)
            assert build2["status"] == "failed" and "quota" in build2["error"], build2
    finally:
        set_quota()


def test_a_template_is_the_base_of_another(api, made):
    made += ["below", "above"]
    build1, lines = build(api, name="below", dockerfile="FROM minimal\nENV WHERE=below\nUSER root\nRUN echo 1 > /layer\n")
    assert build1["status"] == "ready", of_kind(lines, "error")
    build2, lines = build(api, name="above", dockerfile="FROM below\nRUN echo $WHERE >> /layer\n")
    assert build2["status"] == "ready", of_kind(lines, "error")
    with api.create(template="above") as sandbox:
        assert sandbox.sh("cat /layer; id -un; echo $WHERE").stdout.decode() == "1\nbelow\nroot\nbelow\n"


def test_administrators_build_as_clients_of_the_reference_system_do(wrenn, api, made):
    admins, admin = administrator(wrenn)
    config = {"name": "of-the-platform", "recipe": ["ENV COLOR=green", "COPY app/said .", "RUN cat app/said 2>/dev/null || cat said; echo oops >&2"],
              "healthcheck": "--interval=1s --retries=5 test -e said", "skip_pre_post": True}
    body = b"".join(b"--line\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n%s\r\n" % part for part in (
        (b"config", b"", json.dumps(config).encode()), (b"archive", b"; filename=\"files.tar.gz\"", gzip.compress(archive({"app/said": "hello\n"})))))
    made.append("of-the-platform")
    sent = admins.request("POST", "/v1/admin/builds", raw=body + b"--line--\r\n",
                       headers={**admin, "Content-Type": "multipart/form-data; boundary=line"})
    assert sent.status == 201, sent
    path = f"/v1/admin/builds/{sent.json()['id']}"
    until = time.monotonic() + 120
    while (build1 := admins.get(path, headers=admin).json())["status"] in ("pending", "running"):
        assert time.monotonic() < until, build1
        time.sleep(0.3)
    assert build1["status"] == "success" and build1["current_step"] == build1["total_steps"] == 3, build1
    last = build1["logs"][-1]
    assert (last["phase"], last["cmd"], last["stdout"], last["stderr"], last["exit"], last["ok"]) == \
        ("recipe", config["recipe"][-1], "hello\n", "oops\n", 0, True), build1["logs"]
    assert build1["default_env"]["COLOR"] == "green" and build1["host_id"] and build1["completed_at"], build1
    assert admins.get("/v1/admin/builds", headers=admin).json()[0]["id"] == build1["id"]
    with api.create(template="of-the-platform") as sandbox:
        assert sandbox.sh("echo $COLOR").stdout.decode() == "green\n"

    config["recipe"] = ["RUN exit 7"]
    sent = admins.post("/v1/admin/builds", {**config, "name": "never"}, headers=admin)
    path = f"/v1/admin/builds/{sent.json()['id']}"
    while (build2 := admins.get(path, headers=admin).json())["status"] in ("pending", "running"):
        assert time.monotonic() < until, build2
        time.sleep(0.3)
    assert build2["status"] == "failed" and [(one["exit"], one["ok"]) for one in build2["logs"]] == [(7, False)], build2
    assert admins.post(f"{path}/cancel", {}, headers=admin).code == "invalid_request"


@pytest.mark.parametrize("definition, status, says", [
    ({"dockerfile": "FROM minimal\nRUN echo one; exit 3\n"}, "failed", "exit status 3"),
    ({"dockerfile": "FROM nowhere:3.12\nRUN true\n"}, "failed", "there is no template 'nowhere:3.12'"),
    ({"dockerfile": "FROM minimal\nRUN --timeout=2s sleep 60\n"}, "failed", "did not end within 2.0 s"),
    ({"dockerfile": "FROM minimal\nUSER nobody-known\nRUN true\n"}, "failed", "nobody-known"),
    ({"dockerfile": "FROM minimal\nCMD [\"/bin/false\"]\n"}, "failed", "ended at once"),
    ({"dockerfile": "FROM minimal\n", "ready_check": "--interval=1s --retries=1 false"}, "failed", "did not become ready"),
], ids=["exit-status", "no-base", "timeout", "no-user", "no-program", "never-ready"])
def test_what_fails_says_where_and_makes_nothing(api, definition, status, says):
    end, lines = build(api, name="never", **definition)
    assert end["status"] == status and says in end["error"], (end, lines)
    assert of_kind(lines, "error") == [end["error"]]
    assert all(one["name"] != "never" for one in api.get("/v1/snapshots").json())


def test_bad_definitions_are_refused_at_once(api):
    for fields, says in (({"dockerfile": "FROM minimal\nRUNN true\n"}, "line 2"), ({"dockerfile": "FROM minimal\n", "context": "0" * 64}, "send them first"),
                         ({"recipe": ["NOPE"]}, "NOPE"), ({}, "either a dockerfile")):
        refused = api.post("/v1/builds", {"name": "never", **fields})
        assert refused.status in (400, 404) and says in refused.message, refused
    content = archive({"a": "b"})
    refused = api.request("PUT", f"/v1/builds/contexts/{'1' * 64}", raw=content)
    assert refused.status == 400 and hashlib.sha256(content).hexdigest() in refused.message, refused


@pytest.mark.parametrize("stages", [1, 2])
def test_a_build_that_is_canceled_ends_and_leaves_nothing(api, stages):
    text = "FROM minimal AS one\nRUN echo on its way; sleep 300\n"
    if stages == 2:
        text += "FROM minimal\nRUN echo on its way, too; sleep 300\nCOPY --from=one /one /two\n"
    made = api.post("/v1/builds", {"name": "never", "dockerfile": text})
    assert made.status == 202, made
    path = f"/v1/builds/{made.json()['id']}"
    until = time.monotonic() + 60
    while len(said_in_order(lines_of(api.get(f"{path}/logs")))) < stages:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert api.post(f"{path}/cancel", {}).status == 204
    end = lines_of(api.get(f"{path}/logs?follow=true"))[-1]["build"]
    assert end["status"] == "canceled" and "template_id" not in end, end
    assert api.post(f"{path}/cancel", {}).code == "invalid_state"
    while api.list():
        assert time.monotonic() < until
        time.sleep(0.2)
    assert api.get("/v1/builds?name=never").json()[0]["id"] == made.json()["id"]
