"""Makes the dashboard part of the program: one file with the content of all, and a C++ source with the table of them.

Usage: embed.py DASHBOARD DIRECTORY     writes dashboard.bin and embedded_dashboard.cc to DIRECTORY
DASHBOARD is what scripts/web.sh makes; where there is none the table is empty. What shrinks by it is kept as gzip.
"""
import gzip
import hashlib
import pathlib
import sys

TYPES = {".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".ico": "image/x-icon", ".js": "text/javascript; charset=utf-8",
         ".json": "application/json", ".png": "image/png", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
         ".webmanifest": "application/manifest+json", ".webp": "image/webp", ".woff2": "font/woff2"}
# The names of these change with their content.
IMMUTABLE = "/_app/immutable/"


def literal(text):
    if any(c in text for c in '"\\\n'):
        raise SystemExit(f"embed: {text!r} cannot be a name of a file")
    return f'"{text}"'


def files_of(directory):
    for file in sorted(directory.rglob("*"), key=lambda one: "/" + one.relative_to(directory).as_posix()):
        if file.is_file():
            path = "/" + file.relative_to(directory).as_posix()
            if file.suffix not in TYPES:
                raise SystemExit(f"embed: {path}: the type of {file.suffix or 'a file without a suffix'} is not known; add it to TYPES in {__file__}")
            yield path, TYPES[file.suffix], file.read_bytes()


def main():
    dashboard, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    content, rows = bytearray(), []
    if (dashboard / "index.html").is_file():
        for path, kind, data in files_of(dashboard):
            packed = gzip.compress(data, 9, mtime=0)
            is_gzip = len(packed) < len(data)
            kept = packed if is_gzip else data
            tag = hashlib.sha256(data).hexdigest()[:20]
            rows.append(f"    WebFile{{{literal(path)}, {literal(kind)}, {literal(tag)}, std::string_view(wrenn_dashboard + {len(content)}, {len(kept)}), "
                        f"{len(data)}, {'true' if is_gzip else 'false'}, {'true' if path.startswith(IMMUTABLE) else 'false'}}},")
            content += kept
    content = bytes(content) or b"\0"
    (out / "dashboard.bin").write_bytes(content)
    table = "\n".join(["constexpr WebFile kFiles[] = {", *rows, "};"]) if rows else "constexpr std::span<const WebFile> kFiles;"
    (out / "embedded_dashboard.cc").write_text(f"""// Generated from web/ by src/control/web/embed.py; the content is {hashlib.sha256(content).hexdigest()}.
#include "control/web/dashboard.h"

__asm__(
    ".section .rodata\\n"
    ".global wrenn_dashboard\\n"
    ".hidden wrenn_dashboard\\n"
    ".type wrenn_dashboard, @object\\n"
    ".size wrenn_dashboard, {len(content)}\\n"
    "wrenn_dashboard:\\n"
    ".incbin {chr(92)}"{literal(str(out / 'dashboard.bin'))[1:-1]}{chr(92)}"\\n"
    ".text\\n");

extern "C" __attribute__((visibility("hidden"))) const char wrenn_dashboard[{len(content)}];

namespace wrenn::control {{
namespace {{

{table}

}}  // namespace

std::span<const WebFile> dashboard_files() {{
  return kFiles;
}}

}}  // namespace wrenn::control
""")


if __name__ == "__main__":
    main()
