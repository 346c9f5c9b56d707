#!/usr/bin/env bash
# From a fresh clone to code running in a microVM: packages, build, images, Wrenn, a sandbox. A second run is quick.
#
#   WRENN_LISTEN=127.0.0.1:9090   where the API listens (default 127.0.0.1:8080, or what it was before)
#   WRENN_KEEP=1                  keep the sandbox of the demonstration
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root quickstart
# The Wrenn of this clone is meant, whatever the shell was set up for.
unset WRENN_API_URL WRENN_API_KEY

step() { printf '==> %s\n' "$*"; }
now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }

step "Packages"
scripts/setup.sh --without-tests
step "Programs"
scripts/build.sh
step "The guest's kernel and root disk"
images/build.sh --out "$WRENN_DIR" --envd builds/envd

# Processes of an earlier build end; sandboxes do not, the new agent takes them over.
end_if_outdated() {
  local pid
  read -r pid _ 2>/dev/null <"$WRENN_DIR/run/$2.pid" || return 0
  [ -e "/proc/$pid/exe" ] && ! cmp -s "/proc/$pid/exe" "builds/$1" || return 0
  kill "$pid"
  while [ -e "/proc/$pid/exe" ]; do sleep 0.1; done
}

step "Wrenn"
end_if_outdated wrenn-cp cp
end_if_outdated wrenn-agent agent
builds/wrenn up --detach --dir "$WRENN_DIR" ${WRENN_LISTEN:+--listen "$WRENN_LISTEN"} ||
  die "Wrenn did not start" \
    "if the address is taken, choose another: WRENN_LISTEN=127.0.0.1:9090 make quickstart" \
    "builds/wrenn doctor --dir .wrenn says what this machine is missing; the logs are in .wrenn/logs"

step "A program in a sandbox"
program='import platform
print("hello from", platform.platform())
print("kernel", platform.release())
print("the first primes:", *[n for n in range(2, 60) if all(n % d for d in range(2, n))])'

sandbox=
remove_sandbox() { [ -z "$sandbox" ] || builds/wrenn sandbox rm "$sandbox" >/dev/null 2>&1 || true; }
trap remove_sandbox EXIT
began=$(now_ms)
sandbox=$(builds/wrenn sandbox create)
created=$(now_ms)
output=$(builds/wrenn sandbox exec "$sandbox" -- python3 -c "$program")
answered=$(now_ms)
printf '%s\n' "$output" | sed 's/^/    /'

guest=$(sed -n 's/^kernel //p' <<<"$output")
[ -n "$guest" ] || die "the program in the sandbox said nothing about its kernel"
url=$(sed -n 's/.*"api_url": *"\([^"]*\)".*/\1/p' "$WRENN_DIR/run/cli.json")
cat <<END

    guest kernel     $guest
    host kernel      $(uname -r)
    created in       $((created - began)) ms
    first output in  $((answered - began)) ms, from the create command on
    the API          $url
    the dashboard    $url/

Go on:
    open $url/ in a browser and log in: the first start printed
        user and password; a new one: builds/wrenn-cp user password admin@localhost --dir .wrenn
    builds/wrenn sandbox create                        prints an id
    builds/wrenn sandbox exec ID -- uname -a           runs a command in it
    builds/wrenn files cp README.md ID:/tmp/           copies a file into it
    builds/wrenn --help                                everything else
Stop, and remove every sandbox:
    make stop
END
if [ "${WRENN_KEEP:-}" = 1 ]; then
  echo "Kept, as WRENN_KEEP=1 asked: sandbox $sandbox"
  sandbox=
fi
