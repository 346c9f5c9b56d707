#!/usr/bin/env bash
# The dashboard of web/: what the control plane serves, in build/web/dashboard.
# Usage: web.sh [build|check|test|dev|budget]
#   build     installs its packages and makes it, unless its sources are those of the last time
#   check     types, and what the compiler of Svelte warns of
#   test      the unit and component tests
#   dev       serves it at http://127.0.0.1:5173 as it is being changed; WRENN_API=http://127.0.0.1:8080 is where the API is
. "$(dirname -- "${BASH_SOURCE[0]}")/node.sh"
what=${1:-build}

# One process at a time installs and builds.
mkdir -p build/web
exec 9>build/web/.lock
flock 9

install_packages() {
  local stamp=web/node_modules/.wrenn-lock
  cmp -s web/pnpm-lock.yaml "$stamp" && return
  CI=true pnpm --dir web install --frozen-lockfile >&2 || die "the dashboard's packages could not be installed" "see pnpm's message above"
  cp web/pnpm-lock.yaml "$stamp"
}

# Of everything that the result depends on.
inputs_hash() {
  find web src/control/api/openapi VERSION scripts/web.sh -type f \
    -not -path '*/node_modules/*' -not -path 'web/.svelte-kit/*' -not -name schema.d.ts -not -name '*.test.ts' -not -name '*.pyc' -not -name README.md -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

build() {
  local hash
  hash=$(inputs_hash)
  [ -f build/web/dashboard/index.html ] && [ "$(cat build/web/stamp 2>/dev/null)" = "$hash" ] && return
  say "the dashboard"
  rm -f build/web/stamp
  rm -rf build/web/new
  WRENN_DASHBOARD_OUT=../build/web/new pnpm --dir web build >build/web/log 2>&1 || { cat build/web/log >&2; die "the dashboard was not built"; }
  rm -rf build/web/dashboard
  mv build/web/new build/web/dashboard
  printf '%s\n' "$hash" >build/web/stamp
}

install_packages
case $what in
  build) build ;;
  check) pnpm --dir web check ;;
  test) pnpm --dir web test ;;
  dev)
    flock -u 9
    exec pnpm --dir web dev
    ;;
  *) die "unknown verb '$what'" "known: build check test dev" ;;
esac
