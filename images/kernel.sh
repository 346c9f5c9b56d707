#!/usr/bin/env bash
# Makes kernels/vmlinux-<version> and kernels/initramfs-<version> out of Debian's cloud kernel package. Nothing is installed.
# Usage: kernel.sh [--out DIR]
#        kernel.sh --from FILE [--version X.Y.Z] [--out DIR]    adds another kernel
# FILE is a package of a kernel (linux-image-*.deb), whose version counts if none is given; or a kernel as such (vmlinux, or a
# bzImage), which must have what a guest needs built in: virtio over MMIO with disk and network, ext4 and devtmpfs.
# The newest version is the one that is used, X.Y.Z-rc1 before X.Y.Z before X.Y.Z+local.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

from= version=
rest=()
while [ $# -gt 0 ]; do
  case $1 in
    --from) from=$(realpath -e -- "${2:?--from needs a file}") || fail "there is no file $2"; shift 2 ;;
    --version) version=${2:?--version needs a version}; shift 2 ;;
    *) rest+=("$1"); shift ;;
  esac
done
[ -n "$from" ] || [ -z "$version" ] || fail "--version goes with --from"
[[ -z $version || ${#version} -le 64 && $version =~ ^[0-9]+(\.[0-9]+){0,3}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$ ]] ||
  fail "'$version' is no version of a kernel: it is like 6.1.170, 6.13.0-rc2 or 6.1.170+local.1"
parse_options "${rest[@]}"

# In load order: each module stands after the ones it needs. Those marked '?' may be absent from the kernel or refuse to load.
modules=(virtio_ring virtio virtio_mmio virtio_blk failover net_failover virtio_net
         'rng-core?' 'virtio-rng?' 'virtio_balloon?' 'ptp_kvm?' 'inet_diag?' 'tcp_diag?')

stamp=$cache/kernel.stamp
key=$(key_of "$images_dir"/kernel.sh "$images_dir"/lib.sh "$images_dir"/initramfs/{init.c,pack.py} --)
if [ -z "$from" ] && [ -e "$cache/kernel.version" ]; then
  version=$(cat "$cache/kernel.version")
  if is_current "$stamp" "$key" "$out/kernels/"{vmlinux,initramfs}-"$version" "$out/kernels/kernel-$version.json"; then
    progress "kernel $version: cached"
    exit 0
  fi
  version=
fi
begin_step
need apt-get apt-cache dpkg-deb gcc python3 lz4 xz zstd od

newest_package() {
  apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p'
}

fetch_package() {
  local package
  package=$(newest_package)
  if [ -z "$package" ]; then
    progress "kernel: no package lists yet, running apt-get update"
    apt-get update -qq
    package=$(newest_package)
  fi
  [ -n "$package" ] || fail "apt knows no linux-image-cloud-amd64; is this Debian with its main archive configured?"
  fetch_deb "$package"
}

# A bzImage names the place of its compressed kernel in the header: no search for magic bytes is needed.
extract_vmlinux() {
  local image=$1 target=$2 setup_sectors payload_offset payload_length
  setup_sectors=$(od -An -tu1 -j $((0x1f1)) -N1 "$image")
  payload_offset=$(od -An -tu4 -j $((0x248)) -N4 "$image")
  payload_length=$(od -An -tu4 -j $((0x24c)) -N4 "$image")
  # The last four bytes hold the unpacked size and are not part of the stream.
  dd if="$image" of="$target.packed" bs=1M iflag=skip_bytes,count_bytes status=none \
    skip=$((((setup_sectors == 0 ? 4 : setup_sectors) + 1) * 512 + payload_offset)) count=$((payload_length - 4))
  case $(od -An -tx1 -N4 "$target.packed" | tr -d ' ') in
    02214c18) lz4 -qdcf "$target.packed" >"$target" ;;
    fd377a58) xz -dc "$target.packed" >"$target" ;;
    28b52ffd) zstd -q -f -d "$target.packed" -o "$target" ;;
    1f8b*) gzip -dc "$target.packed" >"$target" ;;
    *) fail "the kernel in $image is packed in a way this script does not know" ;;
  esac
  rm -f -- "$target.packed"
  [ "$(od -An -tx1 -N4 "$target" | tr -d ' ')" = 7f454c46 ] || fail "the kernel in $image is not an ELF file"
}

make_initramfs() {
  local tree=$1 release=$2 target=$3 root=$work/initramfs entry name found
  mkdir -p "$root/modules"
  gcc -Os -static -s -Wall -Wextra -Werror -o "$root/init" "$images_dir/initramfs/init.c"
  : >"$root/modules/order"
  [ -n "$release" ] || modules=() # All is built in.
  for entry in "${modules[@]}"; do
    name=${entry%\?}
    found=$(find "$tree/lib/modules/$release/kernel" -name "$name.ko*" -print -quit)
    if [ -z "$found" ]; then
      [ "$entry" != "$name" ] || fail "the kernel $release has no module $name"
      continue
    fi
    case $found in
      *.xz) xz -dc "$found" >"$root/modules/$name.ko" ;;
      *.ko) cp -- "$found" "$root/modules/$name.ko" ;;
      *) fail "the module $found is packed in a way this script does not know" ;;
    esac
    printf '%s\n' "$name.ko${entry#"$name"}" >>"$root/modules/order"
  done
  python3 "$images_dir/initramfs/pack.py" "$root" "$target"
}

# Whether a file is a kernel that is packed, as the boot loader's protocol has it.
is_bzimage() { [ "$(od -An -tx1 -j 514 -N4 "$1" | tr -d ' ')" = 48647253 ]; }

# unpack_package DEB: makes $work/vmlinux; sets release, and version if it is not set.
unpack_package() {
  mkdir "$work/package"
  dpkg-deb --fsys-tarfile "$1" | tar -x -C "$work/package" || fail "$1 is no package"
  # Newer packages have their modules below usr.
  [ -d "$work/package/lib/modules" ] || mv -- "$work/package/usr/lib" "$work/package/lib" 2>/dev/null || true
  [ -d "$work/package/lib/modules" ] && [ -d "$work/package/boot" ] || fail "$1 is no package of a kernel"
  release=$(ls "$work/package/lib/modules")
  version=${version:-$(dpkg-deb -f "$1" Version | sed 's/^[0-9]*://; s/[-~+].*//')}
  extract_vmlinux "$work/package/boot/vmlinuz-$release" "$work/vmlinux"
}

# take_kernel FILE: makes $work/vmlinux.
take_kernel() {
  [ -n "$version" ] || fail "--version must say what version $1 is"
  if is_bzimage "$1"; then
    extract_vmlinux "$1" "$work/vmlinux"
  else
    [ "$(od -An -tx1 -N4 "$1" | tr -d ' ')" = 7f454c46 ] || fail "$1 is neither a package nor a kernel (vmlinux or bzImage)"
    cp -- "$1" "$work/vmlinux"
  fi
}

if [ -z "$from" ]; then
  fetch_package
else
  deb=$from
  key=$(key_of "$from" -- "$key")
fi
work=$(mktemp -d "$cache/kernel.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
release=
if [ "$(head -c 7 "$deb")" = '!<arch>' ]; then
  unpack_package "$deb"
else
  take_kernel "$deb"
fi
make_initramfs "$work/package" "$release" "$work/initramfs.cpio"
cat >"$work/kernel.json" <<JSON
{"format":1,"version":"$version","release":"$release","package":"$(basename "$deb" | tr -cd 'A-Za-z0-9.,_+~%-')","sha256_inputs":"$key"}
JSON

# A kernel without its initramfs is passed over, so the initramfs comes last.
mv -f -- "$work/vmlinux" "$out/kernels/vmlinux-$version"
mv -f -- "$work/initramfs.cpio" "$out/kernels/initramfs-$version"
mv -f -- "$work/kernel.json" "$out/kernels/kernel-$version.json"
summary="kernel $version: vmlinux $(human_mib "$(stat -c %s "$out/kernels/vmlinux-$version")"), initramfs $(human_mib "$(stat -c %s "$out/kernels/initramfs-$version")")"
if [ -n "$from" ]; then
  finish_step "$work/stamp" "$key" "$summary"
else
  printf '%s\n' "$version" >"$cache/kernel.version"
  finish_step "$stamp" "$key" "$summary"
fi
