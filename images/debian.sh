# Sourced by rootfs.sh, and by whoever makes the root disk of another template: a Debian tree with what every guest has, and
# the file system made of it. Not to be run on its own.
# Sources template.sh.
#
# Two steps with a cache of their own: the tree, which needs the network, then Wrenn's own files and the file system. A new
# envd repeats only the second. The caller has called parse_options and sets
#   packages                 what the tree has, with $guest_packages in it
#   tree, tree_stamp         where the tree is kept
#   image_dir, image_stamp   where the image goes; the name of the folder is the template's

. "$images_dir/template.sh"

suite=bookworm
public_mirror=http://deb.debian.org/debian
public_security=http://deb.debian.org/debian-security
# What every guest needs.
guest_packages=socat,chrony,tini,sudo,wget,curl,ca-certificates,git,python3,iproute2,procps

# What the machine's own apt uses for this suite, so that a mirror near by or a frozen snapshot is honoured.
machine_sources() {
  apt-get indextargets --format '$(CREATED_BY)|$(REPO_URI)|$(CODENAME)|$(ORIGIN)|$(COMPONENT)' 2>/dev/null |
    awk -F'|' -v suite="$suite" '$1 == "Packages" && $4 == "Debian" && $5 == "main" && $3 ~ "^" suite "(-updates|-security)?$" &&
      !seen[$2 $3]++ { print "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] " $2 " " $3 " main" }'
}

public_sources() {
  printf 'deb %s %s main\n' "$public_mirror" "$suite" "$public_mirror" "$suite-updates" "$public_security" "$suite-security"
}

# Those of the machine if they are of this suite, else the public ones.
guest_sources() {
  local sources
  sources=$(machine_sources)
  grep -q " $suite main" <<<"$sources" || sources=$(public_sources)
  printf '%s\n' "$sources"
}

# Proxy, retry and validity settings of the machine: without them its mirrors may be unreachable.
machine_apt_options() {
  apt-config dump | grep -E '^Acquire::(https?::Proxy|Retries|Check-Date|Check-Valid-Until)[ :]' || true
}

make_tree() {
  need mmdebstrap apt-get unshare
  [ "$(id -u)" -eq 0 ] || fail "root is needed to make the guest's file tree"
  local option options=()
  while read -r option; do [ -z "$option" ] || options+=(--aptopt="$option"); done < <(machine_apt_options)

  rm -rf --one-file-system -- "$tree" "$tree.new" "$tree_stamp"
  # The path rules stay in the guest on purpose: what users install later leaves out the same ballast.
  # What mmdebstrap mounts in the tree lives in a mount namespace of its own and so ends with it, even when it is killed.
  # Debian's own Python first: mmdebstrap starts one for each package, and a wrapper of it may take a second.
  if ! PATH=/usr/sbin:/usr/bin:/sbin:/bin unshare --mount --propagation private mmdebstrap --mode=root --variant=minbase --quiet --format=directory --include="$packages" \
    "${options[@]}" --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook='chroot "$1" useradd --uid 1000 --user-group --create-home --shell /bin/bash user' \
    "$suite" "$tree.new" - < <(guest_sources) >"$cache/mmdebstrap.log" 2>&1; then
    tail -n 20 -- "$cache/mmdebstrap.log" >&2
    fail "mmdebstrap could not make the guest's file tree"
  fi
  trim_tree "$tree.new"
  configure_tree "$tree.new"
  mv -- "$tree.new" "$tree"
}

trim_tree() {
  local root=$1
  rm -rf -- "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/cache/debconf/*-old "$root"/var/cache/ldconfig/* \
    "$root"/var/log/* "$root"/usr/share/locale/* "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/lintian \
    "$root"/usr/share/bug "$root"/usr/share/common-licenses/*.gz "$root"/usr/share/perl/*/pod "$root"/tmp/* \
    "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/apt/sources.list.d/*
  rm -f -- "$root"/etc/machine-id "$root"/etc/*- "$root"/var/lib/dpkg/*-old
  : >"$root/etc/machine-id"
  mkdir -p "$root/var/cache/apt/archives/partial" "$root/var/lib/apt/lists/partial" "$root/var/log/apt"
}

configure_tree() {
  local root=$1
  public_sources >"$root/etc/apt/sources.list"
  printf 'APT::Install-Recommends "false";\n' >"$root/etc/apt/apt.conf.d/90wrenn"
  printf 'user ALL=(ALL:ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/user"
  chmod 0440 "$root/etc/sudoers.d/user"
  printf 'sandbox\n' >"$root/etc/hostname"
  printf '127.0.0.1\tlocalhost\n127.0.1.1\tsandbox\n169.254.0.21\tsandbox\n::1\tlocalhost ip6-localhost\n' >"$root/etc/hosts"
  # apt replaces a symbolic link's target elsewhere; the guest has one fixed resolver file.
  rm -f -- "$root/etc/resolv.conf"
  printf 'nameserver 8.8.8.8\nnameserver 8.8.4.4\noptions timeout:2 attempts:2\n' >"$root/etc/resolv.conf"
  # The host's clock reaches the guest as a PTP device where the hypervisor has one; the network is not asked for the time.
  printf 'refclock PHC /dev/ptp0 poll 2 dpoll 2\nmakestep 1 -1\ncmdport 0\ndriftfile /run/chrony.drift\n' >"$root/etc/chrony/chrony.conf"
}

# The tree holds a slot for each of Wrenn's own files, so nothing needs to be copied but these.
inject() {
  compile_init "$tree/usr/local/bin/wrenn-init"
  rm -f -- "$tree/usr/local/bin/envd"
  [ -z "$envd" ] || install -m 0755 -- "$envd" "$tree/usr/local/bin/envd"
}

# Sets tree_key.
current_tree() {
  # The tree depends on how it is made and on nothing else in this file.
  tree_key=$(key_of -- "$suite" "$packages" "$(declare -f public_sources make_tree trim_tree configure_tree)")
  if is_current "$tree_stamp" "$tree_key" "$tree"; then
    progress "$(basename -- "$image_dir") tree ($suite): cached"
    return
  fi
  begin_step
  make_tree
  finish_step "$tree_stamp" "$tree_key" "$(basename -- "$image_dir") tree ($suite): $(du -sm "$tree" | cut -f1) MiB"
}

# current_image KEY [COMMAND]: the command puts into the tree what depends on KEY. After current_tree.
current_image() {
  local name key
  name=$(basename -- "$image_dir")
  [ -z "$envd" ] || [ -r "$envd" ] || fail "cannot read the guest agent $envd"
  key=$(key_of "$images_dir"/{debian,template}.sh "$images_dir/init/wrenn-init.c" ${envd:+"$envd"} -- "$tree_key" "$1" image)
  if is_current "$image_stamp" "$key" "$image_dir/rootfs.ext4" "$image_dir/manifest.json"; then
    progress "$name image: cached"
    return
  fi
  begin_step
  inject
  "${@:2}"
  mkdir -p -- "$image_dir"
  make_image "$tree" "$image_dir/rootfs.ext4.new"
  publish_image "$suite" "$key"
  finish_step "$image_stamp" "$key" "$(image_summary)"
}
