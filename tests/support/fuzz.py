"""Requests made from an OpenAPI document, right ones and wrong ones. Nothing here talks to anybody; all of it depends on the seed."""
import copy
import json
import re
import re._parser as regex
import string
import urllib.parse

# What is nobody's idea of a value: each has broken something somewhere.
ODD_TEXTS = ["", " ", "\0", "a\0b", "\x01", "\x7f", "\r\nX: y", "../../etc/passwd", "..", ".", "/", "//", "%00", "%", "a/b", "'; DROP TABLE x;--",
             '"', "\\", "é", "日本", "\U0001f600", "\ufeff", "\u202e", "\ud7ff", "null", "true", "0", "-1", "1e9", "NaN", "x" * 65, "x" * 300,
             "x" * 5000, "é" * 2000, "{}", "[]", "$1", "${x}", "*", "a=b", "a,b", "all", "me", "stats", "usage"]
ODD_VALUES = [None, True, False, 0, -1, 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 1.5, -0.0, 1e300, [], {}, [[]], [None], {"": ""},
              {"a": None}, [1, "x"], {"a": {"b": {"c": []}}}]
ODD_BYTES = [b"", b" ", b"{", b"}", b"null", b"[]", b'"x"', b"0", b"\xff\xfe", b"\x00", b"\xef\xbb\xbf{}", b'{"a":1,"a":2}', b'{"a":1e999}', b'{"a":NaN}',
             b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b'{"\\u0000":1}', b"{}{}", b"{} x", b"[" * 3000, b'{"a":' * 40 + b"1" + b"}" * 40, b'{"a":"\x80"}',
             b"{'a':1}", b'{"a":01}', b"<x/>", b" " * 70000, b'{"a":"' + b"x" * 70000 + b'"}']
ODD_FIELDS = [b"", b"x", b"\xff\xfe", b"\xc3\xa9", b"a" * 4000, b"a,b;c=d", b'"', b"\t", b"*/*", b"application/x-ndjson", b"application/json",
              b"text/plain; charset=utf-16", b"multipart/form-data", b"multipart/form-data; boundary=", b"0", b"-1", b"gzip", b"bytes=0-1", b"127.0.0.1, ::1",
              b"http://evil.example", b"%00", b"wrenn_session=\xff.x; a", b"wrenn_session=; wrenn_session=ses-.", b"Mozilla/5.0 \xf0\x9f\x98\x80"]
FIELD_NAMES = [b"Accept", b"Accept-Encoding", b"Content-Type", b"Cookie", b"If-None-Match", b"Idempotency-Key", b"Origin", b"Range", b"Referer", b"User-Agent",
               b"X-Forwarded-For", b"X-Request-Id", b"X-Wrenn-Traffic-Token", b"Upgrade", b"X-Custom"]


class Values:
    """Values of JSON Schema. `known` are texts that the server gave out, which are taken for patterns they match; `favourites`, by the
    names of parameters and fields, are what leads furthest."""

    def __init__(self, contract, random):
        self.contract, self.random = contract, random
        self.known = []
        self.favourites = {}

    def named(self, name, schema, depth=0):
        found = self.favourites.get(name)
        return self.random.choice(found) if found and self.random.random() < 0.7 else self.right(schema, depth)

    def learn(self, text):
        if isinstance(text, str) and 0 < len(text) <= 200 and text not in self.known:
            self.known.append(text)
            del self.known[:-400]

    def matching(self, schema):
        """Something known of that form, or nothing."""
        pattern = re.compile(schema.get("pattern", ""))
        found = [text for text in self.known if pattern.search(text)] if "pattern" in schema else self.known
        return self.random.choice(found) if found and self.random.random() < 0.7 else None

    def right(self, schema, depth=0):
        random = self.random
        schema = self.whole(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return random.choice(schema["enum"])
        if "oneOf" in schema:
            return self.right(random.choice(schema["oneOf"]), depth)
        kind = schema.get("type", "string")
        if isinstance(kind, list):
            kind = random.choice(kind)
        return {"integer": self.integer, "number": self.integer, "string": self.text, "array": self.array, "object": self.object,
                "boolean": lambda *_: random.random() < 0.5, "null": lambda *_: None}[kind](schema, depth)

    def whole(self, schema):
        while "$ref" in schema:
            schema = {**self.contract.resolved(schema), **{word: value for word, value in schema.items() if word != "$ref"}}
        return schema

    def integer(self, schema, _):
        low, high = schema.get("minimum", -100), schema.get("maximum", 1000)
        return self.random.choice([low, high, self.random.randint(low, high)])

    def array(self, schema, depth):
        count = self.random.randint(schema.get("minItems", 0), max(schema.get("minItems", 0), 3 if depth < 4 else 0))
        return [self.right(schema.get("items", {}), depth + 1) for _ in range(count)]

    def object(self, schema, depth):
        made = {}
        for name, value in schema.get("properties", {}).items():
            if name in schema.get("required", []) or self.random.random() < 0.4:
                made[name] = self.named(name, value, depth + 1)
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            for _ in range(self.random.randint(0, 3)):
                made[self.text({**schema.get("propertyNames", {}), "maxLength": 20}, depth) or "x"] = self.right(more, depth + 1)
        return made

    def text(self, schema, _):
        if schema.get("format") == "email":
            return self.matching({"pattern": "^[^@ ]+@example\\.com$"}) or f"{self.letters(8)}@example.com"
        known = self.matching(schema)
        if known is not None:
            return known
        if "pattern" in schema:
            made = "".join(self.of(regex.parse(schema["pattern"])))[:schema.get("maxLength", 1000)]
            return made + self.letters(schema.get("minLength", 0) - len(made))
        return self.letters(self.random.randint(schema.get("minLength", 0), min(schema.get("maxLength", 30), 30)))

    def letters(self, count):
        return "".join(self.random.choice(string.ascii_lowercase) for _ in range(count))

    def of(self, parsed):
        """Parts of a text that a regular expression matches."""
        for name, value in parsed:
            word = str(name)
            if word == "LITERAL":
                yield chr(value)
            elif word in ("MAX_REPEAT", "MIN_REPEAT"):
                low, high, inner = value
                for _ in range(self.random.randint(low, min(int(high), low + 8))):
                    yield from self.of(inner)
            elif word == "SUBPATTERN":
                yield from self.of(value[-1])
            elif word == "BRANCH":
                yield from self.of(self.random.choice(value[1]))
            elif word == "IN":
                yield self.one_of(value)
            elif word in ("ANY", "NOT_LITERAL"):
                yield self.letters(1)

    def one_of(self, members):
        if str(members[0][0]) == "NEGATE":
            return self.letters(1)
        name, value = self.random.choice(members)
        if str(name) == "RANGE":
            return chr(self.random.randint(*value))
        return chr(value) if str(name) == "LITERAL" else self.random.choice(string.digits)

    def wrong(self, value, depth=0):
        """The value with something odd in one place of it."""
        random = self.random
        if isinstance(value, dict) and value and depth < 5 and random.random() < 0.9:
            made = copy.copy(value)
            name = random.choice(list(made))
            change = random.randrange(4)
            if change == 0:
                del made[name]
            elif change == 1:
                made[random.choice(ODD_TEXTS)] = random.choice(ODD_VALUES)
            else:
                made[name] = self.wrong(made[name], depth + 1)
            return made
        if isinstance(value, list) and value and random.random() < 0.7:
            made = list(value)
            made[random.randrange(len(made))] = self.wrong(random.choice(made), depth + 1)
            return made
        if isinstance(value, list) and random.random() < 0.3:
            return [random.choice(ODD_TEXTS)] * random.choice([1, 70, 5000])
        return random.choice(ODD_TEXTS) if random.random() < 0.5 else copy.deepcopy(random.choice(ODD_VALUES))


class Request:
    def __init__(self, operation, method, target, fields, body):
        self.operation, self.method, self.target, self.fields, self.body = operation, method, target, fields, body
        self.value = None  # Of a JSON body.

    def __repr__(self):
        lines = [f"{self.method} {self.target!r}"] + [f"  {name.decode()}: {value!r:.300}" for name, value in self.fields]
        return "\n".join(lines + [f"  body of {len(self.body)} bytes: {self.body[:1500]!r}"])


class Requests:
    def __init__(self, contract, random):
        self.contract, self.random = contract, random
        self.values = Values(contract, random)

    def make(self, operation, is_wild):
        """`is_wild`: with something odd in it, most of the time."""
        random = self.random
        odd = lambda chance: is_wild and random.random() < chance
        path, query, fields = operation.path, [], []
        for one in operation.parameters:
            schema = one["schema"]
            value = random.choice(ODD_TEXTS) if odd(0.1) else self.values.named(one["name"], schema)
            if one["in"] == "path":
                path = path.replace("{" + one["name"] + "}", self.quoted(str(value) or "x"))
            elif one.get("required") or random.random() < 0.5:
                for part in value if isinstance(value, list) else [value]:
                    if one["in"] == "query":
                        query.append(f"{one['name']}={self.quoted(str(part))}")
                    else:
                        fields.append((one["name"].encode(), re.sub(r"[\r\n\0]", "", str(part)).encode("utf-8", "replace")))
        if odd(0.1):
            query.append(random.choice(["%", "=", "&&", "a=%ff", "a=%00", "x" * 2000, "status=%zz", "cursor=1-x", "range="]))
        if odd(0.3):
            name = random.choice(FIELD_NAMES)
            fields = [one for one in fields if one[0] != name] + [(name, random.choice(ODD_FIELDS))]
        method = operation.method.upper()
        if odd(0.03):
            method = random.choice(["HEAD", "PUT", "DELETE", "OPTIONS", "FOO"])
        request = Request(operation, method, path + ("?" + "&".join(query) if query else ""), fields, b"")
        self.add_body(request, odd)
        return request

    def quoted(self, text):
        return urllib.parse.quote(text, safe="" if self.random.random() < 0.9 else "/:@!$'()*,;=~")

    def add_body(self, request, odd):
        described = request.operation.described.get("requestBody")
        if described is None:
            if odd(0.05):
                request.body = self.random.choice(ODD_BYTES)
            return
        kind, content = next(iter(described["content"].items()))
        value = self.values.right(content["schema"])
        if odd(0.6):
            value = self.values.wrong(value)
        if kind == "multipart/form-data":
            self.set_form(request, value if isinstance(value, dict) else {}, odd)
            return
        if kind == "application/x-tar":
            request.body = self.random.choice(ODD_BYTES)
            return
        self.set_json(request, value)
        if odd(0.15):
            request.value, request.body = None, self.random.choice(ODD_BYTES)

    @staticmethod
    def set_json(request, value):
        request.value = value
        request.body = json.dumps(value).encode()

    def set_form(self, request, value, odd):
        boundary = self.values.letters(20)
        parts = sorted(value.items(), key=lambda one: one[0] == "file")
        if odd(0.2):
            self.random.shuffle(parts)
        body = b""
        for name, content in parts:
            name = re.sub(r'[\r\n"]', "", str(name))
            body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode("utf-8", "replace") + str(content).encode("utf-8", "replace") + b"\r\n"
        body += f"--{boundary}--\r\n".encode()
        if odd(0.2):
            body = body[:self.random.randrange(len(body))]
        request.body = body
        if not any(name == b"Content-Type" for name, _ in request.fields):
            request.fields.append((b"Content-Type", f"multipart/form-data; boundary={boundary}".encode()))


def texts_in(value):
    """All texts of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts_in(one)
