#!/usr/bin/env bash
# Makes a template's image of a container's file system. Nothing is mounted, and nothing of the container is run.
# Usage: rootfs-from-container.sh SOURCE TEMPLATE [--out DIR] [--envd FILE] [--disk-mib N] [--tag NAME] [--replace]
#        [--allow-host NAME]... [--auth-file FILE]
#
# SOURCE is one of
#   a Docker or Podman container, by name or id
#   an image that Docker or Podman has
#   an OCI image: an archive (tar, packed or not) or a layout directory; --tag says which, if it holds several
#   what `docker save` or `podman save` has written
#   docker://[HOST/]NAME[:TAG][@DIGEST], an image in a registry. Hosts that it leads to are called only if --allow-host NAME, which
#     may be repeated, names them; --auth-file FILE has logins, as `docker login` writes them
# DIR is $WRENN_DIR, else .wrenn in the clone; FILE is builds/envd in the clone. TEMPLATE is what sandboxes are created from.
. "$(dirname -- "${BASH_SOURCE[0]}")/../images/lib.sh"
. "$images_dir/debian.sh"
. "$images_dir/debugfs.sh"

usage() { fail "$1; usage: rootfs-from-container.sh SOURCE TEMPLATE [OPTION]..., as the head of this script has it"; }

# Sets source, template and the options.
parse_arguments() {
  local given=() rest=()
  registry_options=()
  tag= replace= envd=$images_dir/../builds/envd
  while [ $# -gt 0 ]; do
    case $1 in
      --disk-mib) disk_mib=${2:?--disk-mib needs a number}; shift 2 ;;
      --tag) tag=${2:?--tag needs a name}; shift 2 ;;
      --allow-host | --auth-file) registry_options+=("$1" "${2:?$1 needs a value}"); shift 2 ;;
      --replace) replace=yes; shift ;;
      --out | --envd) rest+=("$1" "${2:?$1 needs a value}"); shift 2 ;;
      -*) usage "unknown option '$1'" ;;
      *) given+=("$1"); shift ;;
    esac
  done
  [ ${#given[@]} -eq 2 ] || usage "a source and the name of a template are needed"
  source=${given[0]} template=${given[1]}
  # The rule of the agent for names, and what it takes for a leftover.
  [[ $template =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ && ! $template =~ \.tmp-[0-9a-f]{12}$ ]] ||
    fail "'$template' is no name for a template: use 1 to 64 letters, digits, '.', '_' and '-', a letter or digit first"
  [[ $disk_mib =~ ^[1-9][0-9]{2,6}$ ]] && [ "$disk_mib" -le 1048576 ] || fail "--disk-mib must be between 100 and 1048576, not '$disk_mib'"
  [ "$template" != minimal ] || fail "'minimal' is the built-in template; choose another name"
  local default_envd=$envd
  parse_options "${rest[@]}"
  envd=${envd:-$default_envd}
  [ -r "$envd" ] || fail "there is no guest agent at $envd; run 'make build', or name one with --envd"
}

# Which of the container tools knows a thing: find_with KIND NAME, where KIND is container or image. Sets tool.
find_with() {
  for tool in docker podman; do
    command -v "$tool" >/dev/null && "$tool" "$1" inspect "$2" >/dev/null 2>&1 && return
  done
  return 1
}

# What every guest has in /etc, as Debian's tree gets it.
guest_settings() {
  mkdir -p -- "$1"/etc/{apt/apt.conf.d,sudoers.d,chrony}
  configure_tree "$1"
}

unpack() {
  local options=(--disk-mib "$disk_mib" --settings "$work/settings/etc" --envd "$envd" --init "$work/wrenn-init" --tini "$tini")
  options+=("${registry_options[@]}")
  [ -z "$tag" ] || options+=(--tag "$tag")
  /usr/bin/python3 "$images_dir/oci/unpack.py" "$@" "${options[@]}"
}

# unpack_container CONTAINER CONFIGURATION. The tool is waited for, so that a tar that is not whole is noticed; and ended if nobody
# reads on, which podman would not notice.
unpack_container() {
  mkfifo "$work/export"
  "$tool" export "$1" >"$work/export" &
  exporter=$!
  unpack rootfs "$source" "$work" --config "$2" <"$work/export" || exit 1
  wait "$exporter" || fail "'$tool export $1' has failed; see its message above"
  exporter=
}

# An image that a tool has becomes a container that never runs, and goes away again whatever happens.
unpack_local_image() {
  local config
  config=$("$tool" image inspect --format '{{json .Config}}' "$source")
  container=$("$tool" create "$source" /bin/true)
  unpack_container "$container" "$config"
}

clean_up() {
  [ -z "${exporter:-}" ] || { kill "$exporter" 2>/dev/null && wait "$exporter" 2>/dev/null; } || true
  [ -z "${container:-}" ] || "$tool" rm "$container" >/dev/null || true
  [ -z "${work:-}" ] || rm -rf --one-file-system -- "$work"
}

[ "$(id -u)" -eq 0 ] || fail "root is needed, since files keep their owners"
parse_arguments "$@"
need python3 zstd mke2fs e2fsck
image_dir=$out/images/$template
[ -n "$replace" ] || [ ! -e "$image_dir/rootfs.ext4" ] || fail "there is a template '$template' already; --replace takes its place"
begin_step
trap clean_up EXIT
work=$(mktemp -d "$cache/container.XXXXXX")
guest_settings "$work/settings"
compile_init "$work/wrenn-init"
tini=$(static_tini)

if [ -e "$source" ] || [[ $source == docker://* ]]; then
  unpack image "$source" "$work" || exit 1
elif find_with container "$source"; then
  progress "$source is a container of $tool"
  config=$("$tool" container inspect --format '{{json .Config}}' "$source")
  unpack_container "$source" "$config"
elif find_with image "$source"; then
  progress "$source is an image of $tool"
  unpack_local_image
else
  fail "'$source' is no file, and no container or image that docker or podman knows here"
fi

# The file system never was larger than it is now, so there is nothing to shrink: what is empty in it is a hole of the file.
mkdir -p -- "$image_dir"
inodes=$(cat "$work/inodes")
default_inodes=$((disk_mib * 64))
make_image "$work/tree" "$image_dir/rootfs.ext4.new" -N $((inodes * 2 > default_inodes ? inodes * 2 : default_inodes))
check_file_system "$image_dir" rootfs.ext4.new "$work" || fail "the new file system is not in order"
mv -f -- "$work/image-config.json" "$image_dir/image-config.json"
publish_image container "$(key_of "$image_dir/image-config.json" "$envd" "$work/wrenn-init" --)"
finish_step "$work/stamp" "" "$(image_summary)"
