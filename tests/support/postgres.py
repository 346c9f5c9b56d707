"""A PostgreSQL server of the tests' own, on the loopback address, with a password."""
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from support.server import free_port

PROGRAMS = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
PASSWORD = "correct-horse-battery"


class Postgres:
    """Started by `with`, and removed at its end. A server that outlives us has an empty directory soon and ends itself."""

    def __init__(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="wrenn-postgres-", dir="/var/tmp"))
        self.user = pwd.getpwnam("postgres")
        os.chown(self.work, self.user.pw_uid, self.user.pw_gid)
        self.data = self.work / "data"
        self.port = free_port()
        self.url = f"postgres://wrenn:{PASSWORD}@127.0.0.1:{self.port}/wrenn"

    def run(self, program, *arguments, **fields):
        return subprocess.run([str(PROGRAMS / program), *map(str, arguments)], check=True, user=self.user.pw_uid, group=self.user.pw_gid,
                              extra_groups=[], cwd=self.work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **fields)

    def __enter__(self):
        password = self.work / "password"
        password.write_text(PASSWORD)
        os.chown(password, self.user.pw_uid, self.user.pw_gid)
        self.run("initdb", "-U", "wrenn", "-A", "scram-sha-256", f"--pwfile={password}", "-N", "--no-locale", "-E", "UTF8", "-D", self.data)
        self.start()
        self.run("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "wrenn", "wrenn", env={"PGPASSWORD": PASSWORD})
        return self

    def start(self):
        settings = f"-p {self.port} -k {self.work} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.run("pg_ctl", "start", "-w", "-D", self.data, "-l", self.work / "log", "-o", settings)

    def stop(self, mode="fast"):
        self.run("pg_ctl", "stop", "-w", "-m", mode, "-D", self.data)

    def query(self, sql):
        done = subprocess.run([str(PROGRAMS / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "wrenn", "-Atc", sql, "wrenn"],
                              env={"PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def __exit__(self, *_):
        try:
            self.stop("immediate")
        except subprocess.CalledProcessError:
            pass
        shutil.rmtree(self.work, ignore_errors=True)
