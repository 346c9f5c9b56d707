"""Mail leaves the control plane's jail: names are resolved, certificates verified, and nobody else knows the password."""
import pathlib
import subprocess
import sys

import pytest

from support.server import Wrenn

SMTP_SERVER = pathlib.Path(__file__).resolve().parent / "support" / "smtp_server.py"
PASSWORD = "test-password"


@pytest.fixture(scope="module")
def mail_server(tmp_path_factory):
    """Its directory and its port. It encrypts with a certificate of its own for `localhost`."""
    directory = tmp_path_factory.mktemp("smtp")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", directory / "key.pem",
                    "-out", directory / "cert.pem"], check=True, capture_output=True)
    with subprocess.Popen([sys.executable, SMTP_SERVER, directory, "starttls"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield directory, int(process.stdout.readline())
        process.stdin.close()


@pytest.fixture(scope="module")
def own_wrenn(mail_server):
    _, port = mail_server
    with Wrenn(environment={"SMTP_HOST": "localhost", "SMTP_PORT": str(port), "SMTP_TLS": "starttls", "SMTP_USERNAME": "test-user",
                            "WRENN_SMTP_PASSWORD": PASSWORD, "SMTP_FROM_EMAIL": "wrenn@example.com"}) as server:
        yield server


def pid_of(wrenn, part):
    return int((wrenn.directory / "run" / f"{part}.pid").read_text().split()[0])


def environment_of(pid):
    return dict(entry.split("=", 1) for entry in pathlib.Path(f"/proc/{pid}/environ").read_text().split("\0") if entry)


def mail_from_jail(wrenn, to, **more):
    """`wrenn-cp mail test` where the control plane is, as the user it is."""
    pid = pid_of(wrenn, "cp")
    user = str(pathlib.Path(f"/proc/{pid}").stat().st_uid)
    return subprocess.run(["nsenter", "--target", str(pid), "--mount", "--net", "--ipc", "--setuid", user, "--setgid", user, "/wrenn-cp",
                           "mail", "test", to, "--dir", wrenn.directory], env=environment_of(pid) | more, text=True, capture_output=True, timeout=60)


def test_mail_leaves_the_jail(own_wrenn, mail_server):
    directory, port = mail_server
    # It is not signed by anybody whom the system trusts: it was looked at, with the system's certificates.
    refused = mail_from_jail(own_wrenn, "to@example.org")
    assert refused.returncode == 1
    assert "SSL certificate problem: self-signed certificate" in refused.stderr, refused.stderr
    trusted = own_wrenn.directory / "control" / "mail-ca.pem"
    trusted.write_bytes((directory / "cert.pem").read_bytes())
    sent = mail_from_jail(own_wrenn, "to@example.org", SMTP_CA_FILE=str(trusted))
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout == f"sent to localhost:{port}\n"
    assert (directory / "1.mail").read_text().startswith("wrenn@example.com\nto@example.org\n")


def test_without_a_server_mails_become_files(own_wrenn):
    sent = mail_from_jail(own_wrenn, "to@example.org", SMTP_HOST="")
    assert sent.returncode == 0, sent.stderr
    file = pathlib.Path(sent.stdout.split()[-1])
    assert file.parent == own_wrenn.directory / "control" / "mail"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "To: to@example.org\n" in file.read_text()


def test_the_password_is_the_control_planes_alone(own_wrenn):
    assert environment_of(pid_of(own_wrenn, "cp"))["WRENN_SMTP_PASSWORD"] == PASSWORD
    assert PASSWORD not in pathlib.Path(f"/proc/{pid_of(own_wrenn, 'agent')}/environ").read_text()
    assert PASSWORD not in own_wrenn.logs(1000)
