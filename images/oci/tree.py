"""The file system of an image, first as a model in memory, then as a tree on disk.

A layer names its files as it likes: through symbolic links, over directories, again and again. All of that is resolved here in
dictionaries, so no name out of an archive is ever looked up by the host's kernel. Contents go to numbered files of a private
directory. Only when all layers are applied is the tree made, each name just once, in directories that we made ourselves.
Specification of layers: OCI image-spec 1.1, layer.md.
"""
import os

from errors import Refused, shown

MAX_ENTRIES = 1_000_000  # Of all layers together.
MAX_PATH = 4000  # Bytes; a little less than the kernel's, since paths are also used below a directory.
MAX_NAME = 255
MAX_DEPTH = 200
MAX_LINKS = 60_000  # Names of one file; ext4 has 65 000.
MAX_HOPS = 40
MAX_STEPS = 50_000_000  # From directory to directory, of all names together.
CAPABILITY_SIZES = (12, 20, 24)

WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"
# Devices that every container has. A guest's /dev is the kernel's own, so these do no harm and no good.
DEVICES = {(1, 3): 0o666, (1, 5): 0o666, (1, 7): 0o666, (1, 8): 0o666, (1, 9): 0o666, (5, 0): 0o666, (5, 1): 0o600, (5, 2): 0o666}


class Node:
    """A file with one or more names, or a directory with one."""
    __slots__ = ("kind", "mode", "uid", "gid", "mtime_ns", "size", "blob", "link", "device", "capability", "children", "names",
                 "placed", "depth", "path_size")

    def __init__(self, kind, mode=0o755, uid=0, gid=0, mtime_ns=0):
        self.kind, self.mode, self.uid, self.gid, self.mtime_ns = kind, mode, uid, gid, mtime_ns
        self.size, self.blob, self.link, self.device, self.capability = 0, None, b"", (0, 0), b""
        self.children = {} if kind == "dir" else None
        self.names = 0
        self.placed = None  # Where it was made on disk.
        self.depth = self.path_size = 0  # Of a directory.


def split(path):
    """The components of a name in an archive."""
    if len(path) > MAX_PATH:
        raise Refused(f"a name has {len(path)} bytes, more than {MAX_PATH}: {shown(path, 60)}")
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    for part in parts:
        if part == b"..":
            raise Refused(f"a name leads out of the image by '..': {shown(path)}")
        if len(part) > MAX_NAME:
            raise Refused(f"a part of a name has {len(part)} bytes, more than {MAX_NAME}: {shown(path, 60)}")
    return parts


class Blobs:
    """Contents, as numbered files of a directory that nobody else can enter. Counts what it takes."""

    def __init__(self, directory, max_bytes):
        os.mkdir(directory, 0o700)
        self.fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.count = 0
        self.left = max_bytes
        self.max_bytes = max_bytes

    def add(self, pieces):
        """The name of a new file with these contents. Runs of zeros become holes."""
        name = f"{self.count:x}"
        self.count += 1
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.fd)
        with open(fd, "wb", buffering=0) as file:
            size = 0
            for piece in pieces:
                size += len(piece)
                self.left -= len(piece)
                if self.left < 0:
                    raise Refused(f"the image unpacks to more than {self.max_bytes >> 20} MiB",
                                  "give the template a larger disk with --disk-mib, if this is what you expect")
                if piece.count(0) == len(piece):
                    file.seek(len(piece), os.SEEK_CUR)
                else:
                    write_all(file, piece)
            file.truncate(size)
        return name

    def read(self, name, most):
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.fd)
        with open(fd, "rb") as file:
            return file.read(most)


def write_all(file, data):
    view = memoryview(data)
    while view:
        view = view[file.write(view):]


class Tree:
    def __init__(self, blobs):
        self.blobs = blobs
        self.root = Node("dir")
        self.entries = 0
        self.steps = 0
        self.touched = set()  # (directory, name) that the current layer has put.

    # Layers

    def apply_layer(self, archive):
        """Puts a TarStream's entries over what is there, whiteouts and all."""
        self.touched = set()
        for entry in archive:
            self.count_entry()
            parts = split(entry.name)
            if parts and parts[-1].startswith(WHITEOUT):
                self.apply_whiteout(parts, entry)
            elif any(part.startswith(WHITEOUT) for part in parts):
                raise Refused(f"a directory has the name of a whiteout: {shown(entry.name)}")
            else:
                self.put(parts, entry, archive)

    def apply_flat(self, archive):
        """The whole file system of a container, in which '.wh.' means nothing."""
        self.touched = set()
        for entry in archive:
            self.count_entry()
            self.put(split(entry.name), entry, archive)

    def count_entry(self):
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            raise Refused(f"the image has more than {MAX_ENTRIES} entries")

    def apply_whiteout(self, parts, entry):
        """Hides what lower layers have; never what this one has, wherever in it that stands."""
        directory = self.walk(parts[:-1], create=False)
        if directory is None or directory.kind != "dir":
            return
        if parts[-1] == OPAQUE:
            self.hide_lower(directory)
            return
        name = parts[-1][len(WHITEOUT):]
        if name in (b"", b".", b"..") or name.startswith(WHITEOUT):
            raise Refused(f"a whiteout names nothing: {shown(entry.name)}")
        child = directory.children.get(name)
        if child is None:
            return
        if (directory, name) not in self.touched:
            self.remove(directory, name)
        elif child.kind == "dir":
            self.hide_lower(child)

    def hide_lower(self, directory):
        for name, child in list(directory.children.items()):
            if (directory, name) not in self.touched:
                self.remove(directory, name)
            elif child.kind == "dir":
                self.hide_lower(child)

    def put(self, parts, entry, archive):
        if not parts:
            if entry.kind != "dir":
                raise Refused("the root of the image is no directory")
            self.set_attributes(self.root, entry)
            return
        directory = self.walk(parts[:-1], create=True)
        name = parts[-1]
        there = directory.children.get(name)
        if entry.kind == "dir" and there is not None and there.kind == "dir":
            self.set_attributes(there, entry)
            self.touched.add((directory, name))
            return
        node = self.linked(entry) if entry.kind == "hard link" else self.new_node(entry, archive)
        if node is there:
            return
        if there is not None:
            self.remove(directory, name)
        self.add(directory, name, node)

    def new_node(self, entry, archive):
        node = Node(entry.kind)
        self.set_attributes(node, entry)
        if entry.kind == "file":
            node.size = entry.size
            node.blob = self.blobs.add(archive.content())
        elif entry.kind == "symlink":
            if not 0 < len(entry.link) <= MAX_PATH:
                raise Refused(f"a symbolic link has no target, or one that is too long: {shown(entry.name)}")
            node.link = entry.link
        elif entry.kind in ("char", "block"):
            if entry.kind == "block" or entry.device not in DEVICES:
                raise Refused(f"the image has a device that no container needs: {shown(entry.name)} "
                              f"({entry.kind} {entry.device[0]}:{entry.device[1]})", "remove it from the image")
            node.device = entry.device
        return node

    def linked(self, entry):
        directory_parts = split(entry.link)
        directory = self.walk(directory_parts[:-1], create=False) if directory_parts else None
        node = directory.children.get(directory_parts[-1]) if directory is not None and directory.kind == "dir" else None
        if node is None:
            raise Refused(f"a hard link leads nowhere: {shown(entry.name)} to {shown(entry.link)}")
        if node.kind == "dir":
            raise Refused(f"a hard link leads to a directory: {shown(entry.name)} to {shown(entry.link)}")
        if node.names >= MAX_LINKS:
            raise Refused(f"a file has more than {MAX_LINKS} names: {shown(entry.link)}")
        return node

    def set_attributes(self, node, entry):
        node.mode, node.uid, node.gid, node.mtime_ns = entry.mode, entry.uid, entry.gid, entry.mtime_ns
        node.capability = b""
        if entry.capability and entry.kind == "file":
            if len(entry.capability) not in CAPABILITY_SIZES:
                raise Refused(f"a file's capabilities are damaged: {shown(entry.name)}")
            node.capability = entry.capability

    def add(self, directory, name, node):
        if node.kind == "dir":
            node.depth = directory.depth + 1
            node.path_size = directory.path_size + len(name) + 1
            if node.depth > MAX_DEPTH or node.path_size > MAX_PATH - MAX_NAME:
                raise Refused(f"directories are nested too deep: {shown(name)} would be at depth {node.depth}")
        directory.children[name] = node
        node.names += 1
        self.touched.add((directory, name))

    def remove(self, directory, name):
        removed = [directory.children.pop(name)]
        while removed:
            node = removed.pop()
            node.names -= 1
            if node.kind == "dir":
                removed.extend(node.children.values())

    # Names

    def walk(self, parts, create):
        """The node that a path leads to, symbolic links followed inside the image. None where there is nothing; with `create`
        directories are made instead, and the way becomes part of the current layer."""
        way, pending, hops = [self.root], list(reversed(parts)), 0
        while pending:
            part = pending.pop()
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise Refused("the names in the image lead through too many symbolic links")
            if part in (b"", b"."):
                continue
            if part == b"..":
                way = way[:-1] or way
                continue
            directory = way[-1]
            if directory.kind != "dir":
                if create:
                    raise Refused(f"a file stands where a directory is needed: {shown(b'/'.join(parts))}")
                return None
            node = directory.children.get(part)
            if node is None:
                if not create:
                    return None
                node = Node("dir")
                self.add(directory, part, node)
            elif create:
                self.touched.add((directory, part))
            if node.kind != "symlink":
                way.append(node)
                continue
            hops += 1
            if hops > MAX_HOPS:
                raise Refused(f"symbolic links lead round in a circle: {shown(b'/'.join(parts))}")
            if node.link.startswith(b"/"):
                way = [self.root]
            pending.extend(reversed(node.link.split(b"/")))
        if create and way[-1].kind != "dir":
            raise Refused(f"a file stands where a directory is needed: {shown(b'/'.join(parts))}")
        return way[-1]

    def find(self, path):
        """The node that an absolute path (text) of the guest leads to, or None."""
        try:
            return self.walk(path.encode().split(b"/"), create=False)
        except Refused:
            return None  # A circle leads nowhere.

    def read_text(self, path, most=1 << 20):
        node = self.find(path)
        if node is None or node.kind != "file":
            return ""
        return self.blobs.read(node.blob, most).decode("utf-8", "surrogateescape")

    def put_file(self, path, content, mode=0o644):
        """Our own file, of root, in place of whatever has its name. `content`: bytes, or a path on the host."""
        *parents, name = path.encode().strip(b"/").split(b"/")
        directory = self.walk(parents, create=True)
        if name in directory.children:
            self.remove(directory, name)
        node = Node("file", mode)
        if isinstance(content, bytes):
            node.blob, node.size = self.blobs.add([content] if content else []), len(content)
        else:
            with open(content, "rb") as file:
                node.size = os.fstat(file.fileno()).st_size
                node.blob = self.blobs.add(iter(lambda: file.read(1 << 18), b""))
        self.add(directory, name, node)

    def put_directory(self, path, mode=0o755, uid=0, gid=0):
        """Makes it with its parents if nothing has its name; what is there is left as it is."""
        *parents, name = path.encode().strip(b"/").split(b"/")
        directory = self.walk(parents, create=True)
        if name not in directory.children:
            self.add(directory, name, Node("dir", mode, uid, gid))

    # On disk

    def usage(self):
        """(bytes in blocks of 4 KiB, inodes) of what is there in the end."""
        seen, pending, size = set(), [self.root], 0
        while pending:
            node = pending.pop()
            if node in seen:
                continue
            seen.add(node)
            size += -(-node.size // 4096) * 4096 if node.kind == "file" else 4096 if node.kind == "dir" else 0
            if node.kind == "dir":
                # A directory's entry takes eight bytes and its name.
                size += sum(len(name) + 12 for name in node.children) // 4096 * 4096
                pending.extend(node.children.values())
        return size, len(seen)

    def write(self, directory):
        """Makes the tree on disk, in a new directory below one that nobody else can enter: owners and modes are those of the
        image, so this is for root, and programs may be setuid."""
        os.mkdir(directory, 0o700)
        root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self.write_directory(self.root, b"", root, root)
        finally:
            os.close(root)

    def write_directory(self, node, path, fd, root):
        for name, child in node.children.items():
            if child.kind == "dir":
                os.mkdir(name, 0o700, dir_fd=fd)
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
                try:
                    self.write_directory(child, path + name + b"/", below, root)
                finally:
                    os.close(below)
            elif child.placed is not None:
                # Every directory on the way was made by us, so none is a link.
                os.link(child.placed, name, src_dir_fd=root, dst_dir_fd=fd, follow_symlinks=False)
            else:
                child.placed = path + name
                self.write_node(child, name, fd)
        os.fchown(fd, node.uid, node.gid)
        # A root that users of the guest cannot enter is a slip of whoever packed it.
        os.fchmod(fd, node.mode | 0o755 if node is self.root else node.mode)
        os.utime(fd, ns=(node.mtime_ns, node.mtime_ns))

    def write_node(self, node, name, fd):
        if node.kind == "file":
            os.rename(node.blob, name, src_dir_fd=self.blobs.fd, dst_dir_fd=fd)
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            try:
                os.fchown(file, node.uid, node.gid)
                os.fchmod(file, node.mode)  # After the owner, which takes setuid away.
                if node.capability:
                    os.setxattr(file, "security.capability", node.capability)
                os.utime(file, ns=(node.mtime_ns, node.mtime_ns))
            finally:
                os.close(file)
            return
        if node.kind == "symlink":
            os.symlink(node.link, name, dir_fd=fd)
        elif node.kind == "fifo":
            os.mkfifo(name, 0o600, dir_fd=fd)
        else:
            os.mknod(name, 0o600 | 0o020000, os.makedev(*node.device), dir_fd=fd)
        os.chown(name, node.uid, node.gid, dir_fd=fd, follow_symlinks=False)
        if node.kind != "symlink":
            os.chmod(name, node.mode, dir_fd=fd)
        os.utime(name, ns=(node.mtime_ns, node.mtime_ns), dir_fd=fd, follow_symlinks=False)
