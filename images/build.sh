#!/usr/bin/env bash
# Makes everything a guest needs: kernel, initramfs and root disk. Whatever is up to date is left alone.
# Usage: build.sh [--out DIR] [--envd FILE]     DIR is $WRENN_DIR, else .wrenn in the clone
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
options=()
kernel_options=()
while [ $# -gt 0 ]; do
  case $1 in
    --out) options+=("$1" "${2:?--out needs a directory}"); kernel_options+=("$1" "$2"); shift 2 ;;
    --envd) options+=("$1" "${2:?--envd needs a file}"); shift 2 ;;
    *) echo "images: error: unknown option '$1' (known: --out DIR, --envd FILE)" >&2; exit 2 ;;
  esac
done
"$here/kernel.sh" "${kernel_options[@]}"
"$here/rootfs.sh" "${options[@]}"
