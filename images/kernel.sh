#!/usr/bin/env bash
# Makes kernels/vmlinux-<version> and kernels/initramfs-<version> out of Debian's cloud kernel package. Nothing is installed.
# Usage: kernel.sh [--out DIR]
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
parse_options "$@"

# In load order: each module stands after the ones it needs. Those marked '?' may be absent from the kernel or refuse to load.
modules=(virtio_ring virtio virtio_mmio virtio_blk failover net_failover virtio_net
         'rng-core?' 'virtio-rng?' 'virtio_balloon?' 'ptp_kvm?' 'inet_diag?' 'tcp_diag?')

stamp=$cache/kernel.stamp
key=$(key_of "$images_dir"/kernel.sh "$images_dir"/lib.sh "$images_dir"/initramfs/{init.c,pack.py} --)
if [ -e "$cache/kernel.version" ]; then
  version=$(cat "$cache/kernel.version")
  if is_current "$stamp" "$key" "$out/kernels/"{vmlinux,initramfs}-"$version" "$out/kernels/kernel-$version.json"; then
    progress "kernel $version: cached"
    exit 0
  fi
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

fetch_package
work=$(mktemp -d "$cache/kernel.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/package"
dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work/package" ./boot ./lib/modules
release=$(ls "$work/package/lib/modules")
version=$(dpkg-deb -f "$deb" Version | sed 's/^[0-9]*://; s/[-~+].*//')

extract_vmlinux "$work/package/boot/vmlinuz-$release" "$work/vmlinux"
make_initramfs "$work/package" "$release" "$work/initramfs.cpio"
cat >"$work/kernel.json" <<JSON
{"format":1,"version":"$version","release":"$release","package":"$(basename "$deb")","sha256_inputs":"$key"}
JSON

mv -f -- "$work/vmlinux" "$out/kernels/vmlinux-$version"
mv -f -- "$work/initramfs.cpio" "$out/kernels/initramfs-$version"
mv -f -- "$work/kernel.json" "$out/kernels/kernel-$version.json"
printf '%s\n' "$version" >"$cache/kernel.version"
finish_step "$stamp" "$key" "kernel $version: vmlinux $(human_mib "$(stat -c %s "$out/kernels/vmlinux-$version")"), initramfs $(human_mib "$(stat -c %s "$out/kernels/initramfs-$version")")"
