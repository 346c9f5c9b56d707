#!/usr/bin/env bash
# Everything that must hold before a change goes in. One build, of the release preset (its assertions are on), serves the
# unit tests and the end-to-end tests. Usage: test.sh [pytest arguments for the end-to-end tests]
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root test
results=$ROOT/build/results
rm -rf "$results"
mkdir -p "$results/unit"
failed=()
step() { printf '\n==> %s\n' "$*"; }
attempt() { local name=$1; shift; "$@" || failed+=("$name"); }

step "Sources"
attempt format scripts/check-format.sh
attempt layering "$PYTHON" scripts/check-layering.py
attempt "tests of the scripts" "$PYTHON" -m unittest -q scripts/*_test.py images/oci/*_test.py

step "Dashboard"
attempt "types of the dashboard" scripts/web.sh check
attempt "tests of the dashboard" scripts/web.sh test

step "Build"
scripts/build.sh

step "Unit tests"
attempt "unit tests" env GTEST_OUTPUT="xml:$results/unit/" GTEST_BRIEF=1 \
  ctest --test-dir build/release --output-on-failure --no-tests=error

step "Images"
images/build.sh --out "$WRENN_DIR" --envd builds/envd
tests/webapps/image.sh --out "$WRENN_DIR" --envd builds/envd

step "JavaScript packages"
attempt "JavaScript packages" scripts/js.sh

step "End-to-end tests"
attempt "end-to-end tests" "$PYTHON" -m pytest tests --junit-xml="$results/e2e.xml" "$@"

step "Result"
attempt summary "$PYTHON" scripts/test-summary.py "$results"
if [ "${#failed[@]}" -gt 0 ]; then
  printf 'FAILED:'
  printf ' %s;' "${failed[@]}"
  printf '\n'
  exit 1
fi
