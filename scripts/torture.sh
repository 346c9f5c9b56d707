#!/usr/bin/env bash
# The long form of tests/test_torture.py. Usage: torture.sh, with OPERATIONS and SEED in the environment.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root torture
export OPERATIONS=${OPERATIONS:-400} SEED=${SEED:-}
exec "$PYTHON" -m pytest tests/test_torture.py -s -o faulthandler_timeout=0 "$@"
