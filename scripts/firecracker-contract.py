#!/usr/bin/env python3
"""Makes the contract of Firecracker's API anew: src/vm/firecracker/contract.json from its swagger description.

Usage: firecracker-contract.py SWAGGER.yaml [OUTPUT.json]    without an output it is printed

Facts alone: methods, paths, statuses, and the fields of bodies with their types and limits. Descriptions stay behind.
"""
import json
import pathlib
import sys

import yaml

METHODS = ("get", "put", "patch", "post", "delete")
# What a field may say about itself, besides its type.
LIMITS = ("enum", "minimum", "maximum")


def name_of(reference):
    return reference.rsplit("/", 1)[1]


def field(schema):
    """The type of one value: a name of `types`, or one of its own."""
    if "$ref" in schema:
        return {"ref": name_of(schema["$ref"])}
    made = {"type": schema.get("type", "object")}
    for limit in LIMITS:
        if limit in schema:
            made[limit] = schema[limit]
    if made["type"] == "array":
        made["items"] = field(schema["items"])
    if made["type"] == "object":
        required = schema.get("required", [])
        made["fields"] = {
            name: field(one) | ({"required": True} if name in required else {})
            for name, one in sorted(schema.get("properties", {}).items())
        }
        if schema.get("additionalProperties"):
            made["open"] = True
    return made


def phase(operation):
    """When it may be called: only the description says so."""
    text = " ".join(operation.get(key, "") for key in ("summary", "description"))
    for words, name in (
        ("Pre-boot only", "before"),
        ("will fail after machine startup", "before"),
        ("Post-boot only", "after"),
    ):
        if words in text:
            return name
    return "always"


def operation(method, path, description):
    made = {"method": method.upper(), "path": path, "when": phase(description)}
    for parameter in description.get("parameters", []):
        if parameter["in"] == "body":
            made["body"] = field(parameter["schema"])
            made["body_required"] = parameter.get("required", False)
    made["statuses"] = {
        str(status): field(answer["schema"]) if "schema" in answer else None
        for status, answer in description["responses"].items()
    }
    return made


def contract(swagger):
    return {
        "version": swagger["info"]["version"],
        "operations": [
            operation(method, path, description)
            for path, methods in sorted(swagger["paths"].items())
            for method, description in sorted(methods.items())
            if method in METHODS
        ],
        "types": {name: field(schema) for name, schema in sorted(swagger["definitions"].items())},
    }


def line_of(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def text_of(made):
    """One line for each operation and type, so that a new version is easy to compare."""
    operations = ",\n".join(f"  {line_of(one)}" for one in made["operations"])
    types = ",\n".join(f"  {line_of(name)}:{line_of(one)}" for name, one in made["types"].items())
    return f'{{"version":{line_of(made["version"])},\n"operations":[\n{operations}\n],\n"types":{{\n{types}\n}}}}\n'


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="utf-8") as file:
        text = text_of(contract(yaml.safe_load(file)))
    if len(sys.argv) == 3:
        pathlib.Path(sys.argv[2]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
