#!/usr/bin/env bash
# Checks (or with --fix mends) that clang-format agrees with every C and C++ source.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
command -v clang-format-19 >/dev/null || die "clang-format-19 is missing" "run: make setup"
mapfile -t files < <(sources '*.cc' '*.h' '*.c')
if [ "${1:-}" = --fix ]; then
  clang-format-19 -i "${files[@]}"
  exit 0
fi
clang-format-19 --dry-run --Werror "${files[@]}" || die "some files are not formatted" "run: make format"
say "format: ${#files[@]} files are in order"
