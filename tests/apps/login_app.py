"""An application with a login, as people write them who know nothing of a proxy: it believes to be at http://localhost:PORT,
redirects in every way there is, and keeps two cookies.

Usage: login_app.py PORT
"""
import html
import http.cookies
import http.server
import secrets
import sys
import urllib.parse

PORT = int(sys.argv[1])
SESSIONS = {}


class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def cookies(self):
        return {name: one.value for name, one in http.cookies.SimpleCookie(self.headers.get("Cookie", "")).items()}

    def who(self):
        return SESSIONS.get(self.cookies().get("session"))

    def page(self, body, status=200):
        content = f"<!doctype html><meta charset=utf-8><title>Members</title>{body}".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def redirect(self, status, location, *cookies):
        self.send_response(status)
        self.send_header("Location", location)
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        if path == "/":
            self.redirect(302, "/members/" if self.who() else "/login?next=members")
        elif path == "/login":
            self.page('<form method=post action="login"><input name=name><button>Log in</button></form>')
        elif path == "/members/" and self.who():
            area = self.cookies().get("area", "none")
            self.page(f'<h1>Welcome, {html.escape(self.who())}</h1><p id=area>{area}</p><p id=host>{self.headers["Host"]}</p>'
                      f'<a href="profile?tab=1">Profile</a> <a href="../old">Old</a> <a href="../logout">Log out</a>')
        elif path == "/members/profile" and self.who():
            self.page(f'<h1>Profile of {html.escape(self.who())}</h1><p id=query>{urllib.parse.urlsplit(self.path).query}</p>'
                      f'<p id=referer>{html.escape(self.headers.get("Referer", ""))}</p><a href="./">Back</a>')
        elif path == "/public":
            self.page(f'<p id=names>{" ".join(sorted(self.cookies()))}</p>')
        elif path == "/old":
            self.redirect(301, f"http://127.0.0.1:{PORT}/members/profile?from=old")
        elif path == "/logout":
            SESSIONS.pop(self.cookies().get("session"), None)
            self.redirect(302, "/", "session=; Path=/; Domain=localhost; Max-Age=0", "area=; Path=/members; Max-Age=0")
        elif path.startswith("/members/"):
            self.redirect(302, "../login")
        else:
            self.page("<h1>There is no such page</h1>", 404)

    def do_POST(self):
        fields = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        # What a framework's check against cross-site requests does.
        if self.headers.get("Origin") != f"http://localhost:{PORT}":
            self.page(f"<h1>A form of another origin: {html.escape(str(self.headers.get('Origin')))}</h1>", 403)
            return
        token = secrets.token_hex(16)
        SESSIONS[token] = fields["name"][0]
        self.redirect(303, f"http://localhost:{PORT}/", f"session={token}; Path=/; Domain=localhost; HttpOnly; SameSite=Lax",
                      "area=inner; Path=/members")


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), App).serve_forever()
