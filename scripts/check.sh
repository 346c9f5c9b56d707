#!/usr/bin/env bash
# The slow checks, apart from `make test`: headers, clang-tidy, sanitizers, fuzzing, the budget of the dashboard.
# Usage: check.sh [headers|tidy|asan|tsan|fuzz|budget ...]    all of them by default
#   FUZZ_SECONDS=20    how long each fuzzer runs
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
jobs=$(nproc)
step() { printf '\n==> %s\n' "$*"; }

# Every header compiles alone: whoever includes it needs to know nothing else.
check_headers() {
  step "Headers stand alone"
  cmake --preset release >/dev/null
  cmake --build --preset release --target wrenn_proto >/dev/null
  local flags=(-std=c++23 -fsyntax-only -Wno-pragma-once-outside-header -x c++ -D_GLIBCXX_ASSERTIONS "-DWRENN_VERSION=\"0\"" -Isrc -isystem build/release/proto/gen)
  # Fixtures get definitions from the target of their tests.
  local headers
  mapfile -t headers < <(sources 'src/*.h' ':!src/*_fixture.h')
  printf '%s\n' "${headers[@]}" | xargs -P "$jobs" -I{} clang++-19 "${flags[@]}" {}
  say "headers: ${#headers[@]} stand alone"
}

check_tidy() {
  step "clang-tidy"
  scripts/build.sh dev >/dev/null
  sources 'src/*.cc' | xargs -P "$jobs" -n 1 clang-tidy-19 -p build/dev --quiet --warnings-as-errors='*'
  say "clang-tidy: no complaints"
}

run_sanitizer() {
  step "Unit tests with $1"
  scripts/build.sh "$1"
  ctest --test-dir "build/$1" --output-on-failure --no-tests=error "${@:2}"
}

check_fuzz() {
  step "Fuzzing, ${FUZZ_SECONDS:=20} s each"
  cmake --preset fuzz >/dev/null
  local targets
  mapfile -t targets < <(sed -n 's/^wrenn_fuzz(\([a-z_0-9]*\).*/\1_fuzz/p' src/*/CMakeLists.txt)
  cmake --build --preset fuzz --parallel "$jobs" --target "${targets[@]}"
  local target binary
  for target in "${targets[@]}"; do
    binary=$(find build/fuzz/src -type f -name "$target" -perm -u+x)
    # What it finds on the way stays in the build; its seeds are in src/FOLDER/corpus/NAME.
    local corpora=("build/fuzz/corpus/$target")
    mkdir -p "${corpora[0]}"
    for seeds in src/*/corpus/"${target%_fuzz}"; do [ ! -d "$seeds" ] || corpora+=("$seeds"); done
    say "$target"
    "$binary" -max_total_time="$FUZZ_SECONDS" -verbosity=0 -print_final_stats=1 -artifact_prefix="build/fuzz/$target-" \
      "${corpora[@]}" 2>&1 | tee "build/fuzz/$target.log" | grep -E 'number_of_executed_units|ERROR|SUMMARY' ||
      die "$target found something" "see build/fuzz/$target.log"
    ! grep -q 'ERROR\|SUMMARY' "build/fuzz/$target.log" || die "$target found something" "see build/fuzz/$target.log"
  done
}

# What a browser has to load before anything can be done, and how long that takes.
check_budget() {
  step "The budget of the dashboard"
  scripts/build.sh
  scripts/js.sh
  # Sandboxes that come and go on this machine would make the browser drop what it loads.
  local quiet=()
  [ "$(id -u)" -ne 0 ] || quiet=("$PYTHON" tests/support/quiet_network.py --)
  scripts/node.sh "${quiet[@]}" node tests/js/budget.mjs builds/wrenn-cp
}

[ $# -gt 0 ] || set -- headers tidy asan tsan fuzz budget
for what in "$@"; do
  case $what in
    headers) check_headers ;;
    tidy) check_tidy ;;
    asan) run_sanitizer asan ;;
    tsan) run_sanitizer tsan -R '^(net|connect|hostnet)$' ;;
    fuzz) check_fuzz ;;
    budget) check_budget ;;
    *) die "unknown check '$what'" "known: headers tidy asan tsan fuzz budget" ;;
  esac
done
