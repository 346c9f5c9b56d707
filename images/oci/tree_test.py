"""Tests of tree.py: layers over layers as the specification has them, and hostile ones, each of its kind. Needs no root."""
import os
import pathlib
import random
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import testing
import tree as trees
from errors import Refused
from tarstream import CAPABILITY, Chunks, TarStream
from testing import entry
from tree import Blobs, Tree


class TreeTest(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory(prefix="wrenn-oci-test-")
        self.addCleanup(self.work.cleanup)
        self.count = 0
        self.tree = self.new_tree()

    def new_tree(self, max_bytes=1 << 24):
        self.count += 1
        return Tree(Blobs(f"{self.work.name}/blobs{self.count}", max_bytes))

    def apply(self, *entries, tree=None):
        (tree or self.tree).apply_layer(TarStream(Chunks([testing.tar(*entries)])))

    def refuses(self, words, *entries):
        with self.assertRaises(Refused) as caught:
            self.apply(*entries)
        self.assertIn(words, caught.exception.message)

    def listing(self, tree=None):
        """{path: content of a file, target of a link, or kind}."""
        tree, found = tree or self.tree, {}
        pending = [("", tree.root)]
        while pending:
            path, node = pending.pop()
            for name, child in node.children.items():
                full = f"{path}{name.decode('latin-1')}"
                if child.kind == "dir":
                    pending.append((full + "/", child))
                    found[full + "/"] = "dir"
                else:
                    found[full] = {"file": lambda: tree.blobs.read(child.blob, 1 << 20).decode(),
                                   "symlink": lambda: "-> " + child.link.decode()}.get(child.kind, lambda: child.kind)()
        return found

    # Layers

    def test_later_layers_replace_and_add(self):
        self.apply(entry("a/"), entry("a/one", "1"), entry("a/two", "2"), entry("b", "file"))
        self.apply(entry("a/two", "new"), entry("b/", mode=0o700), entry("b/in", "x"))
        self.assertEqual(self.listing(), {"a/": "dir", "a/one": "1", "a/two": "new", "b/": "dir", "b/in": "x"})
        self.apply(entry("a", "now a file"))
        self.assertEqual(self.listing()["a"], "now a file")
        self.assertNotIn("a/one", self.listing())

    def test_a_directory_over_a_directory_keeps_what_is_in_it_and_takes_the_new_mode(self):
        self.apply(entry("a/", mode=0o755), entry("a/one", "1"))
        self.apply(entry("a/", mode=0o1777, uid=5))
        self.assertEqual(self.listing(), {"a/": "dir", "a/one": "1"})
        self.assertEqual((self.tree.find("/a").mode, self.tree.find("/a").uid), (0o1777, 5))

    def test_the_root_takes_attributes_too(self):
        self.apply(entry("./", mode=0o711), entry("/a", "absolute is below the root"), entry("./b//c", "1"))
        self.assertEqual(self.tree.root.mode, 0o711)
        self.assertEqual(set(self.listing()), {"a", "b/", "b/c"})
        self.refuses("no directory", entry("./", "x", "file"))

    def test_a_whiteout_hides_a_file_and_a_directory_of_lower_layers(self):
        self.apply(entry("a/one", "1"), entry("a/two", "2"), entry("d/deep/file", "3"))
        self.apply(entry("a/.wh.one", ""), entry(".wh.d", ""), entry(".wh.never-was", ""), entry("no/such/.wh.x", ""))
        self.assertEqual(self.listing(), {"a/": "dir", "a/two": "2"})

    def test_a_whiteout_hides_nothing_of_its_own_layer_wherever_it_stands(self):
        for entries in ((entry("a/.wh.one", ""), entry("a/one", "new")), (entry("a/one", "new"), entry("a/.wh.one", ""))):
            tree = self.new_tree()
            self.apply(entry("a/one", "old"), tree=tree)
            self.apply(*entries, tree=tree)
            self.assertEqual(self.listing(tree), {"a/": "dir", "a/one": "new"})

    def test_an_opaque_directory_hides_all_that_lower_layers_have_in_it(self):
        lower = (entry("a/"), entry("a/one", "1"), entry("a/sub/two", "2"), entry("b", "kept"))
        upper = [entry("a/"), entry("a/.wh..wh..opq", ""), entry("a/sub/"), entry("a/sub/three", "3")]
        for order in (upper, upper[::-1], [upper[3], upper[1]]):
            tree = self.new_tree()
            self.apply(*lower, tree=tree)
            self.apply(*order, tree=tree)
            self.assertEqual(self.listing(tree), {"a/": "dir", "a/sub/": "dir", "a/sub/three": "3", "b": "kept"})

    def test_a_whiteout_of_a_directory_that_its_own_layer_makes_anew_hides_the_old_content(self):
        self.apply(entry("d/old", "1"), entry("d/sub/older", "2"))
        self.apply(entry("d/"), entry("d/new", "3"), entry(".wh.d", ""))
        self.assertEqual(self.listing(), {"d/": "dir", "d/new": "3"})

    def test_whiteouts_that_name_nothing_are_refused(self):
        for name in (".wh.", ".wh..", ".wh...", ".wh..wh.plnk", "a/.wh."):
            self.tree = self.new_tree()
            self.apply(entry("a/b", "1"))
            self.refuses("whiteout names nothing", entry(name, ""))
        self.refuses("name of a whiteout", entry(".wh.dir/file", ""))

    def test_a_container_has_no_whiteouts(self):
        self.tree.apply_flat(TarStream(Chunks([testing.tar(entry("a", "1"), entry(".wh.a", "a file"))])))
        self.assertEqual(self.listing(), {"a": "1", ".wh.a": "a file"})

    def test_hard_links_are_one_file_also_across_layers(self):
        self.apply(entry("a", "1"), entry("d/b", "a", "hard link"))
        self.apply(entry("c", "d/b", "hard link"), entry(".wh.a", ""))
        self.assertEqual(self.listing(), {"c": "1", "d/": "dir", "d/b": "1"})
        self.assertIs(self.tree.find("/c"), self.tree.find("/d/b"))
        self.assertEqual(self.tree.usage()[1], 3, "root, d and the one file")
        self.apply(entry("c", "c", "hard link"))
        self.assertEqual(self.listing()["c"], "1")

    # Names and links that want to get out

    def test_parents_that_are_links_are_followed_inside_the_image(self):
        self.apply(entry("usr/lib/"), entry("lib", "usr/lib", "symlink"), entry("out", "/../../../../../../tmp", "symlink"),
                   entry("abs", "/usr", "symlink"))
        self.apply(entry("lib/x", "1"), entry("out/y", "2"), entry("abs/z", "3"), entry("abs/lib/.wh.nothing", ""))
        listing = self.listing()
        self.assertEqual((listing["usr/lib/x"], listing["tmp/y"], listing["usr/z"]), ("1", "2", "3"))
        self.assertEqual(listing["out"], "-> /../../../../../../tmp", "the link itself stays as it is")
        self.assertFalse(pathlib.Path("/tmp/y").exists())

    def test_a_link_is_replaced_and_not_written_through(self):
        self.apply(entry("etc/passwd", "guest's"), entry("victim", "/etc/passwd", "symlink"))
        self.apply(entry("victim", "new"))
        self.assertEqual((self.listing()["victim"], self.listing()["etc/passwd"]), ("new", "guest's"))
        self.apply(entry("usr/"), entry("link", "usr", "symlink"))
        self.apply(entry("link/"))
        self.assertEqual(self.listing()["link/"], "dir")

    def test_names_that_lead_out_are_refused(self):
        for name in ("../x", "a/../../x", "/../x", "a/..", ".."):
            self.refuses("'..'", entry(name, "x", "file"))
        self.refuses("'..'", entry("x", "../../etc/shadow", "hard link"))
        self.refuses("'..'", entry("a/../.wh.x", ""))

    def test_hard_links_to_nothing_to_directories_and_through_files_are_refused(self):
        self.apply(entry("d/"), entry("f", "x"))
        for target in ("none", "d/none", "f/x", "/etc/shadow", ""):
            self.refuses("hard link leads nowhere", entry("x", target, "hard link"))
        self.refuses("to a directory", entry("x", "d", "hard link"))

    def test_circles_of_links_and_files_as_directories_are_refused(self):
        self.apply(entry("a", "b", "symlink"), entry("b", "a", "symlink"), entry("self", "self/self", "symlink"), entry("f", "x"))
        for name in ("a/x", "self/x"):
            self.refuses("circle", entry(name, "x"))
        self.refuses("a file stands", entry("f/x", "x"))
        self.assertIsNone(self.tree.find("/a/x"))

    def test_links_that_multiply_are_bounded(self):
        self.apply(entry("d/"), *(entry(f"l{n}", "/".join([f"l{n - 1}/.."] * 100) if n else "d", "symlink") for n in range(6)))
        with self.assertRaises(Refused):
            self.apply(entry("l5/x", "x"))

    def test_steps_are_bounded_over_all_entries(self):
        self.apply(entry("d/"), entry("slow", "/".join(["d/.."] * 600), "symlink"))
        before, trees.MAX_STEPS = trees.MAX_STEPS, 100_000
        self.addCleanup(setattr, trees, "MAX_STEPS", before)
        self.refuses("too many symbolic links", *(entry(f"slow/{n}", "") for n in range(1000)))

    # Limits

    def test_names_too_long_and_directories_too_deep_are_refused(self):
        self.refuses("more than 255", entry("n" * 256, ""))
        self.refuses("more than 4000", entry("/".join(["n" * 100] * 50), ""))
        self.refuses("nested too deep", entry("/".join(["n"] * 250), ""))
        self.apply(entry("/".join(["n"] * 150) + "/"), entry("way", "/".join(["n"] * 150), "symlink"))
        self.refuses("nested too deep", entry("way/" + "/".join(["n"] * 150), ""))
        self.apply(entry("/".join(["m" * 250] * 14) + "/"), entry("long", "/".join(["m" * 250] * 14), "symlink"))
        self.refuses("nested too deep", entry("long/" + "/".join(["m" * 250] * 3), ""))

    def test_entries_are_counted_over_all_layers(self):
        before, trees.MAX_ENTRIES = trees.MAX_ENTRIES, 5
        self.addCleanup(setattr, trees, "MAX_ENTRIES", before)
        self.apply(*(entry(str(n), "") for n in range(3)))
        self.refuses("more than 5 entries", *(entry(str(n), "") for n in range(3)))

    def test_bytes_are_counted_over_all_layers_hidden_ones_too(self):
        self.tree = self.new_tree(max_bytes=1 << 20)
        self.apply(entry("a", b"x" * 700_000))
        self.refuses("more than 1 MiB", entry("a", b"x" * 700_000))

    def test_names_of_one_file_are_counted(self):
        before, trees.MAX_LINKS = trees.MAX_LINKS, 3
        self.addCleanup(setattr, trees, "MAX_LINKS", before)
        self.refuses("more than 3 names", entry("a", "x"), *(entry(f"l{n}", "a", "hard link") for n in range(3)))

    # What has no place in an image

    def test_devices_but_the_usual_ones_are_refused(self):
        self.apply(entry("dev/null", None, "char", devmajor=1, devminor=3), entry("dev/tty", None, "char", devmajor=5, devminor=0))
        for kind, major, minor in (("block", 8, 0), ("block", 1, 3), ("char", 1, 1), ("char", 10, 200), ("char", 0, 0)):
            self.refuses("device", entry("dev/x", None, kind, devmajor=major, devminor=minor))

    def test_damaged_capabilities_are_refused(self):
        info, content = entry("ping", "x")
        info.pax_headers = {CAPABILITY.decode(): "short"}
        self.refuses("capabilities are damaged", (info, content))

    def test_links_without_a_target_are_refused(self):
        self.refuses("no target", entry("x", "", "symlink"))

    # On disk

    @unittest.skipIf(os.geteuid() != 0, "files get other owners, which takes root")
    def test_the_tree_is_made_with_owners_modes_links_and_capabilities(self):
        capability = "\x01\0\0\x02" + "\0\x20\0\0" + "\0" * 12
        info, content = entry("bin/ping", "x", mode=0o755)
        info.pax_headers = {CAPABILITY.decode(): capability}
        self.apply(entry("bin/"), (info, content), entry("bin/su", "s", mode=0o4755, mtime=1000), entry("tmp/", mode=0o1777),
                   entry("home/me/", uid=1000, gid=1001), entry("home/me/f", "1", uid=1000, gid=1001, mode=0o600),
                   entry("h", "home/me/f", "hard link"), entry("l", "/etc/shadow", "symlink", uid=7), entry("p", None, "fifo", mode=0o622),
                   entry("dev/null", None, "char", devmajor=1, devminor=3, mode=0o666), entry("odd\n\x01name", "2"), entry("zeros", bytes(1 << 20)))
        root = pathlib.Path(self.work.name, "tree")
        self.tree.write(str(root))
        stat = (root / "bin/su").stat()
        self.assertEqual((stat.st_mode, stat.st_uid, stat.st_mtime), (0o104755, 0, 1000))
        self.assertEqual((root / "tmp").stat().st_mode, 0o041777)
        stat = (root / "home/me/f").stat()
        self.assertEqual((stat.st_uid, stat.st_gid, stat.st_mode, stat.st_nlink), (1000, 1001, 0o100600, 2))
        self.assertTrue((root / "h").samefile(root / "home/me/f"))
        self.assertEqual((os.readlink(root / "l"), (root / "l").lstat().st_uid), ("/etc/shadow", 7))
        self.assertEqual((root / "p").stat().st_mode, 0o010622)
        self.assertEqual((root / "dev/null").stat().st_rdev, os.makedev(1, 3))
        self.assertEqual((root / "odd\n\x01name").read_text(), "2")
        self.assertEqual(os.getxattr(root / "bin/ping", "security.capability"), capability.encode("latin-1"))
        self.assertEqual(((root / "zeros").stat().st_size, (root / "zeros").stat().st_blocks), (1 << 20, 0))

    @unittest.skipIf(os.geteuid() != 0, "files get other owners, which takes root")
    def test_random_layers_never_touch_anything_outside(self):
        """150 images of random entries that fight over few names, with the same dice each time. Beside the tree lies a canary that
        links lead to."""
        dice = random.Random(6)
        outside = pathlib.Path(self.work.name, "outside")
        outside.mkdir()
        (outside / "canary").write_text("sings")
        names = ["a", "b", "a/b", "b/a", "a/b/c", "link/x", "link/a/b", "link", "etc/passwd", "../outside/canary", "link/outside/canary"]
        targets = [str(outside), "/", "..", "../../..", "a", "b/a", "link", "../outside", f"{outside}/canary"]
        made = 0
        for number in range(150):
            tree = self.new_tree()
            for _ in range(dice.randint(1, 3)):
                entries = [self.random_entry(dice, names, targets) for _ in range(dice.randint(1, 12))]
                try:
                    self.apply(*entries, tree=tree)
                except Refused:
                    pass  # What was applied until then is a tree all the same.
            names_in_model = len(self.listing(tree))
            tree.write(f"{self.work.name}/tree{number}")
            os.close(tree.blobs.fd)
            on_disk = sum(len(folders) + len(files) for _, folders, files in os.walk(f"{self.work.name}/tree{number}"))
            self.assertEqual(on_disk, names_in_model)
            made += on_disk
        self.assertEqual([one.name for one in outside.iterdir()], ["canary"])
        self.assertEqual((outside / "canary").read_text(), "sings")
        self.assertGreater(made, 250)

    @staticmethod
    def random_entry(dice, names, targets):
        name = dice.choice(names)
        what = dice.randrange(7)
        if what == 0:
            return entry(name, dice.choice(targets), "symlink")
        if what == 1:
            return entry(name, dice.choice(names + targets), "hard link")
        if what == 2:
            return entry(name + "/")
        if what == 3:
            parent, _, last = name.rpartition("/")
            return entry(f"{parent}/.wh.{dice.choice([last, '.wh..opq'])}", "")
        return entry(name, "content")


if __name__ == "__main__":
    unittest.main()
