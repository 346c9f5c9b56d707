"""Holds what the API answers against its own description, /openapi.yaml of the control plane that is tested.

Statuses, header fields, content types and bodies must be as described; whatever is not described fails the test that met it.
"""
import functools
import http.client
import json
import re
import urllib.parse

import jsonschema
import yaml

METHODS = ("get", "post", "put", "patch", "delete")
# Of the HTTP server itself, which answers before the API sees a request that is none.
NO_REQUEST = (400, 408, 414, 431, 501)


class Broken(AssertionError):
    """An answer is not as described."""


class Operation:
    def __init__(self, contract, path, method, described):
        self.contract, self.path, self.method, self.described = contract, path, method, described
        self.id = described["operationId"]
        self.path_names = re.findall(r"{(\w+)}", path)
        self.pattern = re.compile(re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(path)))
        self.parameters = [contract.resolved(one) for one in described.get("parameters", [])]
        self.validators = {}

    def matches(self, path):
        """What is no text is no parameter."""
        found = self.pattern.fullmatch(path)
        return found is not None and all(map(is_text, found.groups()))

    def response(self, status):
        found = self.described["responses"].get(str(status))
        return None if found is None else self.contract.resolved(found)

    def validator(self, status, kind):
        if (status, kind) not in self.validators:
            self.validators[status, kind] = self.contract.validator(self.response(status)["content"][kind]["schema"])
        return self.validators[status, kind]


class Contract:
    def __init__(self, text):
        self.document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.resolver = jsonschema.RefResolver("", self.document)
        operations = [Operation(self, path, method, described) for path, methods in self.document["paths"].items()
                      for method, described in methods.items() if method in METHODS]
        # A name goes before a parameter, as at the router.
        self.operations = sorted(operations, key=lambda one: one.path.count("{"))

    def resolved(self, one):
        return self.resolver.resolve(one["$ref"])[1] if "$ref" in one else one

    def validator(self, schema):
        return jsonschema.Draft202012Validator(schema, resolver=self.resolver)

    def find(self, method, path):
        """The operation, and whether there is any at this address."""
        there = [one for one in self.operations if one.matches(path)]
        method = "get" if method == "HEAD" else method.lower()
        return next((one for one in there if one.method == method), None), bool(there)

    def check(self, method, target, reply):
        """`reply`: with status, headers and body."""
        def broken(what):
            raise Broken(f"{method} {target[:200]} answered {reply.status}, which is not as described: {what}\n{reply.body[:1000]!r}")

        kind = reply.headers.get("Content-Type", "")
        if "X-Request-Id" not in reply.headers:
            if reply.status not in NO_REQUEST or not kind.startswith("text/plain"):
                broken("it has no X-Request-Id")
            return
        operation, is_there = self.find(method, urllib.parse.urlsplit(target).path)
        if operation is None:
            self.check_missing(is_there, method, reply, broken)
            return
        response = operation.response(reply.status)
        if response is None:
            broken(f"{operation.id} has {', '.join(operation.described['responses'])} only")
        for name, field in response.get("headers", {}).items():
            if self.resolved(field).get("required") and name not in reply.headers:
                broken(f"the header field {name} is missing")
        content = response.get("content", {})
        if not content:
            if reply.body or kind:
                broken("it has no body")
        elif kind not in content:
            broken(f"its type is {kind!r} and not one of {', '.join(content)}")
        elif method != "HEAD":
            for part in self.parts(kind, reply.body, broken):
                self.check_body(operation.validator(reply.status, kind), part, broken)

    def check_missing(self, is_there, method, reply, broken):
        if reply.status not in (404, 405, 421):
            broken("it is not described")
        if is_there and reply.status == 404 and method != "HEAD":
            broken("another method is there, so it is a 405")
        if reply.status == 405 and "Allow" not in reply.headers:
            broken("the header field Allow is missing")
        if method != "HEAD":
            body = next(self.parts("application/json", reply.body, broken))
            self.check_body(self.error_validator, body, broken)
            wanted = {404: "not_found", 405: "method_not_allowed", 421: "misdirected_request"}[reply.status]
            if body["error"]["code"] != wanted:
                broken(f"its code is not {wanted}")

    @functools.cached_property
    def error_validator(self):
        return self.validator({"$ref": "#/components/schemas/Error"})

    @staticmethod
    def parts(kind, body, broken):
        """What a schema is for: the text, its JSON, or each line's."""
        try:
            if kind == "application/json":
                yield json.loads(body)
            elif kind == "application/x-ndjson":
                if body and not body.endswith(b"\n"):
                    broken("the last line is cut")
                # An empty one says that nothing is to be said.
                yield from map(json.loads, filter(None, body.splitlines()))
        except ValueError as e:
            broken(f"its body is no JSON: {e}")

    @staticmethod
    def check_body(validator, value, broken):
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        if error is not None:
            where = "/".join(map(str, error.absolute_path))
            broken(f"in its body, {where or 'at the top'}: {error.message[:500]}")

    def check_message(self, path, value):
        """One that came over a WebSocket at `path`."""
        operation, _ = self.find("GET", urllib.parse.urlsplit(path).path)

        def broken(what):
            raise Broken(f"over {path} came a message that is not as described: {what}\n{value!r:.1000}")

        if operation is None or "x-websocket" not in operation.described:
            broken("there is no WebSocket described")
        if "server" not in operation.validators:
            operation.validators["server"] = self.validator(operation.described["x-websocket"]["server"])
        self.check_body(operation.validators["server"], value, broken)


def is_text(segment):
    """A part of a path, percent-encoded."""
    try:
        text = urllib.parse.unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        return False
    return text != "" and "\0" not in text and re.search(r"%(?![0-9A-Fa-f]{2})", segment) is None


@functools.cache
def parsed(text):
    return Contract(text)


# Of each control plane, by host and port.
known = {}


def load(host, port):
    """Reads what the control plane there says of itself; what the helpers get from it is checked from now on."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    try:
        connection.request("GET", "/openapi.yaml")
        response = connection.getresponse()
        text = response.read()
        assert response.status == 200, (response.status, text[:300])
        known[host, port] = parsed(text)
    finally:
        connection.close()


def check(host, port, method, target, reply):
    if (host, port) in known:
        known[host, port].check(method, target, reply)


def check_message(host, port, path, value):
    if (host, port) in known:
        known[host, port].check_message(path, value)
