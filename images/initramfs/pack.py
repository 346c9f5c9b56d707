#!/usr/bin/env python3
"""Packs a directory into a cpio "newc" archive for the kernel: pack.py DIRECTORY ARCHIVE.

The archive depends on names and contents only (owner root, time 0), and gets the /dev/console node that the kernel opens
for the first process. It is left unpacked: under emulation the guest inflates far slower than the host reads.
"""

import os
import stat
import sys


def entry(inode, name, mode, data=b"", device=(0, 0)):
    path = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, device[0], device[1], len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return pad(head) + pad(data)


def pad(data):
    return data + b"\0" * (-len(data) % 4)


def archive(root):
    inode = 1
    yield entry(inode, "dev", stat.S_IFDIR | 0o755)
    inode += 1
    yield entry(inode, "dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in folders + sorted(files):
            path = os.path.join(folder, name)
            inode += 1
            if os.path.isdir(path):
                yield entry(inode, os.path.relpath(path, root), stat.S_IFDIR | 0o755)
                continue
            with open(path, "rb") as file:
                mode = stat.S_IFREG | (0o755 if os.access(path, os.X_OK) else 0o644)
                yield entry(inode, os.path.relpath(path, root), mode, file.read())
    yield entry(0, "TRAILER!!!", 0)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: pack.py DIRECTORY ARCHIVE")
    with open(sys.argv[2], "wb") as out:
        for piece in archive(sys.argv[1]):
            out.write(piece)


main()
