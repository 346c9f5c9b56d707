#!/usr/bin/python3
"""Makes the file tree of a guest out of a container image: unpack.py KIND SOURCE WORK --programs envd:init:tini ...

KIND is `image` (an OCI image layout or a saved image, directory or tar; or docker://IMAGE of a registry) or `rootfs` (the tar of a whole file system on standard
input, as `docker export` writes it). WORK is a directory of our own that nobody else can enter; afterwards it has `tree`,
`image-config.json` and `inodes`. scripts/rootfs-from-container.sh is who calls this; nothing is mounted, and nothing of
the image is run.
"""
import argparse
import json
import os
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guest
import image
import registry
from errors import Refused
from tarstream import Chunks, TarStream
from tree import Blobs, Tree
import streams

# Layers may hold what later ones hide.
HIDDEN_FACTOR = 4
# Of a file system, for its journal and tables, and for the guest to work in.
RESERVED_BYTES = 192 << 20


def say(text):
    print(f"images: {text}", file=sys.stderr)


def open_image(options, max_bytes):
    """The image's files: of a directory, an archive or a registry."""
    source, work = options.source, options.work
    if source.startswith("docker://"):
        reference = registry.Reference(source)
        return registry.Registry(reference, Blobs(f"{work}/members", max_bytes), options.allow_host, options.auth_file, say)
    if os.path.isdir(source):
        return image.Directory(source)
    with open(source, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Refused(f"{source} is neither a file nor a directory")
        return image.Archive(file, Blobs(f"{work}/members", max_bytes), f"{work}/empty")


def unpack(options, tree, max_bytes):
    """Fills the tree; returns the image's configuration and its digest."""
    if options.kind == "rootfs":
        stream = Chunks(streams.pieces(sys.stdin.buffer))
        tree.apply_flat(TarStream(stream))
        while stream.read(1 << 18):
            pass  # Padding, which whoever writes it wants to be rid of.
        return {"config": json.loads(options.config or "{}")}, ""
    files = open_image(options, max_bytes)
    found = image.find_image(files, options.tag)
    say(f"{found.digest}: {len(found.layers)} layers")
    image.apply_layers(files, found, tree, f"{options.work}/empty")
    return found.config, found.digest


def check_room(tree, disk_mib):
    size, inodes = tree.usage()
    if size + RESERVED_BYTES + inodes * 256 > disk_mib << 20:
        needed = (size + RESERVED_BYTES + inodes * 256 >> 20) * 5 // 4
        raise Refused(f"the image has {size >> 20} MiB of files, too much for a disk of {disk_mib} MiB", f"use --disk-mib {needed} or more")
    return inodes


def run(options):
    max_bytes = options.disk_mib * HIDDEN_FACTOR << 20
    os.mkdir(f"{options.work}/empty")
    tree = Tree(Blobs(f"{options.work}/blobs", max_bytes))
    config, digest = unpack(options, tree, max_bytes)
    for warning in guest.check_programs(tree):
        say(f"warning: {warning}")
    programs = {guest.AGENT: options.envd, guest.INIT: options.init, guest.TINI: options.tini}
    guest.inject(tree, {path: file for path, file in programs.items() if file}, options.settings)
    inodes = check_room(tree, options.disk_mib)
    tree.write(f"{options.work}/tree")
    with open(f"{options.work}/image-config.json", "w") as file:
        json.dump(guest.image_config(config, options.source, digest), file, indent=2)
        file.write("\n")
    with open(f"{options.work}/inodes", "w") as file:
        file.write(f"{inodes}\n")


def main():
    parser = argparse.ArgumentParser(description="Makes the file tree of a guest out of a container image.")
    parser.add_argument("kind", choices=("image", "rootfs"))
    parser.add_argument("source")
    parser.add_argument("work")
    parser.add_argument("--tag", help="which image, where the source has several")
    parser.add_argument("--allow-host", action="append", default=[], help="a host that the registry may lead to; may be repeated")
    parser.add_argument("--auth-file", help="logins for registries, as docker login writes them")
    parser.add_argument("--config", help="of a rootfs: the container's configuration, as JSON")
    parser.add_argument("--disk-mib", type=int, default=5120)
    parser.add_argument("--settings", required=True, help="a directory with the files of /etc that every guest has")
    parser.add_argument("--envd")
    parser.add_argument("--init", required=True)
    parser.add_argument("--tini", required=True)
    try:
        run(parser.parse_args())
    except Refused as error:
        say(f"error: {error.message}")
        if error.remedy:
            say(f"  {error.remedy}")
        sys.exit(1)
    except OSError as error:
        say(f"error: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
