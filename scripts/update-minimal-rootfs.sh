#!/usr/bin/env bash
# Puts the current envd, init and tini into a template's image that is there, and leaves everything else in it as it is. The new
# image takes the place of the old one whole; sandboxes that were made from the old one go on. Nothing is mounted.
# Usage: update-minimal-rootfs.sh [PATH] [--out DIR] [--envd FILE]
# PATH is an ext4 image, else that of the built-in template in DIR; DIR is $WRENN_DIR, else .wrenn in the clone.
. "$(dirname -- "${BASH_SOURCE[0]}")/../images/lib.sh"
. "$images_dir/debian.sh"
. "$images_dir/debugfs.sh"

parse_arguments() {
  local rest=()
  image=
  while [ $# -gt 0 ]; do
    case $1 in
      --out | --envd) rest+=("$1" "${2:?$1 needs a value}"); shift 2 ;;
      -*) fail "unknown option '$1'; usage: update-minimal-rootfs.sh [PATH] [--out DIR] [--envd FILE]" ;;
      *) [ -z "$image" ] || fail "one image at a time"; image=$1; shift ;;
    esac
  done
  parse_options "${rest[@]}"
  envd=${envd:-$images_dir/../builds/envd}
  image=${image:-$out/images/minimal/rootfs.ext4}
  [ -f "$image" ] && [ ! -L "$image" ] || fail "there is no image at $image; 'make images' makes the built-in one"
  [ -r "$envd" ] || fail "there is no guest agent at $envd; run 'make build', or name one with --envd"
}

# The image on which the built-in template's cache was based is another one now.
forget_cached_image() {
  [ ! "$image" -ef "$out/images/minimal/rootfs.ext4" ] || rm -f -- "$cache/image.stamp"
}

describe() {
  local manifest=$1
  [ ! -e "$manifest" ] || sed -i 's/"envd":false/"envd":true/; s/"sha256_inputs":"[^"]*"/"sha256_inputs":"'"$(key_of "$work"/{envd,init,tini} -- updated)"'"/' "$manifest"
}

[ "$(id -u)" -eq 0 ] || fail "root is needed, to confine what reads the image"
parse_arguments "$@"
need debugfs e2fsck setpriv unshare python3
begin_step
# Beside the image, so that the copy shares its blocks and can take its place.
work=$(mktemp -d "$image.XXXXXX")
trap 'rm -rf --one-file-system -- "$work"' EXIT
chmod 0711 "$work"
mkdir "$work/confined"
compile_init "$work/init"
cp -- "$envd" "$work/envd"
tini=$(static_tini)
cp -- "$tini" "$work/tini"
/usr/bin/python3 "$images_dir/oci/elf.py" "$work/envd" "$work/init" "$work/tini" || exit 1

confined_copy "$image" "$work/confined"
check_file_system "$work/confined" image "$work" || fail "the file system in $image is not in order; 'e2fsck -f' mends it, if nothing uses it"
replace_programs "$work/confined" "$work/envd" /usr/local/bin/envd "$work/init" /usr/local/bin/wrenn-init "$work/tini" /usr/bin/tini
check_file_system "$work/confined" image "$work" || fail "the file system was not in order afterwards; $image is as it was"

forget_cached_image
chown --reference="$image" "$work/confined/image"
chmod --reference="$image" "$work/confined/image"
sync -- "$work/confined/image"
mv -f -- "$work/confined/image" "$image"
describe "$(dirname -- "$image")/manifest.json"
finish_step "$work/stamp" "" "$image: envd, init and tini are the current ones"
