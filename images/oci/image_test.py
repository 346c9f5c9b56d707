"""Tests of image.py and streams.py: which image is found, and that nothing is believed whose digest is wrong. The zstd ones, which run
the confined program, need root."""
import io
import os
import pathlib
import random
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import image
import streams
import testing
from errors import Refused
from testing import Image, entry, gzipped, zstd
from tree import Blobs, Tree

LOWER = testing.tar(entry("etc/os-release", "ID=debian\n"), entry("a", "1"))
UPPER = testing.tar(entry("b", "2"), entry(".wh.a", ""))
NEEDS_ROOT = unittest.skipIf(os.geteuid() != 0, "the confined program needs root, to give its rights away")


class ImageTest(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory(prefix="wrenn-oci-test-")
        self.addCleanup(self.work.cleanup)
        self.count = 0
        os.mkdir(self.path("empty"))

    def path(self, name):
        return f"{self.work.name}/{name}"

    def load(self, files, tag=None, as_archive=True, pack=None):
        """The names in the tree that these files come to."""
        self.count += 1
        name = self.path(f"source{self.count}")
        if as_archive:
            testing.write_archive(name, files)
            if pack:
                pathlib.Path(name).write_bytes(pack(pathlib.Path(name).read_bytes()))
            with open(name, "rb", buffering=0) as file:
                source = image.Archive(file, Blobs(f"{name}.members", 1 << 26), self.path("empty"))
        else:
            testing.write_directory(name, files)
            source = image.Directory(name)
        self.found = image.find_image(source, tag)
        tree = Tree(Blobs(f"{name}.blobs", 1 << 26))
        image.apply_layers(source, self.found, tree, self.path("empty"))
        return sorted(one.decode() for one in tree.root.children)

    def refuses(self, words, files, **how):
        with self.assertRaises(Refused) as caught:
            self.load(files, **how)
        self.assertIn(words, caught.exception.message + " | " + caught.exception.remedy)

    # What is taken

    def test_archives_and_directories_packed_and_not(self):
        for pack in (None, gzipped, [None, gzipped]):
            files = Image(LOWER, UPPER, pack=pack, config={"User": "me"}).files()
            for how in ({}, {"as_archive": False}, {"pack": gzipped}):
                with self.subTest(pack=pack, how=how):
                    self.assertEqual(self.load(files, **how), ["b", "etc"])
                    self.assertEqual(self.found.config["config"], {"User": "me"})

    @NEEDS_ROOT
    def test_zstd_layers_and_archives(self):
        files = Image(LOWER, UPPER, pack=[zstd, gzipped]).files()
        self.assertEqual(self.load(files), ["b", "etc"])
        self.assertEqual(self.load(files, pack=zstd), ["b", "etc"])

    def test_gzip_of_several_members_is_one_layer(self):
        whole = gzipped(LOWER[:700]) + gzipped(LOWER[700:])
        one = Image(LOWER)
        one.layers = [one.add(whole, testing.LAYER + "+gzip")]
        self.assertEqual(self.load(one.files()), ["a", "etc"])

    def test_the_image_for_this_machine_is_chosen(self):
        arm, intel = Image(UPPER, architecture="arm64"), Image(LOWER)
        intel.blobs.update(arm.blobs)
        manifests = [arm.descriptor(platform={"os": "linux", "architecture": "arm64"}),
                     intel.descriptor(platform={"os": "unknown", "architecture": "unknown"}),
                     intel.descriptor(platform={"os": "linux", "architecture": "amd64"})]
        intel.blobs.update(arm.blobs)
        self.assertEqual(self.load(intel.files(manifests)), ["a", "etc"])
        nested = intel.add_document({"manifests": manifests}, testing.INDEX)
        nested = intel.add_document({"manifests": [nested]}, testing.INDEX)
        self.assertEqual(self.load(intel.files([nested])), ["a", "etc"])
        self.refuses("linux/arm64", intel.files(manifests[:1]))
        for _ in range(5):
            nested = intel.add_document({"manifests": [nested]}, testing.INDEX)
        self.refuses("nested too deep", intel.files([nested]))

    def test_a_manifest_without_platform_is_judged_by_its_configuration(self):
        self.refuses("not for linux/amd64", Image(LOWER, architecture="s390x").files())

    def test_one_of_several_images_is_chosen_by_its_tag(self):
        one, two = Image(LOWER), Image(LOWER, UPPER)
        named = [each.descriptor(annotations={"org.opencontainers.image.ref.name": name}) for each, name in ((one, "old"), (two, "new"))]
        one.blobs.update(two.blobs)
        files = one.files(named)
        self.assertEqual(self.load(files, tag="old"), ["a", "etc"])
        self.assertEqual(self.load(files, tag="new"), ["b", "etc"])
        self.refuses("choose one with --tag. It has: new, old", files)
        self.refuses("It has: new, old", files, tag="none")

    def test_what_docker_save_wrote(self):
        one = Image(LOWER, UPPER)
        self.assertEqual(self.load(one.saved_files()), ["b", "etc"])
        self.assertEqual(self.load(one.saved_files(), as_archive=False), ["b", "etc"])
        self.assertEqual(self.load(one.saved_files(), tag="test:latest"), ["b", "etc"])
        self.refuses("It has: test:latest", one.saved_files(), tag="other")

    def test_layers_that_docker_save_wrote_as_links(self):
        files = Image(LOWER, LOWER).saved_files()
        second = f"{1:064x}/layer.tar"
        del files[second]
        name = self.path("linked.tar")
        pathlib.Path(name).write_bytes(testing.tar(*(entry(each, data) for each, data in files.items()),
                                                   entry(second, f"../{0:064x}/layer.tar", "symlink")))
        with open(name, "rb", buffering=0) as file:
            source = image.Archive(file, Blobs(f"{name}.members", 1 << 26), self.path("empty"))
        self.assertEqual(len(image.find_image(source).layers), 2)
        tree = Tree(Blobs(f"{name}.blobs", 1 << 26))
        image.apply_layers(source, image.find_image(source), tree, self.path("empty"))
        self.assertIsNotNone(tree.find("/etc/os-release"))

    # What is damaged or hostile

    def test_every_blob_is_held_against_its_digest(self):
        files = Image(LOWER, UPPER, pack=gzipped).files()
        for name in files:
            if not name.startswith("blobs/"):
                continue
            damaged = {**files, name: files[name][:-1] + bytes([files[name][-1] ^ 1])}
            with self.subTest(name=name):
                self.refuses("is damaged: its digest", damaged)
                self.refuses("is damaged: its digest", damaged, as_archive=False)
            self.refuses("not in the image", {key: data for key, data in files.items() if key != name})

    def test_a_layer_is_held_against_the_configuration_too(self):
        one = Image(LOWER, pack=gzipped)
        one.config["rootfs"]["diff_ids"] = [testing.digest(UPPER)]
        self.refuses("layer 1 of 1 is damaged: its digest", one.files())
        files = Image(LOWER, UPPER).saved_files()
        files[f"{1:064x}/layer.tar"] = testing.tar(entry("evil", "x"))
        self.refuses("layer 2 of 2 is damaged: its digest", files)
        # Also what stands behind the end of the archive.
        files = Image(LOWER).saved_files()
        files[f"{0:064x}/layer.tar"] += b"more"
        self.refuses("layer 1 of 1 is damaged", files)

    def test_the_configuration_of_docker_save_is_held_against_its_name(self):
        files = Image(LOWER).saved_files()
        name = next(one for one in files if one.endswith(".json") and one != "manifest.json")
        files[name] += b" "
        self.refuses("the configuration is damaged", files)

    def test_sizes_are_held_against_the_descriptor(self):
        one = Image(LOWER)
        self.refuses("bytes, not 7", one.files([{**one.descriptor(), "size": 7}]))

    def test_digests_of_another_form_are_refused(self):
        one = Image(LOWER)
        for digest in ("sha512:" + "0" * 128, "sha256:../../../etc/passwd", "sha256:" + "0" * 63, "sha256:" + "A" * 64, "", None, 7, ["x"]):
            with self.subTest(digest=digest):
                self.refuses("not sha256", one.files([{**one.descriptor(), "digest": digest}]))

    def test_documents_of_another_form_are_refused(self):
        good = Image(LOWER).files()
        for text in (b"", b"{", b"[]", b"null", b'{"manifests":7}', b'{"manifests":[7]}', b'{"manifests":{}}', b"[" * 100_000, b"\xff"):
            with self.subTest(text=text[:20]):
                self.refuses("", {**good, "index.json": text})
        one = Image(LOWER)
        for change in ({"config": None}, {"layers": {}}, {"layers": [7]}, {"layers": [{}]}):
            manifest = {**one.manifest, "config": one.add_document(one.config, testing.CONFIG), "layers": one.layers, **change}
            with self.subTest(change=change):
                self.refuses("", one.files([one.add_document(manifest, testing.MANIFEST)]))
        saved = Image(LOWER).saved_files()
        for text in (b"[]", b"{}", b"[7]", b'[{"Config":"../../etc/passwd","Layers":[]}]', b'[{"Config":7}]', b'[{}]'):
            with self.subTest(text=text):
                self.refuses("", {**saved, "manifest.json": text})

    def test_numbers_of_layers_must_agree_and_are_bounded(self):
        one = Image(LOWER, UPPER)
        one.config["rootfs"]["diff_ids"].pop()
        self.refuses("has 2 layers, but its configuration speaks of 1", one.files())
        self.refuses("no layers", Image().files())
        empty = testing.tar()
        self.refuses("more than 128", Image(*[empty] * 129).files())

    def test_layers_of_other_kinds_are_refused(self):
        one = Image(LOWER)
        one.layers[0]["mediaType"] = "application/vnd.example.model"
        self.refuses("vnd.example.model, which is no file system", one.files())
        one = Image(LOWER)
        one.layers = [one.add(b"\xfd7zXZ\0" + LOWER, testing.LAYER)]
        self.refuses("xz", one.files())

    def test_what_is_no_image_is_refused(self):
        self.refuses("this is no image", {"etc/passwd": b"root"})
        self.refuses("this is no image", {"readme": b"x"}, as_archive=False)
        name = self.path("text")
        pathlib.Path(name).write_text("just text, and rather more of it than a header of an archive has" * 20)
        with self.assertRaises(Refused), open(name, "rb", buffering=0) as file:
            image.Archive(file, Blobs(self.path("members"), 1 << 20), self.path("empty"))

    def test_an_archive_of_many_files_is_no_image(self):
        before, image.MAX_MEMBERS = image.MAX_MEMBERS, 10
        self.addCleanup(setattr, image, "MAX_MEMBERS", before)
        self.refuses("docker import", {f"usr/bin/{n}": b"" for n in range(11)})

    def test_links_and_pipes_in_a_directory_are_not_followed(self):
        for make in (lambda name: os.symlink("/etc/passwd", name), os.mkfifo, os.mkdir):
            name = self.path(f"hostile{make.__name__}")
            os.mkdir(name)
            make(f"{name}/index.json")
            with self.assertRaises(Refused):
                image.find_image(image.Directory(name))
        files = Image(LOWER).files()
        name = self.path("linked")
        testing.write_directory(name, {key: data for key, data in files.items() if not key.startswith("blobs")})
        testing.write_directory(self.path("elsewhere"), {key.removeprefix("blobs/"): data for key, data in files.items() if key.startswith("blobs")})
        os.symlink(self.path("elsewhere"), f"{name}/blobs")
        with self.assertRaises(Refused):
            image.find_image(image.Directory(name))

    # Streams

    def unpacked(self, data):
        return b"".join(streams.unpacked(io.BytesIO(data), self.path("empty")))

    def test_bombs_are_stopped(self):
        before, streams.FREE_BYTES = streams.FREE_BYTES, 1 << 20
        self.addCleanup(setattr, streams, "FREE_BYTES", before)
        with self.assertRaises(Refused) as caught:
            for _ in streams.unpacked(io.BytesIO(gzipped(bytes(64 << 20))), self.path("empty")):
                pass
        self.assertIn("200 times", caught.exception.message)
        self.assertEqual(len(self.unpacked(gzipped(bytes(1 << 20)))), 1 << 20)

    @NEEDS_ROOT
    def test_bombs_and_damage_of_zstd_are_stopped(self):
        before, streams.FREE_BYTES = streams.FREE_BYTES, 1 << 20
        self.addCleanup(setattr, streams, "FREE_BYTES", before)
        for data, words in ((zstd(bytes(64 << 20)), "200 times"), (zstd(LOWER)[:-5], "zstd stream is damaged"), (b"\x28\xb5\x2f\xfdxxxx", "zstd")):
            name = self.path("zstd")
            pathlib.Path(name).write_bytes(data)
            with self.assertRaises(Refused) as caught, open(name, "rb", buffering=0) as file:
                for _ in streams.unpacked(file, self.path("empty")):
                    pass
            self.assertIn(words, caught.exception.message)

    def test_damaged_gzip_is_refused(self):
        whole = gzipped(LOWER)
        for data in (whole[:-1], whole[:20], whole + b"x", whole[:30] + b"\xff\xff" + whole[32:], b"\x1f\x8b"):
            with self.assertRaises(Refused):
                self.unpacked(data)

    def test_no_mutation_of_an_image_does_anything_but_be_refused(self):
        """600 archives with bytes changed anywhere: whatever is taken has the content it should have."""
        name = self.path("seed")
        testing.write_archive(name, Image(LOWER, UPPER, pack=gzipped).files())
        seed, dice, refused = pathlib.Path(name).read_bytes(), random.Random(5), 0
        for number in range(600):
            data = bytearray(seed)
            for _ in range(dice.randint(1, 3)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            work = self.path(f"mutant{number}")
            blobs = [Blobs(f"{work}.members", 1 << 22), Blobs(f"{work}.blobs", 1 << 22)]
            try:
                source = image.Archive(io.BytesIO(bytes(data)), blobs[0], self.path("empty"))
                tree = Tree(blobs[1])
                image.apply_layers(source, image.find_image(source), tree, self.path("empty"))
                self.assertEqual(sorted(tree.root.children), [b"b", b"etc"])
            except Refused:
                refused += 1
            finally:
                for one in blobs:
                    os.close(one.fd)
        self.assertGreater(refused, 150)
        self.assertLess(refused, 600, "some bytes are padding")


if __name__ == "__main__":
    unittest.main()
