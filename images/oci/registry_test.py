"""Tests of registry.py against a registry on the loopback address."""
import base64
import json
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import image
import registry
import testing
from errors import Refused
from registry import Reference, Registry
from registry_server import PASSWORD, RegistryServer, two_servers
from testing import Image, entry, gzipped
from tree import Blobs, Tree

LOWER = testing.tar(entry("a", "1"))
UPPER = testing.tar(entry("b", "2"), entry(".wh.a", ""))


class ReferenceTest(unittest.TestCase):
    def test_references_of_every_form(self):
        digest = "sha256:" + "0" * 64
        for text, expected in (
                ("registry.example.com/app", ("registry.example.com", "app", "latest")),
                ("registry.example.com:5000/team/app:1.2", ("registry.example.com:5000", "team/app", "1.2")),
                ("localhost/app:x", ("localhost", "app", "x")),
                ("[::1]:5000/app", ("[::1]:5000", "app", "latest")),
                (f"registry.example.com/a/b:1@{digest}", ("registry.example.com", "a/b", digest)),
                ("debian:12", (registry.DOCKER_HUB, "library/debian", "12")),
                ("team/app", (registry.DOCKER_HUB, "team/app", "latest")),
                ("docker.io/debian", (registry.DOCKER_HUB, "library/debian", "latest"))):
            got = Reference("docker://" + text)
            self.assertEqual((got.host, got.path, got.name), expected, text)

    def test_what_is_none_is_refused(self):
        for text in ("", "UPPER", "a//b", "a/../b", "example.com/", "example.com/a:", "example.com/a@sha256:0", "example.com/a b", "me:pw@example.com/a",
                     "example.com/a?x", "example.com/a:" + "t" * 129, "exa mple.com/a", "example.com/" + "a/" * 200 + "a", "a\n", "example.com:123456/a"):
            with self.subTest(text=text), self.assertRaises(Refused):
                Reference("docker://" + text)


class RegistryTest(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory(prefix="wrenn-oci-test-")
        self.addCleanup(self.work.cleanup)
        self.count = 0
        pathlib.Path(self.work.name, "empty").mkdir()
        patch = unittest.mock.patch.object(Registry, "pause", lambda *_: None)  # Nobody waits for what is tried again.
        patch.start()
        self.addCleanup(patch.stop)

    def pull(self, server, name="team/app:1", **options):
        self.count += 1
        work = f"{self.work.name}/{self.count}"
        files = Registry(Reference(f"docker://{server.host}/{name}"), Blobs(work + ".kept", 1 << 26), **options)
        found = image.find_image(files)
        tree = Tree(Blobs(work + ".blobs", 1 << 26))
        image.apply_layers(files, found, tree, f"{self.work.name}/empty")
        self.found = found
        return sorted(one.decode() for one in tree.root.children)

    def refuses(self, words, server, *arguments, **options):
        with self.assertRaises(Refused) as caught:
            self.pull(server, *arguments, **options)
        said = caught.exception.message + " | " + caught.exception.remedy
        self.assertIn(words, said)
        return said

    def login(self, server, password=PASSWORD):
        path = pathlib.Path(self.work.name, "auth.json")
        path.write_text(json.dumps({"auths": {server.host: {"auth": base64.b64encode(password.encode()).decode()}}}))
        return str(path)

    def test_an_image_is_pulled_by_tag_and_by_digest(self):
        one = Image(LOWER, UPPER, pack=gzipped)
        with RegistryServer(one) as server:
            self.assertEqual(self.pull(server), ["b"])
            digest = self.found.digest
            self.assertEqual(self.pull(server, f"team/app@{digest}"), ["b"])
            self.assertEqual(self.pull(server, f"team/app:1@{digest}"), ["b"])
            self.refuses("check the image's name and tag", server, "team/app:none")
            self.refuses("status 404", server, "team/other:1")

    def test_the_image_for_this_machine_is_chosen_from_an_index_of_indexes(self):
        arm, intel = Image(LOWER, architecture="arm64"), Image(LOWER, UPPER)
        manifests = [arm.descriptor(platform={"os": "linux", "architecture": "arm64"}), intel.descriptor(platform={"os": "linux", "architecture": "amd64"})]
        intel.blobs.update(arm.blobs)
        inner = intel.add_document({"mediaType": testing.INDEX, "manifests": manifests}, testing.INDEX)
        index = intel.add_document({"mediaType": testing.INDEX, "manifests": [inner]}, testing.INDEX)
        with RegistryServer(intel, index) as server:
            self.assertEqual(self.pull(server), ["b"])
            wanted = {path.rpartition("/")[2] for path, _ in server.calls}
            self.assertNotIn(manifests[0]["digest"], wanted, "what is for other machines is left where it is")

    def test_a_token_is_fetched_and_shown(self):
        with RegistryServer(Image(LOWER)) as server:
            server.needs_token = True
            self.assertEqual(self.pull(server), ["a"])
            self.assertEqual(sum(path.startswith("/token") for path, _ in server.calls), 1, "one is enough")

    def test_a_login_goes_to_the_token_server_and_is_never_shown(self):
        with RegistryServer(Image(LOWER)) as server:
            server.needs_token = server.needs_login = True
            self.refuses("--auth-file", server)
            self.assertEqual(self.pull(server, auth_file=self.login(server)), ["a"])
            self.assertEqual({path.partition("?")[0] for path, shown in server.calls if (shown or "").startswith("Basic")}, {"/token"})
            said = self.refuses("status 401", server, auth_file=self.login(server, "me:wrong-word"))
            self.assertNotIn("wrong-word", said)
            server.needs_token = False
            self.assertEqual(self.pull(server, auth_file=self.login(server)), ["a"])

    def test_a_file_with_logins_of_another_form_is_refused_without_a_word_of_it(self):
        path = pathlib.Path(self.work.name, "bad.json")
        with RegistryServer(Image(LOWER)) as server:
            for text in ("", "[]", "secret", '{"auths":7}', '{"auths":{"%s":7}}' % server.host, '{"auths":{"%s":{"auth":"c2VjcmV0"}}}' % server.host):
                path.write_text(text)
                self.assertNotIn("secret", self.refuses("cannot read", server, auth_file=str(path)))

    def test_other_hosts_are_called_only_if_allowed_and_get_no_secret(self):
        with two_servers(Image(LOWER)) as (server, other):
            server.needs_token = True
            self.refuses(f"if you trust it: --allow-host {other.host}", server)
            self.assertEqual(other.calls, [])
            self.assertEqual(self.pull(server, allowed_hosts=[other.host]), ["a"])
            self.assertGreater(len(other.calls), 1)
            self.assertEqual({shown for _, shown in other.calls}, {None})

    def test_a_token_server_elsewhere_must_be_allowed(self):
        with RegistryServer(Image(LOWER)) as server, RegistryServer() as other:
            server.needs_token = True
            server.realm = f"http://{other.host}/token"
            self.refuses("which was not allowed", server, auth_file=self.login(server))
            self.assertEqual(other.calls, [])
            self.assertEqual(self.pull(server, allowed_hosts=[other.host]), ["a"])
            server.realm = "http://token.example.com/"
            self.refuses("must be https", server, allowed_hosts=["token.example.com"])

    def test_addresses_that_are_never_called(self):
        with RegistryServer(Image(LOWER)) as server:
            for base in ("file:///etc/passwd?", "ftp://example.com", "http://example.com", "http://169.254.169.254", "https://me:pw@127.0.0.1", "//", "http://[bad",
                         "https://example.com:99999", "gopher://127.0.0.1"):
                server.redirect_blobs_to = base
                with self.subTest(base=base):
                    self.refuses("", server, allowed_hosts=["example.com", "169.254.169.254"])

    def test_redirects_are_bounded(self):
        with RegistryServer(Image(LOWER)) as server:
            server.redirect_blobs_to = f"http://{server.host}"
            self.refuses("redirects more than 5 times", server)

    def test_passing_trouble_is_got_over(self):
        one = Image(LOWER, pack=gzipped)
        with RegistryServer(one) as server:
            server.failures = [503, 429]
            self.assertEqual(self.pull(server), ["a"])
            server.cut = {one.layers[0]["digest"]: 20}
            self.assertEqual(self.pull(server), ["a"])
            server.failures = [500] * 10
            self.refuses("status 500", server)
        self.refuses("cannot reach", server)

    def test_what_is_not_what_was_asked_for_is_refused(self):
        one = Image(LOWER, UPPER, pack=gzipped)
        with RegistryServer(one) as server:
            self.pull(server)
            digest = self.found.digest
            for name in (one.layers[1]["digest"], testing.digest(json.dumps(one.config).encode())):
                good = server.blobs[name]
                server.blobs[name] = good[:-1] + b"?"
                self.refuses("is damaged: its digest", server)
                server.blobs[name] = good
            server.blobs[digest] += b" "
            self.refuses("the manifest is damaged", server, f"team/app@{digest}")

    def test_documents_are_bounded_and_of_the_right_form(self):
        for text in (b"x", b"[]", b"7", b"{}" + b" " * (5 << 20)):
            one = Image(LOWER)
            with RegistryServer(one) as server:
                digest = one.descriptor()["digest"]
                server.blobs[digest] = text
                self.refuses("manifest", server)

    def test_layers_count_for_what_is_kept(self):
        big = Image(testing.tar(entry("a", bytes(3 << 20))))
        with RegistryServer(big) as server, self.assertRaises(Refused) as caught:
            files = Registry(Reference(f"docker://{server.host}/team/app:1"), Blobs(f"{self.work.name}/small", 1 << 20))
            with files.open("blobs/sha256/" + big.layers[0]["digest"].split(":")[1]):
                pass
        self.assertIn("more than 1 MiB", caught.exception.message)


if __name__ == "__main__":
    unittest.main()
