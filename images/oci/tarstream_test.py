"""Tests of tarstream.py: what it reads it reads as tarfile wrote it, and what is wrong it refuses."""
import pathlib
import random
import sys
import tarfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import testing
from errors import Refused
from tarstream import CAPABILITY, MAX_EXTENSION, Chunks, TarStream

FORMS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def read(data, piece=1000):
    """[(Entry, content)], from a stream that comes in pieces."""
    archive = TarStream(Chunks(data[at:at + piece] for at in range(0, len(data), piece)))
    return [(entry, b"".join(archive.content())) for entry in archive]


def header(name=b"file", kind=b"0", size=0, **raw):
    """One block, by hand."""
    block = bytearray(512)
    block[:len(name)] = name
    block[100:108], block[108:116], block[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    block[124:136], block[136:148] = b"%011o\0" % size, b"00000000000\0"
    block[156:157], block[257:265] = kind, b"ustar\00000"
    for place, value in raw.items():
        start = int(place.removeprefix("at"))
        block[start:start + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data):
    return data + bytes(-len(data) % 512)


END = bytes(1024)


class TarStreamTest(unittest.TestCase):
    def refuses(self, data, words):
        with self.assertRaises(Refused) as caught:
            read(data)
        self.assertIn(words, caught.exception.message)

    def test_reads_what_tarfile_writes_in_every_form(self):
        entries = [testing.entry("a/", uid=1, gid=2), testing.entry("a/file", "content", mode=0o4755, mtime=12345),
                   testing.entry("a/" + "n" * 90, b"x" * 1025), testing.entry("a/link", "file", "symlink"),
                   testing.entry("a/hard", "a/file", "hard link"), testing.entry("a/pipe", None, "fifo"),
                   testing.entry("null", None, "char", devmajor=1, devminor=3), testing.entry("empty", "")]
        for name, form in FORMS.items():
            for piece in (1, 511, 10240):
                with self.subTest(form=name, piece=piece):
                    got = read(testing.tar(*entries, form=form), piece)
                    self.assertEqual([one.name.rstrip(b"/") for one, _ in got], [info.name.encode() for info, _ in entries])
                    self.assertEqual([content for _, content in got], [content for _, content in entries])
                    self.assertEqual([one.kind for one, _ in got], ["dir", "file", "file", "symlink", "hard link", "fifo", "char", "file"])
                    self.assertEqual((got[0][0].uid, got[0][0].gid, got[1][0].mode, got[1][0].mtime_ns), (1, 2, 0o4755, 12345 * 10**9))
                    self.assertEqual((got[3][0].link, got[4][0].link, got[6][0].device), (b"file", b"a/file", (1, 3)))

    def test_reads_long_names_and_large_numbers(self):
        name, link = "d/" * 150 + "x", "t" * 300
        for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            (got, _), = read(testing.tar(testing.entry(name, link, "symlink", uid=3_000_000_000), form=form))
            self.assertEqual((got.name, got.link, got.uid), (name.encode(), link.encode(), 3_000_000_000))

    def test_reads_capabilities_and_times_of_pax(self):
        info, content = testing.entry("ping", "x", mtime=1.5)
        info.pax_headers = {CAPABILITY.decode(): "\x01\0\0\x02" + "\0" * 16}
        (got, _), = read(testing.tar((info, content)))
        self.assertEqual((got.capability, got.mtime_ns), (b"\x01\0\0\x02" + bytes(16), 1_500_000_000))

    def test_takes_an_archive_without_end_mark_and_ignores_what_follows_one(self):
        self.assertEqual(len(read(header())), 1)
        self.assertEqual(len(read(header() + END + b"anything at all" * 100)), 1)
        self.assertEqual(read(b""), [])

    def test_refuses_what_is_cut_off(self):
        whole = testing.tar(testing.entry("file", b"x" * 2000))
        self.refuses(whole[:300], "in the middle of a header")
        self.refuses(whole[:1000], "in the middle of a file")
        long = testing.tar(testing.entry("n" * 300, ""), form=tarfile.GNU_FORMAT)
        self.refuses(long[:600], "in the middle of a header")
        self.refuses(long[:1024], "after the extension")

    def test_refuses_damaged_headers(self):
        good = bytearray(header() + END)
        good[0] ^= 1
        self.refuses(bytes(good), "checksum")
        self.refuses(header(at124=b"99999999999\0") + END, "size is no number")
        self.refuses(header(at124=b"\x80" + b"\xff" * 11) + END, "out of range")
        self.refuses(header(at108=b"\xff" * 8) + END, "uid is no number")
        self.refuses(header(kind=b"5", size=10) + padded(b"0123456789") + END, "no file has content")

    def test_refuses_kinds_that_no_layer_has(self):
        self.refuses(header(kind=b"S") + END, "sparse")
        self.refuses(header(kind=b"V") + END, "unknown type V")
        pax = b"22 GNU.sparse.major=1\n"
        self.refuses(header(kind=b"x", size=len(pax)) + padded(pax) + header() + END, "sparse")

    def test_refuses_headers_that_would_fill_memory(self):
        self.refuses(header(kind=b"x", size=MAX_EXTENSION + 1), "at most")
        self.refuses(header(kind=b"L", size=1 << 35), "at most")
        many = b"".join(header(kind=b"L", size=1) + padded(b"n") for _ in range(1000))
        self.refuses(many + header() + END, "extensions")

    def test_refuses_broken_pax_records(self):
        for record in (b"x", b"5", b"99 path=a\n", b"0 a=b\n", b"4 a=", b"9 path=ab", b"10 pathab\n", b"-3 a=b\n", b" a=b\n"):
            with self.subTest(record=record):
                self.refuses(header(kind=b"x", size=len(record)) + padded(record) + header() + END, "pax record")
        for key in (b"uid", b"size", b"gid"):
            for value in (b"-1", b"x", b"9" * 30, b""):
                record = b" " + key + b"=" + value + b"\n"
                record = next(b"%d" % n + record for n in range(1, 99) if n == len(b"%d" % n + record))
                with self.subTest(record=record):
                    self.refuses(header(kind=b"x", size=len(record)) + padded(record) + header() + END, key.decode())

    def test_refuses_zero_bytes_in_names(self):
        self.refuses(header(kind=b"x", size=12) + padded(b"12 path=a\0b\n") + header() + END, "zero byte")

    def test_the_header_of_a_name_counts_for_one_entry(self):
        data = testing.tar(testing.entry("n" * 200, "a"), testing.entry("short", "b"))
        self.assertEqual([one.name for one, _ in read(data)], [b"n" * 200, b"short"])

    def test_no_mutation_of_an_archive_does_anything_but_be_read_or_refused(self):
        """20 000 archives with some bytes changed, cut off, doubled or left out; the same ones each time."""
        dice = random.Random(20)
        info, content = testing.entry("ping", "x" * 700)
        info.pax_headers = {CAPABILITY.decode(): "\x01\0\0\x02" + "\0" * 16, "mtime": "1.25"}
        seeds = [testing.tar((info, content), testing.entry("d/" + "n" * 200, "y"), testing.entry("l", "t" * 200, "symlink"),
                             testing.entry("h", "ping", "hard link"), form=form)[:6144] for form in FORMS.values() if form != tarfile.USTAR_FORMAT]
        refused = 0
        for _ in range(20_000):
            data = mutated(dice, bytearray(dice.choice(seeds)))
            try:
                taken = sum(len(content) for _, content in read(data, 4096))
                self.assertLessEqual(taken, len(data))
            except Refused:
                refused += 1
        self.assertGreater(refused, 2000)
        self.assertLess(refused, 19_500)


def mutated(dice, data):
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data))
        what = dice.randrange(6)
        if what == 0:
            data[at] = dice.randrange(256)
        elif what == 1:
            data[at] ^= 1 << dice.randrange(8)
        elif what == 2:
            del data[at:]
            data += b"\0"
        elif what == 3:
            data[at:at + 8] = dice.choice([b"\xff" * 8, b"7" * 8, bytes(8), b"GNU.spar", b"99999999"])
        else:  # A number, and the checksum as it should be, so that more than the checksum is tested.
            block = at // 512 * 512
            if len(data) >= block + 512:
                field = block + dice.choice([100, 108, 116, 124, 136, 156, 329, 345])
                data[field:field + 4] = bytes(dice.choice(b"01234567\0\xff xgLK25") for _ in range(4))
                data[block + 148:block + 156] = b" " * 8
                data[block + 148:block + 156] = b"%06o\0 " % sum(data[block:block + 512])
    return bytes(data)


if __name__ == "__main__":
    unittest.main()
