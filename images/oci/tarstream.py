"""Reads a tar stream of unknown origin: ustar, GNU and POSIX (pax), as container tools write them.

Not Python's tarfile, which reads headers of any length into memory and knows many old forms that no layer has. What is not
understood is refused; nothing is guessed. Does no I/O but to read the stream. Specification: POSIX.1-2017, pax, and the GNU
tar manual, "Basic Tar Format".
"""
import dataclasses

from errors import Refused, shown

BLOCK = 512
CHUNK = 1 << 18
MAX_EXTENSION = 1 << 20  # Bytes of a long name or of pax records.
MAX_EXTENSIONS = 8  # Of one entry.
MAX_SIZE = 1 << 40
MAX_ID = (1 << 32) - 2
MAX_TIME = 1 << 33

KINDS = {b"0": "file", b"\0": "file", b"7": "file", b"1": "hard link", b"2": "symlink", b"3": "char", b"4": "block", b"5": "dir",
         b"6": "fifo"}
CAPABILITY = b"SCHILY.xattr.security.capability"


@dataclasses.dataclass
class Entry:
    name: bytes
    kind: str  # One of the values of KINDS.
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_ns: int = 0
    link: bytes = b""
    device: tuple = (0, 0)
    capability: bytes = b""  # The extended attribute security.capability.


class Chunks:
    """A stream made of an iterator of byte strings."""

    def __init__(self, chunks):
        self.chunks = iter(chunks)
        self.rest = b""

    def read(self, most):
        """Up to `most` bytes; b"" at the end."""
        while not self.rest:
            try:
                self.rest = next(self.chunks)
            except StopIteration:
                return b""
        data, self.rest = self.rest[:most], self.rest[most:]
        return data


class TarStream:
    """Iterates over the entries. The content of one is read by content() before the next is asked for, or is passed over."""

    def __init__(self, stream):
        self.stream = stream
        self.left = 0  # Of the content of the entry that was given last.
        self.padding = 0

    def __iter__(self):
        while (entry := self.next_entry()) is not None:
            yield entry
            for _ in self.content():
                pass

    def content(self):
        """Yields the content of the current entry in pieces."""
        while self.left:
            data = self.stream.read(min(self.left, CHUNK))
            if not data:
                raise Refused("the archive ends in the middle of a file")
            self.left -= len(data)
            yield data

    def exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.stream.read(size - len(data))
            if not more:
                break
            data += more
        return data

    def next_header(self):
        """None at the end."""
        self.exactly(self.padding)
        self.padding = 0
        block = self.exactly(BLOCK)
        if not block or block == bytes(BLOCK):
            return None
        if len(block) < BLOCK:
            raise Refused("the archive ends in the middle of a header")
        total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
        if number(block[148:156], 1 << 18, "checksum") != total:
            raise Refused("the archive is damaged: a header's checksum is wrong")
        return block

    def next_entry(self):
        extensions = {}
        for _ in range(MAX_EXTENSIONS + 1):
            block = self.next_header()
            if block is None:
                if extensions:
                    raise Refused("the archive ends after the extension of a header")
                return None
            kind = block[156:157]
            size = number(block[124:136], MAX_SIZE, "size")
            if kind not in (b"L", b"K", b"x", b"g"):
                return self.make_entry(block, kind, size, extensions)
            if size > MAX_EXTENSION:
                raise Refused(f"the archive has a header of {size} bytes; at most {MAX_EXTENSION} are taken")
            data = self.exactly(size)
            if len(data) < size:
                raise Refused("the archive ends in the middle of a header")
            self.padding = -size % BLOCK
            if kind in (b"L", b"K"):
                extensions[b"path" if kind == b"L" else b"linkpath"] = data.split(b"\0", 1)[0]
            elif kind == b"x":
                extensions.update(pax_records(data))
            # A global header says nothing that a file system has.
        raise Refused(f"an entry of the archive has more than {MAX_EXTENSIONS} extensions")

    def make_entry(self, block, kind, size, extensions):
        if kind not in KINDS:
            what = "a sparse file" if kind == b"S" else f"an entry of the unknown type {shown(kind)}"
            raise Refused(f"the archive holds {what}: {shown(block[:100].rstrip(bytes(1)))}")
        if any(key.startswith(b"GNU.sparse.") for key in extensions):
            raise Refused(f"the archive holds a sparse file: {shown(block[:100].rstrip(bytes(1)))}",
                          "make it with a tool that writes files whole, as docker, podman and skopeo do")
        size = decimal(extensions, b"size", size, MAX_SIZE)
        entry = Entry(name=extensions.get(b"path") or plain_name(block), kind=KINDS[kind],
                      mode=number(block[100:108], 1 << 24, "mode") & 0o7777,
                      uid=decimal(extensions, b"uid", number(block[108:116], MAX_ID, "uid"), MAX_ID),
                      gid=decimal(extensions, b"gid", number(block[116:124], MAX_ID, "gid"), MAX_ID),
                      mtime_ns=mtime(block, extensions),
                      link=extensions.get(b"linkpath") or text(block[157:257]),
                      capability=extensions.get(CAPABILITY, b""))
        if entry.kind in ("char", "block"):
            entry.device = (number(block[329:337], 1 << 20, "device"), number(block[337:345], 1 << 20, "device"))
        if entry.kind == "file" and entry.name.endswith(b"/"):
            entry.kind = "dir"  # As the oldest tars wrote it.
        # Whatever else has a size has no content but in broken archives.
        if entry.kind == "file":
            entry.size = self.left = size
            self.padding = -size % BLOCK
        elif size and entry.kind != "hard link":
            raise Refused(f"an entry that is no file has content: {shown(entry.name)}")
        if b"\0" in entry.name or b"\0" in entry.link:
            raise Refused(f"a name in the archive has a zero byte: {shown(entry.name)}")
        return entry


def text(field):
    return field.split(b"\0", 1)[0]


def plain_name(block):
    name = text(block[:100])
    is_posix = block[257:263] == b"ustar\0"
    prefix = text(block[345:500]) if is_posix else b""
    return prefix + b"/" + name if prefix else name


def number(field, most, what):
    """Octal digits, or GNU's binary form. What is empty is 0."""
    if field[0] == 0x80:
        value = int.from_bytes(field[1:], "big")
    else:
        digits = field.strip(b" \0")
        if not digits:
            return 0
        if not all(c in b"01234567" for c in digits):
            raise Refused(f"the archive is damaged: a header's {what} is no number")
        value = int(digits, 8)
    if value > most:
        raise Refused(f"a header's {what} is out of range: {value}")
    return value


def decimal(extensions, key, otherwise, most):
    if key not in extensions:
        return otherwise
    digits = extensions[key]
    if not digits.isdigit() or len(digits) > 20 or int(digits) > most:
        raise Refused(f"a header's {key.decode()} is no number in range: {shown(digits)}")
    return int(digits)


def mtime(block, extensions):
    """Nanoseconds; what is before 1970 or far in the future is 1970, since nothing depends on it."""
    whole, _, fraction = extensions.get(b"mtime", b"").partition(b".")
    if not whole:
        field = block[136:148]
        seconds = 0 if field[0] == 0xff else number(field, 1 << 88, "time")
    else:
        seconds = int(whole) if whole.isdigit() and len(whole) < 20 else 0
    nanoseconds = int((fraction + bytes(9).replace(b"\0", b"0"))[:9]) if fraction.isdigit() else 0
    return seconds * 10**9 + nanoseconds if seconds <= MAX_TIME else 0


def pax_records(data):
    """{key: value} of "LENGTH KEY=VALUE\\n"..."""
    records = {}
    while data:
        digits, _, _ = data[:21].partition(b" ")
        if not digits.isdigit():
            raise Refused("the archive is damaged: a pax record has no length")
        length = int(digits)
        record = data[len(digits) + 1:length]
        if length > len(data) or length <= len(digits) + 1 or not record.endswith(b"\n") or b"=" not in record:
            raise Refused("the archive is damaged: a pax record is cut off")
        key, _, value = record[:-1].partition(b"=")
        records[key] = value
        data = data[length:]
    return records
