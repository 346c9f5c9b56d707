"""Joins the pieces of this folder to one OpenAPI 3.1 document, and makes of it the page for people and a C++ source with both.

Usage: build.py VERSION DIRECTORY     writes openapi.yaml, docs.html and embedded_openapi.cc there
README.md says what the pieces are made of.
"""
import base64
import hashlib
import pathlib
import re
import sys

import yaml

import page

HERE = pathlib.Path(__file__).resolve().parent
REF = "#/components/schemas/"
# Of a WebSocket's handshake: without these it is a 400.
HANDSHAKE = {"Upgrade": {"const": "websocket"}, "Connection": {"const": "Upgrade"}, "Sec-WebSocket-Version": {"const": "13"},
             "Sec-WebSocket-Key": {"type": "string", "pattern": "^[A-Za-z0-9+/]{21}[AQgw]==$"}}


class Dumper(yaml.SafeDumper):
    """Writes everything out, in the order in which it was put together."""

    def ignore_aliases(self, data):
        return True


def text_of(dumper, text):
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Dumper.add_representer(str, text_of)


def object_of(short):
    """Of `reply: {name, (name)}`, which is closed, or `request: {name!, name}`, which is not."""
    is_reply = "reply" in short
    properties, needed = {}, []
    for name, value in short["reply" if is_reply else "request"].items():
        bare = name.strip("()").rstrip("!")
        properties[bare] = schema_of(value)
        if name.endswith("!") or (is_reply and name == bare):
            needed.append(bare)
    made = {"type": "object", "properties": properties}
    if needed:
        made["required"] = needed
    if is_reply:
        made["additionalProperties"] = False
    return made


def schema_of(short):
    """JSON Schema of a schema as the pieces have it: a name, `reply` or `request` with fields, or JSON Schema with such in it."""
    if isinstance(short, str):
        return {"$ref": REF + short}
    if "reply" in short or "request" in short:
        return object_of(short)
    made = dict(short)
    if "$ref" in made:
        made["$ref"] = REF + made["$ref"]
    for word in ("items", "additionalProperties"):
        if isinstance(made.get(word), (str, dict)):
            made[word] = schema_of(made[word])
    if "oneOf" in made:
        made["oneOf"] = [schema_of(one) for one in made["oneOf"]]
    if "properties" in made:
        made["properties"] = {name: schema_of(value) for name, value in made["properties"].items()}
    return made


class Builder:
    def __init__(self, common):
        self.common = common
        self.responses = {}
        self.ids = set()

    def codes(self, names):
        """Codes, of codes and groups of them; each once."""
        found = []
        for name in names:
            for code in self.codes(self.common["groups"][name]) if name in self.common["groups"] else [name]:
                if code not in self.common["codes"]:
                    raise SystemExit(f"openapi: '{code}' is neither a code nor a group of api.yaml")
                if code not in found:
                    found.append(code)
        return found

    def headers(self, more):
        out = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
        for name, field in (more or {}).items():
            out[name] = {"description": field["text"], "schema": schema_of(field["schema"])}
        return out

    def error(self, codes):
        """A reference to the response that any of these codes makes."""
        name = "Error." + ".".join(codes)
        if name not in self.responses:
            field = {"type": "object", "properties": {"error": {"type": "object", "properties": {"code": {"enum": codes}}}}}
            text = "\n".join(f"`{code}`: {self.common['codes'][code]['text']}" for code in codes)
            more = {}
            if "unauthorized" in codes:
                more["WWW-Authenticate"] = {"text": "`Bearer`.", "schema": {"type": "string"}}
            if "too_many" in codes or "quota_exceeded" in codes:
                more["Retry-After"] = {"text": "When asking again may help, in seconds, where that is known.",
                                       "schema": {"type": "integer", "minimum": 1}}
            content = {"application/json": {"schema": {"allOf": [schema_of("Error"), field]}}}
            self.responses[name] = {"description": text, "headers": self.headers(more), "content": content}
        return {"$ref": "#/components/responses/" + name}

    def answer(self, short):
        if isinstance(short, str):
            short = {"text": short}
        made = {"description": short["text"], "headers": self.headers(short.get("headers"))}
        content = short.get("content", {"application/json": short["schema"]} if "schema" in short else {})
        if content:
            made["content"] = {kind: {"schema": schema_of(schema)} for kind, schema in content.items()}
        return made

    def all_answers(self, operation):
        out = {str(status): self.answer(short) for status, short in operation.get("answers", {}).items()}
        if "websocket" in operation:
            out["101"] = {"description": "The WebSocket is open."}
        by_status = {}
        for code in self.codes(["all", *self.common["access"][operation["access"]], *operation.get("errors", [])]):
            for status in self.common["codes"][code]["status"]:
                by_status.setdefault(str(status), []).append(code)
        for status in sorted(by_status):
            out[status] = self.error(sorted(by_status[status]))
        return out

    def parameters(self, path, operation):
        out = [{"$ref": "#/components/parameters/" + name} for name in re.findall(r"{(\w+)}", path)]
        for one in operation.get("parameters", []):
            out.append({**one, "schema": schema_of(one["schema"])})
        if "websocket" in operation:
            out += [{"name": name, "in": "header", "required": True, "schema": schema} for name, schema in HANDSHAKE.items()]
        return out

    @staticmethod
    def security(operation):
        scopes = [operation["scope"]] if "scope" in operation else []
        return {"open": [], "cookie": [{"session": []}], "user": [{"bearer": []}], "admin": [{"bearer": ["admin"]}],
                "key": [{"key": scopes}, {"bearer": scopes}],
                # The key may come in the first message.
                "socket": [{"key": scopes}, {"bearer": scopes}, {}]}[operation["access"]]

    def operation(self, path, tag, short):
        known = {"id", "summary", "text", "access", "scope", "parameters", "body", "form", "archive", "required_body", "answers", "errors", "websocket"}
        if short["id"] in self.ids or set(short) - known:
            raise SystemExit(f"openapi: {path}: {short['id']} is there twice, or has a field that is not known: {set(short) - known}")
        self.ids.add(short["id"])
        made = {"operationId": short["id"], "tags": [tag], "summary": short["summary"]}
        if "text" in short:
            made["description"] = short["text"]
        made["x-access"] = short["access"]
        made["security"] = self.security(short)
        parameters = self.parameters(path, short)
        if parameters:
            made["parameters"] = parameters
        for word, kind in (("body", "application/json"), ("form", "multipart/form-data"), ("archive", "application/x-tar")):
            if word in short:
                body = made.setdefault("requestBody", {"required": word != "body" or short.get("required_body", False), "content": {}})
                body["content"][kind] = {"schema": schema_of(short[word])}
        made["responses"] = self.all_answers(short)
        if "websocket" in short:
            made["x-websocket"] = {side: {"oneOf": [schema_of(name) for name in names]} for side, names in short["websocket"].items()}
        return made


def read(name):
    return yaml.safe_load((HERE / f"{name}.yaml").read_text())


def check_references(node, document):
    if isinstance(node, dict):
        target = document
        for part in node.get("$ref", "#").split("/")[1:]:
            if part not in target:
                raise SystemExit(f"openapi: there is no {node['$ref']}")
            target = target[part]
        for value in node.values():
            check_references(value, document)
    elif isinstance(node, list):
        for value in node:
            check_references(value, document)


def build(version):
    common = read("api")
    builder = Builder(common)
    tags, paths = [], {}
    schemas = dict(common["schemas"], ErrorCode={"type": "string", "enum": list(common["codes"])})
    for subject in common["subjects"]:
        piece = read(subject)
        tags.append({"name": piece["tag"], **({"description": piece["text"]} if "text" in piece else {})})
        for path, methods in piece["paths"].items():
            for method, short in methods.items():
                paths.setdefault(path, {})[method] = builder.operation(path, piece["tag"], short)
        for name, schema in piece.get("schemas", {}).items():
            if name in schemas:
                raise SystemExit(f"openapi: the schema {name} is there twice")
            schemas[name] = schema
    components = {
        "securitySchemes": common["security_schemes"],
        "parameters": {name: {"name": name, "in": "path", "required": True, "description": one["text"], "schema": schema_of(one["schema"])}
                       for name, one in common["path_parameters"].items()},
        "headers": {name: {"description": one["text"], "required": True, "schema": schema_of(one["schema"])}
                    for name, one in common["header_fields"].items()},
        "responses": builder.responses,
        "schemas": {name: schema_of(schema) for name, schema in schemas.items()}}
    document = {"openapi": "3.1.0",
                "info": {"title": common["title"], "version": version, "description": common["text"], "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
                "servers": [{"url": "/"}], "tags": tags, "paths": paths, "components": components}
    check_references(document, document)
    return document


def literal(text):
    if ')wrenn"' in text:
        raise SystemExit("openapi: the text contains the end mark of the C++ literal it becomes")
    return f'R"wrenn({text})wrenn"'


def main():
    version, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    document = build(version)
    text = yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    html = page.page_of(document)
    style = base64.b64encode(hashlib.sha256(page.STYLE.encode()).digest()).decode()
    (directory / "openapi.yaml").write_text(text)
    (directory / "docs.html").write_text(html)
    (directory / "embedded_openapi.cc").write_text(f"""// Generated from src/control/api/openapi.
#include "control/api/description.h"

namespace wrenn::control {{

std::string_view openapi_text() {{
  return {literal(text)};
}}
std::string_view reference_page() {{
  return {literal(html)};
}}
std::string_view reference_style_hash() {{
  return "sha256-{style}";
}}

}}  // namespace wrenn::control
""")


if __name__ == "__main__":
    main()
