#!/usr/bin/env bash
# Makes images/minimal/rootfs.ext4: the disk of the built-in template. Root is needed, mounts are not.
# Usage: rootfs.sh [--out DIR] [--envd FILE]
# The tree takes about 30 s, the image about 2 s; see debian.sh.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
. "$images_dir/debian.sh"
parse_options "$@"

packages=$guest_packages
tree=$cache/tree
tree_stamp=$cache/tree.stamp
image_dir=$out/images/minimal
image_stamp=$cache/image.stamp

current_tree
current_image minimal : # nothing but Wrenn's own files
