#!/usr/bin/env bash
# Runs the benchmarks: all of them, or the one that is named. Usage: bench.sh [NAME]
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root bench
names=()
for driver in bench/*/run.py; do names+=("$(basename "$(dirname "$driver")")"); done
if [ $# -gt 0 ]; then
  [ -f "bench/$1/run.py" ] || die "there is no benchmark '$1'" "there are: ${names[*]}"
  names=("$1")
fi
for name in "${names[@]}"; do
  "$PYTHON" "bench/$name/run.py"
done
