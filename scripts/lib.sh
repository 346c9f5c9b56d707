# Sourced by the scripts here. Leaves the shell in the root of the clone, with WRENN_DIR set.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
readonly ROOT=$PWD
export WRENN_DIR=${WRENN_DIR:-$ROOT/.wrenn}
# Debian's own Python has the modules that setup.sh installs, whatever else is first in PATH.
readonly PYTHON=/usr/bin/python3

say() { printf '%s\n' "$*"; }
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit 1
}

need_root() {
  [ "$(id -u)" -eq 0 ] && return
  die "$1 needs root, for network namespaces, TAP devices and cgroups" "run: sudo make $1"
}

# The sources that are ours, one a line; in a git tree only what git knows or could add.
sources() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
      [ -f "$file" ] && printf '%s\n' "$file"
    done
  else
    find src images -type f \( -name '*.cc' -o -name '*.h' -o -name '*.c' \) | sort
  fi
}
