#!/usr/bin/env bash
# Runs one part of Wrenn, built for debugging, in the foreground. State is in .wrenn/.
# Usage: dev.sh control|agent
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
part=${1:?usage: dev.sh control|agent}
case $part in
  control) verb=dev ;;
  agent) verb=dev-agent ;;
  *) die "unknown part '$part'" ;;
esac
need_root "$verb"
scripts/build.sh dev
if [ "$part" = agent ]; then
  images/build.sh --out "$WRENN_DIR" --envd build/dev/src/envd/envd
  exec build/dev/src/agent/wrenn-agent serve --dir "$WRENN_DIR"
fi

control=build/dev/src/control/wrenn-cp
listen=${WRENN_LISTEN:-127.0.0.1:8080}
mkdir -p "$WRENN_DIR/control"
say "a key for this session: export WRENN_API_URL=http://$listen WRENN_API_KEY=$("$control" key create --name dev --dir "$WRENN_DIR" 2>/dev/null)"
exec "$control" serve --dir "$WRENN_DIR" --listen "$listen"
