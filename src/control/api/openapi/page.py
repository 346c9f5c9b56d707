"""The page for people: the whole OpenAPI document as HTML, without scripts and without anything from elsewhere."""
import html
import re

STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d9dde3, #363c46); --soft: light-dark(#f4f6f8, #1d2127); --dim: light-dark(#57606a, #9aa4b0);
  --back: light-dark(#fff, #14171b); --ink: light-dark(#1c2128, #e3e7ec); --link: light-dark(#0b5cad, #79b8ff); }
@supports not (color: light-dark(#fff, #000)) {
  :root { --line: #d9dde3; --soft: #f4f6f8; --dim: #57606a; --back: #fff; --ink: #1c2128; --link: #0b5cad; }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; display: flex; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; flex: 0 0 19rem; padding: 1rem; border-right: 1px solid var(--line); background: var(--soft); }
nav h2 { font-size: .8rem; margin: 1rem 0 .2rem; color: var(--dim); }
nav ul { list-style: none; margin: 0; padding: 0; font-size: .87rem; }
nav li { margin: .1rem 0; }
main { flex: 1; min-width: 0; max-width: 62rem; padding: 1rem 2rem 6rem; }
article { border-top: 1px solid var(--line); padding: .8rem 0; }
h1 { margin: .3rem 0; } h2 { margin-top: 2.5rem; } h3 { margin: .4rem 0; font-size: 1.05rem; }
h4 { margin: .9rem 0 .3rem; font-size: .85rem; color: var(--dim); }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
.path { display: block; background: var(--soft); border: 1px solid var(--line); border-radius: 5px; padding: .35rem .6rem; }
.method { font-weight: 700; }
.get { color: light-dark(#0b5cad, #79b8ff); } .post { color: light-dark(#1a7f37, #56d364); } .delete { color: light-dark(#b42318, #ff8a80); }
.put, .patch { color: light-dark(#8a5a00, #e3b341); }
.dim { color: var(--dim); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
td { border-top: 1px solid var(--line); padding: .3rem .6rem .3rem 0; vertical-align: top; }
td:first-child { width: 13rem; }
td p { margin: 0; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; border-right: 0; } main { padding: 1rem; } td:first-child { width: 9rem; } }
"""


def rich(text):
    """Paragraphs and `code`; nothing else is taken for a mark."""
    parts = [re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(part, quote=False)) for part in text.strip().split("\n\n")]
    return "".join(f"<p>{part}</p>" for part in parts)


def code(text):
    return f"<code>{html.escape(str(text), quote=False)}</code>"


def link(reference):
    name = reference.rsplit("/", 1)[1]
    return f'<a href="#schema-{name}">{name}</a>'


def limits(schema):
    """What a value must be beside its type, in words."""
    words = []
    if "minimum" in schema and "maximum" in schema:
        words.append(f"{schema['minimum']} to {schema['maximum']}")
    elif "minimum" in schema:
        words.append(f"at least {schema['minimum']}")
    lengths = {"minLength": "at least {} long", "maxLength": "at most {} long", "minItems": "at least {}", "maxItems": "at most {}",
               "maxProperties": "at most {}"}
    words += [text.format(schema[word]) for word, text in lengths.items() if word in schema]
    if "pattern" in schema and len(schema["pattern"]) < 60:
        words.append(code(schema["pattern"]))
    if "default" in schema:
        words.append("default " + code(schema["default"]))
    return words


def kind(schema):
    """A schema in one line."""
    if "$ref" in schema:
        return ", ".join([link(schema["$ref"])] + limits(schema))
    if "const" in schema:
        return code(schema["const"] if isinstance(schema["const"], str) else str(schema["const"]).lower())
    if "enum" in schema:
        return ", ".join([" | ".join(code(one) for one in schema["enum"])] + limits(schema))
    if "oneOf" in schema:
        return " or ".join(kind(one) for one in schema["oneOf"])
    types = schema.get("type", "anything")
    word = " or ".join(types) if isinstance(types, list) else types
    if word == "array":
        word = "list of " + kind(schema["items"])
    elif word == "object" and isinstance(schema.get("additionalProperties"), dict):
        word = "object of " + kind(schema["additionalProperties"])
    return ", ".join([word] + limits(schema))


def row(name, first, text):
    return f"<tr><td>{name}</td><td>{first}{rich(text) if text else ''}</td></tr>"


def fields(schema):
    """Rows for the fields of an object, those of objects in it below them."""
    rows = []

    def add(prefix, one):
        for name, value in one["properties"].items():
            needed = "" if name in one.get("required", []) else ' <span class="dim">optional</span>'
            path = prefix + name
            inner = value["items"] if value.get("type") == "array" and "properties" in value.get("items", {}) else value
            rows.append(row(code(path) + needed, "" if "properties" in inner and inner is value else kind(value), value.get("description", "")))
            if "properties" in inner:
                add(path + ("[]." if inner is not value else "."), inner)

    add("", schema)
    return "<table>" + "".join(rows) + "</table>"


def body_of(schema):
    if "properties" in schema:
        return fields(schema)
    if "oneOf" in schema and all("properties" in one for one in schema["oneOf"]):
        return "<p>One of</p>".join(fields(one) for one in schema["oneOf"])
    return f"<p>{kind(schema)}</p>"


def who(operation):
    words = {"open": "Nobody has to say who they are.", "cookie": "Needs the cookie `wrenn_session`.", "user": "Needs a user's access token.",
             "admin": "Needs the access token of an administrator of the platform.",
             "key": "Needs an API key or an access token", "socket": "Needs an API key or an access token, in a header field or in the first message"}
    text = words[operation["x-access"]]
    if operation["x-access"] in ("key", "socket"):
        scopes = [scope for one in operation["security"] for scope in one.get("key", [])]
        text += f"; scope `{scopes[0]}`."
    return f'<div class="dim">{rich(text)}</div>'


def resolve(one, document):
    if "$ref" not in one:
        return one
    target = document
    for part in one["$ref"].split("/")[1:]:
        target = target[part]
    return target


def answers(operation, document):
    rows = []
    for status, short in operation["responses"].items():
        response = resolve(short, document)
        is_error = "$ref" in short
        kinds = [("" if name == "application/json" else code(name) + " ") + kind(one["schema"]) for name, one in response.get("content", {}).items()]
        text = response["description"].replace("\n", "\n\n")
        rows.append(row(f"<b>{status}</b>", "" if is_error else "<br>".join(kinds), text))
    return "<h4>Answers</h4><table>" + "".join(rows) + "</table>"


def section(path, method, operation, document):
    out = [f'<article id="{operation["operationId"]}"><h3>{html.escape(operation["summary"], quote=False)}</h3>',
           f'<code class="path"><span class="method {method}">{method.upper()}</span> {html.escape(path)}</code>']
    if "description" in operation:
        out.append(rich(operation["description"]))
    out.append(who(operation))
    parameters = [resolve(one, document) for one in operation.get("parameters", [])]
    if parameters:
        rows = [row(f'{code(one["name"])} <span class="dim">{one["in"]}</span>', kind(one["schema"]), one.get("description", "")) for one in parameters]
        out.append("<h4>Parameters</h4><table>" + "".join(rows) + "</table>")
    for name, content in operation.get("requestBody", {}).get("content", {}).items():
        out.append(f"<h4>Body: {code(name)}</h4>" + body_of(resolve(content["schema"], document)))
    for side, schema in operation.get("x-websocket", {}).items():
        out.append(f"<h4>Messages of the {side}</h4><p>" + ", ".join(kind(one) for one in schema["oneOf"]) + "</p>")
    return "".join(out) + answers(operation, document) + "</article>"


def page_of(document):
    navigation, sections = [], []
    for tag in document["tags"]:
        operations = [(path, method, one) for path, methods in document["paths"].items() for method, one in methods.items() if tag["name"] in one["tags"]]
        items = "".join(f'<li><a href="#{one["operationId"]}">{html.escape(one["summary"], quote=False)}</a></li>' for _, _, one in operations)
        navigation.append(f"<h2>{tag['name']}</h2><ul>{items}</ul>")
        sections.append(f"<h2>{tag['name']}</h2>{rich(tag.get('description', ''))}")
        sections += [section(*operation, document) for operation in operations]
    for name, schema in document["components"]["schemas"].items():
        text = rich(schema["description"]) if "description" in schema else ""
        sections.append(("<h2>Schemas</h2>" if name == next(iter(document["components"]["schemas"])) else "") +
                        f'<article id="schema-{name}"><h3>{name}</h3>{text}{body_of(schema)}</article>')
    info = document["info"]
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{info['title']} API {info['version']}</title><style>{STYLE}</style></head>"
            f'<body><nav><a href="#top"><b>{info["title"]} API</b></a> <span class="dim">{info["version"]}</span>{"".join(navigation)}</nav>'
            f'<main id="top"><h1>{info["title"]} API</h1>{rich(info["description"])}<p><a href="openapi.yaml">openapi.yaml</a></p>'
            f'{"".join(sections)}</main></body></html>\n')
