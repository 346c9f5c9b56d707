# Sourced by whoever makes the image of a template out of a file tree, Debian's or a container's. Not to be run on its own.
#
# The caller has sourced lib.sh, called parse_options, and sets
#   image_dir     where the image goes; the name of the folder is the template's
#   disk_mib      the size of the guest's disk, if not this:
disk_mib=5120

# The guest's first process, which must run in any file tree.
compile_init() {
  need gcc
  gcc -Os -static -s -Wall -Wextra -Werror -o "$1.new" "$images_dir/init/wrenn-init.c"
  mv -f -- "$1.new" "$1"
}

# Prints the path of a static tini: Debian's package has one, which is in the cache with the minimal template, or is fetched.
static_tini() {
  local kept=$cache/tini-static
  if [ ! -x "$kept" ]; then
    if [ -x "$cache/tree/usr/bin/tini-static" ]; then
      cp -- "$cache/tree/usr/bin/tini-static" "$kept.new"
    else
      fetch_deb tini
      dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/bin/tini-static >"$kept.new"
    fi
    chmod 0755 "$kept.new"
    mv -f -- "$kept.new" "$kept"
  fi
  printf '%s\n' "$kept"
}

# make_image TREE IMAGE [OPTION OF mke2fs]...
# A journal, though a small one: a sandbox's disk may be started cold after its host has died, and nothing in the guest runs
# fsck. Every table is written now, so that the guest does no background work later.
make_image() {
  local tree=$1 image=$2
  need mke2fs fallocate
  rm -f -- "$image"
  truncate -s "${disk_mib}M" "$image"
  mke2fs -q -F -t ext4 -L wrenn-root -m 0 -b 4096 -J size=16 -O ^resize_inode -I 256 \
    -E lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0 "${@:3}" -d "$tree" "$image"
  # The zeroed inode tables need no room on the host.
  fallocate --dig-holes "$image"
}

# publish_image SUITE KEY: describes the finished rootfs.ext4.new, and puts both in their places.
publish_image() {
  printf '{"format":1,"name":"%s","disk_mb":%d,"suite":"%s","envd":%s,"sha256_inputs":"%s"}\n' \
    "$(basename -- "$image_dir")" "$disk_mib" "$1" "$([ -n "$envd" ] && printf true || printf false)" "$2" >"$image_dir/manifest.json.new"
  mv -f -- "$image_dir/rootfs.ext4.new" "$image_dir/rootfs.ext4"
  mv -f -- "$image_dir/manifest.json.new" "$image_dir/manifest.json"
}

image_summary() {
  printf '%s image: %s MiB, %s allocated, envd %s' "$(basename -- "$image_dir")" "$disk_mib" \
    "$(human_mib $(($(stat -c '%b * %B' "$image_dir/rootfs.ext4"))))" "$([ -n "$envd" ] && printf included || printf 'not included')"
}
