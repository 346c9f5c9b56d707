#!/usr/bin/env bash
# Makes the template "webapps" of the end-to-end tests: the minimal one with Jupyter Notebook, Node.js and a Next.js project.
# Guests of the tests reach no network, so everything is in the image. It lies apart from the images that are offered to
# users, in DIR/cache/webapps/images; only the tests show it to their own Wrenn.
# Usage: image.sh [--out DIR] [--envd FILE]
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../images/lib.sh"
. "$images_dir/debian.sh"
parse_options "$@"

# First the minimal tree: made here only if it is not there.
packages=$guest_packages
minimal=$cache/tree
tree=$minimal
tree_stamp=$cache/tree.stamp
image_dir=$out/images/minimal
current_tree

extra=(python3-notebook nodejs)
disk_mib=3072
cache=$out/cache/webapps
tree=$cache/tree
extra_stamp=$cache/extra.stamp
modules_stamp=$cache/modules.stamp
image_dir=$cache/images/webapps
image_stamp=$cache/image.stamp
next=$tree/srv/next

# apt with a state of its own, which believes that the minimal tree is the machine.
guest_apt() {
  apt-get -qq -o Dir::State="$cache/apt" -o Dir::State::status="$minimal/var/lib/dpkg/status" -o Dir::Cache="$cache/apt" \
    -o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=/nonexistent -o APT::Install-Recommends=false \
    -o APT::Sandbox::User=root "$@"
}

# Unpacked and not installed: a hundred packages' scripts take minutes, and all that would be missed of them is that Python's
# modules are compiled, since under emulation that takes long.
add_packages() {
  local package
  rm -rf --one-file-system -- "$tree" "$cache/apt" "$modules_stamp"
  mkdir -p -- "$cache/apt/lists/partial" "$cache/apt/archives/partial"
  guest_sources >"$cache/apt/sources.list"
  guest_apt update
  guest_apt install --yes --download-only "${extra[@]}" >"$cache/apt.log" 2>&1 || { tail -n 20 -- "$cache/apt.log" >&2; fail "the packages could not be fetched"; }
  cp -a -- "$minimal" "$tree"
  for package in "$cache"/apt/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$tree" --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*'
  done
  rm -rf -- "$cache/apt"
  chroot "$tree" /usr/bin/python3 -m compileall -q -j 0 /usr/lib/python3 >"$cache/compile.log" 2>&1 || true # some are for another Python
}

# Node packages come from the lock alone, and run nothing to be installed.
install_modules() {
  rm -rf -- "$next"
  mkdir -p -- "$next"
  cp -- "$here"/next/{package.json,package-lock.json,.npmrc} "$next"
  npm ci --prefix "$next" >&2 || fail "the packages of Next.js could not be installed; see npm's message above"
}

add_project() {
  cp -r -- "$here"/next/{pages,next.config.js,dev.sh} "$next"
  rm -f -- "$next/.npmrc"
  chown -R 1000:1000 "$next"
}

mkdir -p -- "$cache"
extra_key=$(key_of -- "$tree_key" "${extra[@]}" "$(declare -f add_packages)")
if is_current "$extra_stamp" "$extra_key" "$tree"; then
  progress "webapps packages: cached"
else
  need apt-get dpkg-deb
  begin_step
  add_packages
  finish_step "$extra_stamp" "$extra_key" "webapps packages: $(du -sm "$tree" | cut -f1) MiB"
fi
modules_key=$(key_of "$here"/next/{package.json,package-lock.json,.npmrc} -- "$extra_key" "$(declare -f install_modules)")
if is_current "$modules_stamp" "$modules_key" "$next/node_modules"; then
  progress "webapps node packages: cached"
else
  need npm
  begin_step
  install_modules
  finish_step "$modules_stamp" "$modules_key" "webapps node packages: $(du -sm "$next" | cut -f1) MiB"
fi
project_key=$(find "$here/next" -path "$here/next/node_modules" -prune -o -type f -print | sort | xargs sha256sum | cut -d' ' -f1)
current_image "$modules_key $project_key $(declare -f add_project)" add_project
