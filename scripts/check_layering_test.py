"""Tests of check-layering.py: it must see what it is there to see."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parent / "check-layering.py"


class CheckLayering(unittest.TestCase):
    def run_on(self, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root, "src", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True)

    def refuses(self, files, *expected):
        done = self.run_on(files)
        self.assertEqual(done.returncode, 1)
        for text in expected:
            self.assertIn(text, done.stderr)

    def test_accepts_what_stands_left(self):
        done = self.run_on({"net/a.cc": '#include "base/fd.h"\n#include "net/a.h"\n', "net/a.h": "#include <string>\n"})
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_refuses_an_include_to_the_right(self):
        self.refuses({"base/a.h": '// x\n#include "net/loop.h"\n'}, "src/base/a.h:2", "must not include")

    def test_refuses_a_sibling(self):
        self.refuses({"vm/a.cc": '#include "storage/layout.h"\n'}, "src/vm/a.cc:1")

    def test_refuses_an_include_without_its_folder(self):
        self.refuses({"net/a.cc": '#include "loop.h"\n'}, "src/net/a.cc:1")

    def test_refuses_a_library_away_from_home(self):
        self.refuses({"control/a.cc": "#include <sqlite3.h>\n"}, "src/control/a.cc:1", "src/db only")

    def test_refuses_an_unknown_folder(self):
        self.refuses({"misc/a.cc": "int x;\n"}, "unknown folder")

    def test_refuses_an_empty_tree(self):
        self.refuses({"net/readme.txt": ""}, "0 files")


if __name__ == "__main__":
    unittest.main()
