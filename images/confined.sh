#!/usr/bin/env bash
# Runs a program over what strangers wrote: confined.sh DIRECTORY COMMAND [ARGUMENT]...
#
# It runs in DIRECTORY as a user that owns nothing else, without capabilities and without a way to get any, in namespaces of
# its own: no network, no other process, and of the file system only the machine's programs, read-only, and DIRECTORY. Memory,
# time and the size of files are bounded. What it is to write must be made writable for $confined_uid before. Root only.
set -euo pipefail

# Below the range of the sandboxes' hypervisors, one each.
readonly confined_uid=1880096752
readonly max_memory=$((4 << 30)) max_seconds=1800 max_file=$((1 << 40))

# The second half, in the new namespaces. The directory is the working one: its path may be below what is covered here.
if [ "${1:-}" = --inside ]; then
  shift
  root=/mnt
  mount -t tmpfs -o size=1m,mode=0755,nosuid,nodev none "$root"
  mkdir "$root/work" "$root/usr" "$root/dev"
  mount --no-canonicalize --bind /proc/self/cwd "$root/work"
  mount --bind /usr "$root/usr"
  mount -o remount,bind,ro,nosuid,nodev "$root/usr"
  for name in bin sbin lib lib32 lib64; do
    [ ! -L "/$name" ] || cp -P "/$name" "$root/$name"
    { [ ! -d "/$name" ] || [ -L "/$name" ]; } && continue
    mkdir "$root/$name"
    mount --bind "/$name" "$root/$name"
    mount -o remount,bind,ro,nosuid,nodev "$root/$name"
  done
  : >"$root/dev/null"
  mount --bind /dev/null "$root/dev/null"
  mount -o remount,ro,nosuid,nodev "$root"
  exec chroot "$root" /usr/bin/env -i -C /work PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    setpriv --reuid "$confined_uid" --regid "$confined_uid" --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs -- "$@"
fi

[ $# -ge 2 ] || { echo "usage: confined.sh DIRECTORY COMMAND [ARGUMENT]..." >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "confined.sh: root is needed, to give its rights away" >&2; exit 1; }
self=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/confined.sh
cd -- "$1"
shift
exec prlimit --as=$max_memory --cpu=$max_seconds --fsize=$max_file --nofile=64 --core=0 -- \
  unshare --mount --propagation private --net --ipc --uts --pid --fork --kill-child -- "$self" --inside "$@"
