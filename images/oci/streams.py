"""Bytes of a layer on their way to the tar reader: unpacked, counted and hashed. Nothing is held whole in memory."""
import hashlib
import pathlib
import subprocess
import zlib

from errors import Refused

CHUNK = 1 << 18
# Deflate reaches 1032:1 and zstd more. A layer of real files stays far below; what is small may be anything.
MAX_RATIO = 200
FREE_BYTES = 256 << 20

GZIP, ZSTD, XZ, BZIP2 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh"
CONFINED = pathlib.Path(__file__).resolve().parent.parent / "confined.sh"


def pieces(file):
    while data := file.read(CHUNK):
        yield data


def unpacked(file, confined_directory):
    """Yields the content of a file that is packed by gzip or zstd, or not at all, as its first bytes say."""
    magic = file.read(6)
    file.seek(0, 2)
    size = file.tell()
    file.seek(0)
    if magic.startswith(GZIP):
        return bounded(gunzip(file), size)
    if magic.startswith(ZSTD):
        return bounded(unzstd(file, confined_directory), size)
    if magic.startswith((XZ, BZIP2)):
        raise Refused("a layer is packed by xz or bzip2, which no registry takes", "pack it with gzip or zstd, or not at all")
    return pieces(file)


def bounded(chunks, packed_size):
    total = 0
    for data in chunks:
        total += len(data)
        if total > FREE_BYTES + MAX_RATIO * packed_size:
            raise Refused(f"a layer of {packed_size} bytes unpacks to more than {MAX_RATIO} times as much; this is no honest layer")
        yield data


def gunzip(file):
    """Any number of gzip members, one after another, as RFC 1952 has it."""
    decoder = zlib.decompressobj(31)
    data = b""
    is_fresh = True  # Nothing of this member has been seen.
    while True:
        data = data or file.read(CHUNK)
        if not data:
            break
        try:
            out = decoder.decompress(data, CHUNK)
        except zlib.error as error:
            raise Refused(f"a gzip stream is damaged: {error}") from None
        is_fresh = False
        data = decoder.unconsumed_tail
        if out:
            yield out
        if decoder.eof:
            data = decoder.unused_data
            decoder = zlib.decompressobj(31)
            is_fresh = True
    if not is_fresh:
        raise Refused("a gzip stream is cut off")


def unzstd(file, directory):
    """By the program zstd, confined: a parser of foreign bytes in C has no business with root's rights."""
    command = [str(CONFINED), str(directory), "zstd", "-dcq", "--single-thread", "--memory=256MB"]
    with subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        is_read = False
        try:
            while data := process.stdout.read(CHUNK):
                yield data
            is_read = True
        finally:
            if not is_read:
                process.kill()
        words = process.stderr.read(2000).decode(errors="replace").strip()
        if process.wait() != 0:
            raise Refused(f"a zstd stream is damaged: {words or process.returncode}")


class Hashed:
    """Passes chunks through and knows their digest in the end."""

    def __init__(self, chunks):
        self.chunks = chunks
        self.hash = hashlib.sha256()
        self.size = 0

    def __iter__(self):
        for data in self.chunks:
            self.hash.update(data)
            self.size += len(data)
            yield data

    @property
    def digest(self):
        return "sha256:" + self.hash.hexdigest()
