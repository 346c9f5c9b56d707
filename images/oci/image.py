"""Images as files: an OCI image layout (a directory, or a tar of one) and what `docker save` writes.

Every document and every layer is held against the digest that led to it before anything of it is believed, and a layer once
more, unpacked, against the digest in the image's configuration. Specifications: OCI image-spec 1.1; Docker image spec 1.2.
"""
import collections
import contextlib
import hashlib
import json
import os
import re
import stat

import streams
from errors import Refused, shown
from tarstream import Chunks, TarStream

MAX_LAYERS = 128
MAX_DOCUMENT = 4 << 20
MAX_NESTED_INDEXES = 3
MAX_MEMBERS = 10_000  # Files of an archive.
MAX_LAYER = 1 << 37

INDEXES = {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
MANIFESTS = {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
LAYERS = {"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip",
          "application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.docker.image.rootfs.diff.tar",
          "application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.docker.image.rootfs.diff.tar.zstd"}
REF_NAMES = ("org.opencontainers.image.ref.name", "io.containerd.image.name")
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")

# What a source comes to. `config` is the whole document; `layers` are (name, digest) in the order in which they are applied,
# where the digest is that of the packed bytes, or None; diff_ids are those of the unpacked ones.
Image = collections.namedtuple("Image", "digest config layers diff_ids")


class Directory:
    """An image layout that lies in a directory. Its files may be anything, so links are not followed."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @contextlib.contextmanager
    def open(self, name):
        """The file of this name, which is there as long as the block; or None."""
        *parents, last = name.split("/")
        with contextlib.ExitStack() as stack:
            fd = self.fd
            try:
                for part in parents:
                    fd = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
                    stack.callback(os.close, fd)
                # A named pipe would be waited for.
                fd = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
            except FileNotFoundError:
                yield None
                return
            except OSError as error:
                raise Refused(f"cannot read {shown(name)} of the image: {os.strerror(error.errno)}") from None
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                os.close(fd)
                raise Refused(f"{shown(name)} of the image is no file")
            yield stack.enter_context(open(fd, "rb", buffering=0))


class Archive:
    """A tar of an image, packed or not. Its files are kept under numbers; its names are only compared."""

    def __init__(self, file, blobs, confined_directory):
        self.blobs = blobs
        self.members, self.links = {}, {}
        archive = TarStream(Chunks(streams.unpacked(file, confined_directory)))
        for count, entry in enumerate(archive):
            if count >= MAX_MEMBERS:
                raise Refused(f"the archive has more than {MAX_MEMBERS} files, so it is no image",
                              "if it is the file system of a container, import it first: docker import FILE NAME")
            name = plain(entry.name)
            if entry.kind == "file":
                self.members[name] = blobs.add(archive.content())
            elif entry.kind in ("symlink", "hard link"):
                # Docker once wrote a layer that two images share as a link, relative to its own directory.
                base = name.rpartition("/")[0] if entry.kind == "symlink" else ""
                self.links[name] = plain(f"{base}/".encode() + entry.link)

    @contextlib.contextmanager
    def open(self, name):
        name = self.links.get(name, name)
        if name not in self.members:
            yield None
            return
        fd = os.open(self.members[name], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.blobs.fd)
        with open(fd, "rb", buffering=0) as file:
            yield file


def plain(name):
    """A name without "." and "..", as text."""
    return os.path.normpath(b"/" + name).decode("utf-8", "surrogateescape").lstrip("/")


def blob_name(digest):
    match = DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    if not match:
        raise Refused(f"the image names something by a digest that is not sha256: {shown(str(digest))}")
    return f"blobs/sha256/{match[1]}"


def find_image(files, tag=None):
    """The Image in a Directory or an Archive."""
    with files.open("index.json") as file:
        index = file and read_document(file, "index.json")
    if index:
        return find_in_index(files, index, tag)
    with files.open("manifest.json") as file:
        saved = file and read_document(file, "manifest.json")
    if saved:
        return find_saved(files, saved, tag)
    raise Refused("this is no image: it has neither index.json (OCI) nor manifest.json (docker save)",
                  "make one with 'skopeo copy ... oci-archive:FILE', 'podman save --format oci-archive' or 'docker save'")


def parse(data, what):
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Refused(f"{what} of the image is no JSON") from None


def read_document(file, what):
    data = read_all(file, MAX_DOCUMENT)
    if len(data) > MAX_DOCUMENT:
        raise Refused(f"{what} of the image is larger than {MAX_DOCUMENT} bytes")
    return parse(data, what)


def read_all(file, most):
    data = b""
    while len(data) <= most and (more := file.read(most + 1 - len(data))):
        data += more
    return data


def read_verified(files, descriptor, what):
    """The JSON object that a descriptor names."""
    descriptor = object_of(descriptor, "a descriptor")
    digest = descriptor.get("digest")
    with files.open(blob_name(digest)) as file:
        if file is None:
            raise Refused(f"{what} is not in the image: {digest}", "the copy is not complete; make it again")
        data = read_all(file, MAX_DOCUMENT)
    if len(data) > MAX_DOCUMENT:
        raise Refused(f"{what} is larger than {MAX_DOCUMENT} bytes")
    check_size(descriptor, len(data), what)
    check_digest("sha256:" + hashlib.sha256(data).hexdigest(), digest, what)
    return object_of(parse(data, what), what)


def check_digest(actual, expected, what):
    if actual != expected:
        raise Refused(f"{what} is damaged: its digest is {actual}, not {shown(expected)}", "get the image anew")


def check_size(descriptor, size, what):
    if descriptor.get("size", size) != size:
        raise Refused(f"{what} is damaged: it has {size} bytes, not {shown(str(descriptor['size']))}", "get the image anew")


def object_of(value, what):
    if not isinstance(value, dict):
        raise Refused(f"{what} of the image is not of the expected form")
    return value


def list_of(value, what, most):
    if not isinstance(value, list) or len(value) > most:
        raise Refused(f"{what} of the image is not of the expected form, or has more than {most} entries")
    return value


# OCI


def find_in_index(files, index, tag):
    descriptors = [object_of(one, "a descriptor") for one in list_of(object_of(index, "index.json").get("manifests"), "index.json", 10_000)]
    if tag is not None:
        descriptors = [one for one in descriptors if tag in tags_of(one)]
        if not descriptors:
            raise Refused(f"the archive has no image '{shown(tag)}'", known_tags(index["manifests"]))
    # Several are fine if they are one image for several machines.
    names = {tuple(tags_of(one)) for one in descriptors}
    if len(names) > 1:
        raise Refused("the archive holds several images", "choose one with --tag. " + known_tags(index["manifests"]))
    return load_manifest(files, choose(files, descriptors, MAX_NESTED_INDEXES))


def tags_of(descriptor):
    annotations = descriptor.get("annotations")
    annotations = annotations if isinstance(annotations, dict) else {}
    return [annotations[name] for name in REF_NAMES if isinstance(annotations.get(name), str)]


def known_tags(descriptors):
    tags = sorted({tag for one in descriptors if isinstance(one, dict) for tag in tags_of(one)})
    return "It has: " + ", ".join(shown(tag) for tag in tags[:20]) if tags else "Its images have no names"


def choose(files, descriptors, depth):
    """The descriptor of the manifest for linux/amd64, through indexes of indexes."""
    others = []
    for one in sorted(descriptors, key=lambda each: has_variant(each)):
        platform = one.get("platform")
        if isinstance(platform, dict) and (platform.get("os"), platform.get("architecture")) != ("linux", "amd64"):
            others.append(f"{shown(str(platform.get('os')))}/{shown(str(platform.get('architecture')))}")
            continue
        media_type = one.get("mediaType")
        if media_type in INDEXES:
            if depth == 0:
                raise Refused("indexes in the image are nested too deep")
            index = read_verified(files, one, "an index")
            found = choose(files, [object_of(each, "a descriptor") for each in list_of(index.get("manifests"), "an index", 1000)], depth - 1)
            if found:
                return found
        elif media_type in MANIFESTS or media_type is None:
            return one
        else:
            others.append(shown(str(media_type)))
    if depth == MAX_NESTED_INDEXES:
        raise Refused("the image has nothing for linux/amd64" + (f"; it has {', '.join(others[:20])}" if others else ""),
                      "get the image for this platform: --platform linux/amd64")
    return None


def has_variant(descriptor):
    platform = descriptor.get("platform")
    return bool(isinstance(platform, dict) and platform.get("variant"))


def load_manifest(files, descriptor):
    manifest = read_verified(files, descriptor, "the manifest")
    config = read_verified(files, object_of(manifest.get("config"), "the manifest"), "the configuration")
    layers = []
    for one in list_of(manifest.get("layers"), "the list of layers", MAX_LAYERS):
        one = object_of(one, "a layer")
        if one.get("mediaType") not in LAYERS:
            raise Refused(f"the image has a layer of the kind {shown(str(one.get('mediaType')))}, which is no file system")
        layers.append((blob_name(one.get("digest")), one["digest"]))
    return checked(Image(descriptor["digest"], config, layers, diff_ids(config)))


def diff_ids(config):
    rootfs = object_of(config.get("rootfs"), "rootfs of the configuration")
    ids = list_of(rootfs.get("diff_ids"), "diff_ids of the configuration", MAX_LAYERS)
    for one in ids:
        blob_name(one)
    return ids


def checked(image):
    platform = (image.config.get("os"), image.config.get("architecture"))
    if platform != ("linux", "amd64"):
        raise Refused(f"the image is for {shown(str(platform[0]))}/{shown(str(platform[1]))}, not for linux/amd64",
                      "get the image for this platform: --platform linux/amd64")
    if len(image.layers) != len(image.diff_ids):
        raise Refused(f"the image has {len(image.layers)} layers, but its configuration speaks of {len(image.diff_ids)}")
    if not image.layers:
        raise Refused("the image has no layers, so there is nothing in it")
    return image


# docker save


def find_saved(files, saved, tag):
    images = [object_of(one, "manifest.json") for one in list_of(saved, "manifest.json", 10_000)]
    if tag is not None:
        images = [one for one in images if tag in repo_tags(one)]
    if len(images) != 1:
        tags = sorted({each for one in list_of(saved, "manifest.json", 10_000) for each in repo_tags(one)})
        raise Refused("the archive holds several images" if images else f"the archive has no image '{shown(str(tag))}'",
                      "choose one with --tag. It has: " + ", ".join(shown(each) for each in tags[:20]))
    name = images[0].get("Config")
    # Its name is its digest, in the older form and in the newer.
    match = re.fullmatch(r"(?:blobs/sha256/)?([0-9a-f]{64})(?:\.json)?", name) if isinstance(name, str) else None
    if not match:
        raise Refused("the image's configuration has no digest for a name", "save the image anew, with a current docker or podman")
    with files.open(name) as file:
        if file is None:
            raise Refused(f"the configuration is not in the image: {name}", "the copy is not complete; make it again")
        data = read_all(file, MAX_DOCUMENT)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    check_digest(digest, "sha256:" + match[1], "the configuration")
    config = object_of(parse(data, "the configuration"), "the configuration")
    layers = list_of(images[0].get("Layers"), "the list of layers", MAX_LAYERS)
    if not all(isinstance(one, str) for one in layers):
        raise Refused("the list of layers of the image is not of the expected form")
    # These have no digest of their own: that of what is in them is checked.
    return checked(Image(digest, config, [(one, None) for one in layers], diff_ids(config)))


def repo_tags(image):
    tags = image.get("RepoTags")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


# Layers


def apply_layers(files, image, tree, confined_directory):
    for number, ((name, digest), diff_id) in enumerate(zip(image.layers, image.diff_ids), 1):
        what = f"layer {number} of {len(image.layers)}"
        with files.open(name) as file:
            if file is None:
                raise Refused(f"{what} is not in the image: {shown(name)}", "the copy is not complete; make it again")
            verify_packed(file, digest, what)
            content = streams.Hashed(streams.unpacked(file, confined_directory))
            stream = Chunks(content)
            try:
                tree.apply_layer(TarStream(stream))
            except Refused as error:
                raise Refused(f"{what}: {error.message}", error.remedy) from None
            # What follows the end of the archive is part of what the digest is of.
            while stream.read(1 << 18):
                pass
            check_digest(content.digest, diff_id, what)


def verify_packed(file, digest, what):
    if os.fstat(file.fileno()).st_size > MAX_LAYER:
        raise Refused(f"{what} is larger than {MAX_LAYER} bytes")
    if digest is not None:
        content = streams.Hashed(streams.pieces(file))
        for _ in content:
            pass
        check_digest(content.digest, digest, what)
        file.seek(0)
