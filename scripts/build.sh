#!/usr/bin/env bash
# Compiles with one preset of CMakePresets.json; the programs of the release preset land in builds/.
# Usage: build.sh [PRESET [JOBS]]
#   WRENN_WITHOUT_DASHBOARD=1    leaves out the dashboard that the release preset has in it
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
preset=${1:-release}
jobs=${2:-$(nproc)}

command -v clang++-19 cmake ninja >/dev/null ||
  die "the compiler or the build tools are missing" "run: make setup"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# What is shipped has the dashboard in it.
if [ "$preset" = release ] && [ -z "${WRENN_WITHOUT_DASHBOARD:-}" ]; then scripts/web.sh build; fi
cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; die "cmake could not set the build up"; }
cmake --build --preset "$preset" --parallel "$jobs"
[ "$preset" = release ] || exit 0

# Copies, not links: a program that runs keeps its file, and each finds the others beside it.
install_program() {
  local from=build/release/src/$2 to=builds/$1
  [ -f "$from" ] || die "$from was not built"
  cmp -s "$from" "$to" && return
  cp "$from" "$to.new"
  mv "$to.new" "$to"
  say "builds/$1"
}
mkdir -p builds
install_program wrenn-cp control/wrenn-cp
install_program wrenn-agent agent/wrenn-agent
install_program wrenn-page-handler vm/wrenn-page-handler
install_program envd envd/envd
install_program wrenn cli/wrenn
