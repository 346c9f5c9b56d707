#!/usr/bin/env python3
"""Fails on an #include that breaks the layering of ARCHITECTURE.md, with file:line.

Usage: check-layering.py [ROOT]
"""
import pathlib
import re
import sys

# Folder -> the folders it may include, besides itself. What they may include is not inherited:
# every edge stands here.
ALLOWED = {
    "base": set(),
    "net": {"base"},
    "connect": {"base", "net", "proto"},
    "proxy": {"base", "net"},
    "vm": {"base", "net"},
    "hostnet": {"base", "net"},
    "storage": {"base", "net"},
    "envd": {"base", "net", "connect", "proto"},
    "agent": {"base", "net", "connect", "proxy", "proto", "vm", "hostnet", "storage"},
    "db": {"base"},
    "recipe": {"base"},
    "control": {"base", "net", "connect", "proxy", "proto", "db", "recipe"},
    "cli": {"base", "net", "recipe"},
}

# Headers of libraries that are kept inside one folder; nobody else may include them.
LIBRARY_HOME = {
    r"sys/epoll\.h": {"net"},
    r"sqlite3\.h": {"db"},
    r"nftables/.*": {"hostnet"},
    r"linux/(rtnetlink|if_tun|veth)\.h": {"hostnet"},
    r"linux/(netlink|sock_diag|inet_diag)\.h": {"hostnet", "envd"},
    r"google/protobuf/.*": {"connect", "envd", "agent", "control"},
    r"CLI/.*": {"cli", "agent", "control"},
    r"spdlog/.*": {"base"},
    r"zlib\.h": {"net"},
    r"openssl/.*": {"net"},
}

QUOTED = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
ANGLED = re.compile(r"^\s*#\s*include\s*<([^>]+)>")


def problems_in(path, relative):
    folder = relative.parts[1]
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{relative}:{number}"
        if match := QUOTED.match(line):
            target = match[1].split("/")[0]
            if "/" not in match[1] or target not in {*ALLOWED, "proto"}:
                yield f'{where}: include "{match[1]}" as "folder/file.h", with a folder of src/ or proto'
            elif target != folder and target not in ALLOWED[folder]:
                may = ", ".join(sorted(ALLOWED[folder])) or "nothing else"
                yield f'{where}: src/{folder} must not include "{match[1]}" (it may include: {may})'
        elif match := ANGLED.match(line):
            for pattern, homes in LIBRARY_HOME.items():
                if re.fullmatch(pattern, match[1]) and folder not in homes:
                    yield f"{where}: <{match[1]}> belongs to src/{', src/'.join(sorted(homes))} only"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    found = []
    files = 0
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in (".cc", ".h", ".c"):
            continue
        files += 1
        relative = path.relative_to(root)
        if relative.parts[1] not in ALLOWED:
            found.append(f"{relative}: unknown folder; add it to {pathlib.Path(__file__).name}")
            continue
        found += problems_in(path, relative)
    for line in found:
        print(line, file=sys.stderr)
    if found or files == 0:
        print(f"layering: {len(found)} problems in {files} files", file=sys.stderr)
        return 1
    print(f"layering: {files} files are in order")
    return 0


if __name__ == "__main__":
    sys.exit(main())
