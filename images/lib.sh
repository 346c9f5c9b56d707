# Sourced by the image scripts: options, caching and progress. Not to be run on its own.
#
# A step is keyed by the hash of everything it depends on. Its key is written only after its output has been renamed into
# place, so an interrupted run is repeated and never half believed.
set -euo pipefail
umask 022

images_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
step_started=0

progress() { printf 'images: %s\n' "$*"; }

# Whatever no check expects is still reported with its place.
set -E
trap 'printf "images: error: %s:%s: \x27%s\x27 failed\n" "$(basename -- "$0")" "$LINENO" "$BASH_COMMAND" >&2' ERR

fail() {
  printf 'images: error: %s\n' "$*" >&2
  exit 1
}

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || fail "'$tool' is missing; scripts/setup.sh installs it"
  done
}

# key_of FILE... -- TEXT...: one hash over the content of the files and the words of text.
key_of() {
  local files=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    files+=("$1")
    shift
  done
  { [ ${#files[@]} -eq 0 ] || sha256sum -- "${files[@]}" | cut -d' ' -f1; printf '%s\n' "$@"; } | sha256sum | cut -d' ' -f1
}

# is_current STAMP KEY OUTPUT...: true when the step ran with this key and its outputs are still there.
is_current() {
  local stamp=$1 key=$2 output
  shift 2
  [ "$(cat -- "$stamp" 2>/dev/null)" = "$key" ] || return 1
  for output in "$@"; do [ -e "$output" ] || return 1; done
}

begin_step() { step_started=$(date +%s%N); }

# finish_step STAMP KEY TEXT: records the key and prints the step's one line with the time it took.
finish_step() {
  local elapsed_ms=$((($(date +%s%N) - step_started) / 1000000))
  printf '%s\n' "$2" >"$1.new"
  mv -f -- "$1.new" "$1"
  progress "$3 ($((elapsed_ms / 1000)).$(printf '%03d' $((elapsed_ms % 1000))) s)"
}

human_mib() { printf '%s MiB' "$((($1 + 524288) / 1048576))"; }

# fetch_deb PACKAGE: sets deb to a file in the cache, of the version that apt would install.
fetch_deb() {
  local package=$1 want
  need apt-get apt-cache
  want=$(apt-cache show --no-all-versions "$package" | sed -n 's/^Version: //p')
  [ -n "$want" ] || fail "apt knows no package '$package'; 'apt-get update' may help"
  # An already fetched package is good only if it is the one that apt would fetch now.
  deb=$cache/${package}_${want//:/%3a}_amd64.deb
  [ ! -s "$deb" ] || return 0
  rm -rf -- "$cache/fetch"
  mkdir -- "$cache/fetch"
  # apt fetches as the user _apt, which may not be able to write here; root is told to do it itself.
  (cd "$cache/fetch" && apt-get download -qq -o APT::Sandbox::User=root "$package=$want") ||
    fail "could not fetch $package; 'apt-get update' may help"
  mv -f -- "$cache/fetch/"*.deb "$deb"
  rm -rf -- "$cache/fetch"
}

# parse_options "$@": sets out, cache and envd.
parse_options() {
  out=${WRENN_DIR:-$images_dir/../.wrenn}
  envd=
  while [ $# -gt 0 ]; do
    case $1 in
      --out) out=${2:?--out needs a directory}; shift 2 ;;
      --envd) envd=${2:?--envd needs a file}; shift 2 ;;
      *) fail "unknown option '$1' (known: --out DIR, --envd FILE)" ;;
    esac
  done
  mkdir -p -- "$out"
  out=$(cd -- "$out" && pwd)
  cache=$out/cache/images
  mkdir -p -- "$cache" "$out/kernels" "$out/images/minimal"
  # Two runs at once would write the same temporary files; the second one waits, then finds everything cached.
  exec 9>"$cache/lock"
  flock 9
}
