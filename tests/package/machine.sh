#!/usr/bin/env bash
# Makes the file tree of the machine that the Debian package is tested in: Debian with systemd, what the package depends on,
# and the modules of the kernel that guests have too. Kept in DIR/cache/package-machine; the package itself is not in it.
# Usage: machine.sh --depends PACKAGE,PACKAGE... [--out DIR]      after images/kernel.sh
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
depends=
if [ "${1:-}" = --depends ]; then
  depends=${2:?--depends needs names}
  shift 2
fi
. "$here/../../images/lib.sh"
. "$images_dir/debian.sh"
parse_options "$@"
kernels=$cache
cache=$out/cache/package-machine
mkdir -p -- "$cache"
packages=systemd,systemd-sysv,udev,dbus,chrony,sudo,kmod,procps,iproute2,curl,logrotate${depends:+,$depends}
tree=$cache/tree
tree_stamp=$cache/tree.stamp
image_dir=$cache/machine
current_tree

release=$(sed -n 's/.*"release":"\([^"]*\)".*/\1/p' "$out/kernels/kernel-$(<"$kernels/kernel.version").json")
package=$(sed -n 's/.*"package":"\([^"]*\)".*/\1/p' "$out/kernels/kernel-$(<"$kernels/kernel.version").json")
if [ ! -e "$tree/lib/modules/$release/modules.dep" ]; then
  begin_step
  rm -rf -- "$tree/lib/modules"
  dpkg-deb --fsys-tarfile "$kernels/$package" | tar -x --keep-directory-symlink -C "$tree" ./lib/modules
  chroot "$tree" depmod "$release"
  progress "modules of $release"
fi
