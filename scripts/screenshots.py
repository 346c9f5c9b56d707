#!/usr/bin/env python3
"""Pictures of the dashboard, taken by tests/js/screenshots.mjs of a Wrenn that is started for them, and filled over its API with what
agents might do: see `Example`. Needs root, builds/ and images, as the end-to-end tests do.

Usage: screenshots.py [--out DIRECTORY] [--width PIXELS] [NAME...]     all of them into docs/images unless told otherwise
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.accounts import bearer, first_user, log_in  # noqa: E402
from support.api import Api  # noqa: E402
from support.dashboard import browser_environment, quiet  # noqa: E402
from support.js import JS, NODE  # noqa: E402
from support.outside import die_with_parent  # noqa: E402
from support.server import Wrenn  # noqa: E402

CONTENT = ROOT / "scripts" / "screenshots"
# So long is measured before charts are looked at.
MEASURED_SECONDS = 180
# What the dashboard is made for, and what the pictures' limit of size allows.
NARROWEST, WIDEST = 360, 1280
DOCKERFILE = """\
FROM minimal
ENV PYTHONUNBUFFERED=1
WORKDIR /srv/agent
RUN python3 -m venv --without-pip venv
RUN venv/bin/python -c "import sqlite3, sys; print('Python', sys.version.split()[0], 'with SQLite', sqlite3.sqlite_version)"
RUN git init --quiet work && git -C work status | head -n 1
"""


class Example:
    """What is in the pictures. Made by its methods, each once and in this order."""

    def __init__(self, wrenn):
        self.wrenn = wrenn
        self.api = wrenn.api

    def put(self, sandbox, folder, home):
        """The files of a folder of scripts/screenshots."""
        for file in sorted((CONTENT / folder).iterdir()):
            reply = sandbox.write(f"{home}/{file.name}", file.read_bytes())
            assert reply.status == 204, reply

    def build(self):
        made = self.api.post("/v1/builds", {"name": "python-agent", "dockerfile": DOCKERFILE, "skip_pre_post": True})
        assert made.status == 202, made
        # It ends with the build.
        log = self.api.get(f"/v1/builds/{made.json()['id']}/logs?follow=true")
        assert json.loads(log.body.decode().splitlines()[-1])["build"]["status"] == "ready", log
        self.build_id = made.json()["id"]

    def make_analyst(self):
        """Works by turns, so that there is something to measure."""
        self.analyst = self.api.create(template="python-agent", labels={"agent": "analyst", "task": "rainfall"}, timeout_sec=3600)
        self.put(self.analyst, "rainfall", "/home/user/rainfall")
        ran = self.analyst.sh("cd /home/user/rainfall && python3 report.py && python3 -m unittest -q")
        assert ran.exit_code == 0, ran
        self.analyst.background("python3", "simulate.py", tag="simulation", cwd="/home/user/rainfall")
        self.measured_from = time.monotonic()

    def make_site(self):
        self.site = self.api.create(labels={"agent": "builder", "task": "site"})
        self.put(self.site, "site", "/home/user/site")
        self.site.background("python3", "-m", "http.server", "8000", tag="preview", cwd="/home/user/site")

    def make_solver(self):
        """One that was tried in two ways, of which the better one was tried further."""
        self.solver = self.api.create(labels={"agent": "solver", "task": "bin-packing"})
        greedy, annealing = (self.solver.fork(labels={"task": task})[0][0] for task in ("greedy", "annealing"))
        for task in ("cooler", "warmer"):
            annealing.fork(labels={"task": task})
        made = self.api.post("/v1/snapshots", {"sandbox_id": self.solver.id, "name": "bin-packing"})
        assert made.status == 201, made
        self.api.create(template="bin-packing", labels={"agent": "reviewer", "task": "read-proof"})
        greedy.pause()

    def make_key(self):
        api = Api(self.wrenn.url, None)
        person = bearer(log_in(api, *first_user(self.wrenn).groups()).json()["token"])
        for fields in ({"name": "ci", "scopes": ["sandboxes:read", "sandboxes:write"], "expires_in_days": 90},
                       {"name": "template builds", "scopes": ["templates:read", "templates:write"]}):
            made = api.post("/v1/api-keys", fields, headers=person)
            assert made.status == 201, made

    def wait(self):
        """Until there are lines to draw; files come and go meanwhile, as those of an agent do."""
        while time.monotonic() < self.measured_from + MEASURED_SECONDS:
            assert self.analyst.write("/tmp/batch", os.urandom(300_000)).status == 204
            self.analyst.read("/tmp/batch")
            time.sleep(9)

    def make(self, is_measured):
        self.build()
        self.make_analyst()
        self.make_site()
        self.make_solver()
        self.make_key()
        if is_measured:
            self.wait()
        return {"build": self.build_id, "analyst": self.analyst.id, "site": self.site.id, "solver": self.solver.id}


def all_names():
    return re.findall(r'^picture\("([^"]+)"', (JS / "screenshots.mjs").read_text(), re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs" / "images")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("names", nargs="*", metavar="NAME")
    wanted = parser.parse_args()
    if unknown := set(wanted.names) - set(all_names()):
        parser.error(f"there is no picture {', '.join(sorted(unknown))}; there are: {', '.join(all_names())}")
    if not NARROWEST <= wanted.width <= WIDEST:
        parser.error(f"a window is {NARROWEST} to {WIDEST} pixels wide, and not {wanted.width}")
    wanted.out.mkdir(parents=True, exist_ok=True)
    with Wrenn() as wrenn:
        content = Example(wrenn).make(is_measured=not wanted.names or "sandbox" in wanted.names)
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **browser_environment(wrenn), "CONTENT": json.dumps(content),
                       "PICTURES": str(wanted.out.resolve()), "WIDTH": str(wanted.width), "NAMES": ",".join(wanted.names)}
        done = subprocess.run([*quiet(wrenn), str(NODE), "--test-force-exit", str(JS / "screenshots.mjs")], env=environment, cwd=JS,
                              timeout=900, preexec_fn=die_with_parent, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
