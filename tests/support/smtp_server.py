#!/usr/bin/env python3
"""A small SMTP server for tests: what it takes becomes files, and it refuses what it is told to.

Usage: smtp_server.py DIRECTORY [plain|starttls|tls]
Prints its port; ends when its standard input does, so that it never outlives a test. With TLS it takes DIRECTORY/cert.pem and
DIRECTORY/key.pem. Who may send: user "test-user", password "test-password"; without them only where DIRECTORY/open is there.
A mail becomes DIRECTORY/N.mail: the two addresses of its envelope, a line each, then its bytes without the stuffed dots.
DIRECTORY/replies has replies to the next RCPTs, a line each, which are used up; "250" is none. Recipients whose address begins
with "nobody" get 550 always. DIRECTORY/log has every command but those of authentication.
"""
import base64
import itertools
import pathlib
import socketserver
import ssl
import sys
import threading

USER, PASSWORD = "test-user", "test-password"


class Refused(Exception):
    pass


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.is_known, self.is_encrypted = False, self.server.tls == "tls"
        self.sender, self.recipients = None, []
        if self.is_encrypted:
            self.encrypt()
        self.say("220 mail.test ESMTP")
        try:
            while line := self.rfile.readline(4096):
                self.command(line.decode("ascii").rstrip("\r\n"))
        except (EOFError, OSError):
            pass

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def encrypt(self):
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.is_encrypted = True

    def command(self, line):
        word, _, rest = line.partition(" ")
        word = word.lower()
        self.server.note(f"{'tls' if self.is_encrypted else 'plain'} {word if word == 'auth' else line}")
        answer = getattr(self, f"on_{word}", None)
        if not answer:
            return self.say("502 what?")
        try:
            answer(rest)
        except Refused as refused:
            self.say(str(refused))

    def on_ehlo(self, _):
        can_encrypt = self.server.tls == "starttls" and not self.is_encrypted
        for extension in ["mail.test", "8BITMIME", *(["STARTTLS"] if can_encrypt else []), "AUTH PLAIN LOGIN"]:
            self.say(f"250-{extension}")
        self.say("250 SIZE 1000000")

    def on_starttls(self, _):
        if self.server.tls != "starttls" or self.is_encrypted:
            raise Refused("502 not here")
        self.say("220 go on")
        self.encrypt()

    def on_auth(self, rest):
        method, _, first = rest.partition(" ")

        def ask(prompt):
            self.say("334 " + base64.b64encode(prompt).decode())
            return self.rfile.readline(4096).decode().strip()

        if method.upper() == "PLAIN":
            _, user, password = base64.b64decode(first or ask(b"")).decode().split("\0")
        elif method.upper() == "LOGIN":
            user = base64.b64decode(first or ask(b"Username:")).decode()
            password = base64.b64decode(ask(b"Password:")).decode()
        else:
            raise Refused("504 no such method")
        if (user, password) != (USER, PASSWORD):
            raise Refused("535 5.7.8 authentication failed")
        self.is_known = True
        self.say("235 welcome")

    def on_mail(self, rest):
        if not self.is_known and not (self.server.directory / "open").exists():
            raise Refused("530 5.7.0 authentication required")
        self.sender, self.recipients = rest.split("<")[1].split(">")[0], []
        self.say("250 ok")

    def on_rcpt(self, rest):
        recipient = rest.split("<")[1].split(">")[0]
        if recipient.startswith("nobody"):
            raise Refused("550 5.1.1 there is nobody of that name")
        reply = self.server.next_reply()
        if not reply.startswith("250"):
            raise Refused(reply)
        self.recipients.append(recipient)
        self.say("250 ok")

    def on_data(self, _):
        if not self.recipients:
            raise Refused("503 to whom?")
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline(1 << 20)) != b".\r\n":
            if not line:
                raise EOFError
            if len(line) > 1000 or not line.endswith(b"\r\n") or not line.isascii():
                raise Refused("500 5.5.2 line too long, not ended rightly, or not ASCII")
            lines.append(line[1:] if line.startswith(b".") else line)
        head = "\n".join([self.sender, *self.recipients]) + "\n"
        self.server.store(head.encode() + b"".join(lines))
        self.say("250 taken")

    def on_quit(self, _):
        self.say("221 bye")
        raise EOFError


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, directory, tls):
        super().__init__(("127.0.0.1", 0), Session)
        self.directory, self.tls = directory, tls
        self.lock, self.numbers = threading.Lock(), itertools.count(1)
        if tls != "plain":
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(directory / "cert.pem", directory / "key.pem")

    def handle_error(self, request, client_address):
        self.note(f"error {sys.exc_info()[1]!r}")

    def note(self, line):
        with self.lock, (self.directory / "log").open("a") as log:
            log.write(line + "\n")

    def next_reply(self):
        path = self.directory / "replies"
        with self.lock:
            first, *rest = (path.read_text().splitlines() if path.exists() else []) or ["250"]
            path.write_text("\n".join(rest))
            return first

    def store(self, mail):
        with self.lock:
            path = self.directory / f"{next(self.numbers)}.mail"
            path.with_suffix(".new").write_bytes(mail)
            path.with_suffix(".new").rename(path)


def main():
    server = Server(pathlib.Path(sys.argv[1]), (sys.argv[2:] or ["plain"])[0])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
