"""An application of the tests, run in a sandbox: tells what it got, streams, and takes bodies of any size.

http_app.py PORT [ADDRESS]
"""
import hashlib
import http.server
import json
import sys
import time


class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, body=b"", fields=()):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/redirect":
            return self.reply(302, fields=[("Location", f"http://{self.headers['Host']}/there?x=1")])
        if path == "/cookie":
            return self.reply(200, fields=[("Set-Cookie", "session=1; Path=/; Domain=localhost; HttpOnly")])
        if path == "/bytes":
            return self.send_bytes(int(query))
        if path == "/slow":
            time.sleep(float(query))
        if path == "/events":
            return self.send_events()
        told = {"method": self.command, "path": self.path, "headers": self.headers.items()}
        return self.reply(200, json.dumps(told).encode(), [("Content-Type", "application/json")])

    def do_POST(self):
        """The length and the hash of what came."""
        left, digest, total = int(self.headers["Content-Length"]), hashlib.sha256(), 0
        while left > 0:
            piece = self.rfile.read(min(left, 1 << 20))
            if not piece:
                break
            digest.update(piece)
            total += len(piece)
            left -= len(piece)
        self.reply(200, json.dumps({"bytes": total, "sha256": digest.hexdigest()}).encode())

    def send_bytes(self, size):
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        piece = b"x" * (1 << 20)
        while size > 0:
            self.wfile.write(piece[:size])
            size -= len(piece)

    def send_events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(3):
            event = f"data: {number}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(1)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    address = sys.argv[2] if len(sys.argv) > 2 else "0.0.0.0"
    http.server.ThreadingHTTPServer((address, int(sys.argv[1])), App).serve_forever()
