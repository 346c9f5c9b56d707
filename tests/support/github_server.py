"""Behaves like GitHub towards those who log in by it: python3 github_server.py CLIENT_ID CLIENT_SECRET

Prints its port and ends with its standard input. Who is at the browser, the test says by what it adds to the address of the page
where people agree: `&person=ID,EMAIL`, `&person=ID,EMAIL,unverified`, or `&person=nobody` for one who does not agree.
"""
import base64
import hashlib
import http.server
import json
import secrets
import sys
import threading
import urllib.parse

CLIENT_ID, CLIENT_SECRET = sys.argv[1:3]
codes = {}  # What each is good for, once.
tokens = {}  # Whose each is.


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value=None, location=None):
        body = json.dumps(value).encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def agree(self, asked):
        is_good = (asked.get("client_id") == CLIENT_ID and asked.get("scope") == "user:email" and len(asked.get("state", "")) >= 32
                   and asked.get("code_challenge_method") == "S256" and len(asked.get("code_challenge", "")) == 43)
        if not is_good:
            return self.answer(400, {"asked": asked})
        back = {"state": asked["state"]}
        if asked["person"] == "nobody":
            back["error"] = "access_denied"
        else:
            back["code"] = secrets.token_hex(10)
            codes[back["code"]] = asked
        self.answer(302, location=asked["redirect_uri"] + "?" + urllib.parse.urlencode(back))

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/login/oauth/authorize":
            return self.agree(dict(urllib.parse.parse_qsl(query)))
        person = tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if not person or not self.headers.get("User-Agent"):
            return self.answer(401)
        number, email, *more = person.split(",")
        if path == "/api/v3/user":
            # The address of the profile is whatever they like to show.
            return self.answer(200, {"id": int(number), "login": f"person{number}", "name": None, "email": "shown@example.com"})
        if path == "/api/v3/user/emails":
            return self.answer(200, [{"email": "other@example.com", "primary": False, "verified": True},
                                     {"email": email, "primary": True, "verified": "unverified" not in more}])
        self.answer(404)

    def do_POST(self):
        given = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        asked = codes.pop(given.get("code"), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        is_good = (self.path == "/login/oauth/access_token" and asked and given.get("client_id") == CLIENT_ID
                   and given.get("client_secret") == CLIENT_SECRET and given.get("redirect_uri") == asked["redirect_uri"]
                   and challenge == asked["code_challenge"])
        if not is_good:
            return self.answer(200, {"error": "bad_verification_code"})
        token = "gho_" + secrets.token_hex(18)
        tokens[token] = asked["person"]
        self.answer(200, {"access_token": token, "token_type": "bearer", "scope": "user:email"})


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
