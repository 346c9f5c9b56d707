"""What a program needs to run, out of its ELF headers. Specification: System V ABI, "Object Files".

Run with paths of programs, it says which of them would not run in any x86-64 guest.
"""
import pathlib
import struct
import sys

from errors import Refused

PT_DYNAMIC, PT_INTERP = 2, 3
DT_NEEDED = 1
EM_X86_64 = 62
MAX_SEGMENTS = 64
MAX_DYNAMIC = 1 << 16


class Program:
    """`data`: the whole file, or its beginning if only the machine and the interpreter are wanted. Raises ValueError for what is
    no 64-bit ELF program."""

    def __init__(self, data):
        if len(data) < 64 or data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("it is no 64-bit ELF file")
        self.kind, self.machine = struct.unpack_from("<HH", data, 16)
        offset, = struct.unpack_from("<Q", data, 32)
        entry_size, count = struct.unpack_from("<HH", data, 54)
        if self.kind not in (2, 3) or entry_size < 56 or count > MAX_SEGMENTS or offset + count * entry_size > len(data):
            raise ValueError("it is no program, or damaged")
        self.interpreter = None
        self.needs = 0  # Shared libraries.
        for number in range(count):
            kind, _, start, _, _, size = struct.unpack_from("<IIQQQQ", data, offset + number * entry_size)
            segment = data[start:start + size]
            if kind == PT_INTERP:
                self.interpreter = segment[:4096].split(b"\0", 1)[0].decode("utf-8", "replace")
            elif kind == PT_DYNAMIC:
                tags = struct.iter_unpack("<QQ", segment[:min(len(segment), MAX_DYNAMIC) // 16 * 16])
                self.needs = sum(tag == DT_NEEDED for tag, _ in tags)

    @property
    def is_static(self):
        """True of static programs at a fixed place, and of static-pie, which has a dynamic section but needs nobody."""
        return self.interpreter is None and self.needs == 0


def check_static(path):
    """Refuses a program that does not run in every guest, whatever libraries that has."""
    try:
        read = Program(pathlib.Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(f"cannot use {path}: {error}") from None
    if read.machine != EM_X86_64:
        raise Refused(f"{path} is for another processor than x86-64")
    if not read.is_static:
        needs = f"the interpreter {read.interpreter}" if read.interpreter else f"{read.needs} shared libraries"
        raise Refused(f"{path} is not static: it needs {needs}, which a guest may not have", "build it static; 'make build' does, for envd")


if __name__ == "__main__":
    try:
        for name in sys.argv[1:]:
            check_static(name)
    except Refused as refused:
        sys.exit(f"images: error: {refused.message}\n  {refused.remedy}")
