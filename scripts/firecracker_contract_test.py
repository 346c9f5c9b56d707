"""firecracker-contract.py keeps the facts of a description and none of its prose."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parent / "firecracker-contract.py"

SWAGGER = """
swagger: "2.0"
info: {version: "9.9"}
paths:
  /things/{id}:
    put:
      summary: Makes a thing. Pre-boot only.
      parameters:
        - {name: id, in: path, type: string, required: true}
        - {name: body, in: body, required: true, schema: {$ref: "#/definitions/Thing"}}
      responses:
        204: {description: Made}
        default: {description: Not made, schema: {$ref: "#/definitions/Error"}}
    patch:
      summary: Changes a thing. Post-boot only.
      parameters:
        - {name: body, in: body, schema: {$ref: "#/definitions/Thing"}}
      responses: {204: {description: Changed}}
definitions:
  Thing:
    type: object
    description: Prose.
    required: [size]
    properties:
      size: {type: integer, minimum: 1, maximum: 9, description: Prose.}
      kind: {type: string, enum: [A, B], default: A}
      parts: {type: array, items: {$ref: "#/definitions/Thing"}}
  Error: {type: object, additionalProperties: true}
"""


def contract_of(text):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        return subprocess.run([sys.executable, SCRIPT, file.name], capture_output=True, text=True, check=True).stdout


class Contract(unittest.TestCase):
    def test_facts_alone(self):
        text = contract_of(SWAGGER)
        self.assertNotIn("Prose", text)
        self.assertNotIn("Made", text)
        made = json.loads(text)
        self.assertEqual(made["version"], "9.9")
        patch, put = made["operations"]
        self.assertEqual((put["method"], put["path"], put["when"]), ("PUT", "/things/{id}", "before"))
        self.assertEqual((patch["when"], patch["body_required"]), ("after", False))
        self.assertEqual(put["statuses"], {"204": None, "default": {"ref": "Error"}})
        fields = made["types"]["Thing"]["fields"]
        self.assertEqual(fields["size"], {"type": "integer", "minimum": 1, "maximum": 9, "required": True})
        self.assertEqual(fields["kind"], {"type": "string", "enum": ["A", "B"]})
        self.assertEqual(fields["parts"], {"type": "array", "items": {"ref": "Thing"}})
        self.assertTrue(made["types"]["Error"]["open"])

    def test_the_committed_one_is_of_this_form(self):
        committed = (SCRIPT.parent.parent / "src/vm/firecracker/contract.json").read_text()
        made = json.loads(committed)
        self.assertGreater(len(made["operations"]), 30)
        self.assertNotIn("description", committed)
        for operation in made["operations"]:
            self.assertIn(operation["when"], ("before", "after", "always"))


if __name__ == "__main__":
    unittest.main()
