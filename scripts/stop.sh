#!/usr/bin/env bash
# Ends what quickstart.sh started: every sandbox, the agent, the control plane.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
if [ ! -d "$WRENN_DIR/run" ]; then
  say "nothing to stop: nothing was started from this clone"
  exit 0
fi
need_root stop
[ -x builds/wrenn ] || die "builds/wrenn is missing" "run: make build"
exec builds/wrenn down --dir "$WRENN_DIR"
