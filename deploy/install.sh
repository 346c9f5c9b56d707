#!/usr/bin/env bash
# Installs Wrenn on this machine: programs, units, configuration, the control plane's user. Safe to repeat, and then an
# upgrade: configuration and data stay, services that run are restarted, sandboxes go on.
#
#   install.sh                       into PREFIX (/usr/local); starts nothing that did not run
#   install.sh --uninstall           removes what it installed; configuration, data and sandboxes' files stay
#   install.sh --uninstall --purge   removes these, too
#
# With DESTDIR the files alone are put below it, for a package; nothing of this machine is touched.
set -euo pipefail
umask 022
source=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
readonly source deploy=$source/deploy
readonly DESTDIR=${DESTDIR:-} PREFIX=${PREFIX:-/usr/local} BUILDS=${BUILDS:-$source/builds}
readonly state=/var/lib/wrenn user=wrenn uid=1879099000
readonly services=(wrenn-agent wrenn-cp)

say() { printf 'install: %s\n' "$*"; }
fail() {
  printf 'install: error: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf 'install: hint: %s\n' "$line" >&2; done
  exit 1
}

# Debian 12 keeps units of packages in /lib; systemd reads those of other prefixes where they belong.
unit_dir=$PREFIX/lib/systemd/system
[ "$PREFIX" != /usr ] || unit_dir=/lib/systemd/system
readonly unit_dir
readonly sbin=$PREFIX/sbin bin=$PREFIX/bin lib=$PREFIX/lib/wrenn share=$PREFIX/share
readonly programs=(wrenn wrenn-agent wrenn-cp wrenn-page-handler)
# Where a package's files lie is written as /usr in all of them.
readonly generated=("$sbin/wrenn-admin" "$sbin/wrenn-images" "$unit_dir/wrenn-cp.service" "$unit_dir/wrenn-agent.service"
                    "$PREFIX/lib/sysusers.d/wrenn.conf" "$PREFIX/lib/tmpfiles.d/wrenn.conf")
readonly plain=(/etc/sysctl.d/60-wrenn.conf /etc/modules-load.d/wrenn.conf /etc/logrotate.d/wrenn)
readonly completions=("$share/bash-completion/completions/wrenn" "$share/zsh/vendor-completions/_wrenn"
                      "$share/fish/vendor_completions.d/wrenn.fish")
readonly documents=(docs/install.md docs/operations.md docs/cli.md docs/api.md docs/templates.md CHANGELOG.md)

# Written beside the target and renamed: a program that runs keeps its file.
put() { # MODE FILE TARGET
  install -D -m "$1" -- "$2" "$DESTDIR$3.new"
  mv -f -- "$DESTDIR$3.new" "$DESTDIR$3"
}

put_generated() { # MODE FILE TARGET
  local text
  text=$(mktemp)
  sed -e "s|/usr/bin/wrenn|$bin/wrenn|g" -e "s|/usr/share/wrenn|$share/wrenn|g" -e "s|/usr/lib/wrenn|$lib|g" \
    -e "s|/usr/share/doc/wrenn|$share/doc/wrenn|g" "$2" >"$text"
  put "$1" "$text" "$3"
  rm -f -- "$text"
}

# What the administrator may have changed is never written over; a new default lies beside it.
put_configuration() { # FILE TARGET
  if [ -e "$DESTDIR$2" ] && ! cmp -s -- "$1" "$DESTDIR$2"; then
    put 0640 "$1" "$2.dist"
    say "$2 stays as it is; what this version comes with is $2.dist"
    return
  fi
  put 0640 "$1" "$2"
}

install_files() {
  local program
  for program in "${programs[@]}" envd; do
    [ -x "$BUILDS/$program" ] || fail "$BUILDS/$program is missing" "build it first: make build"
  done
  for program in "${programs[@]}"; do put 0755 "$BUILDS/$program" "$bin/$program"; done
  put 0755 "$BUILDS/envd" "$lib/envd"
  put_generated 0755 "$deploy/sbin/wrenn-admin" "$sbin/wrenn-admin"
  put_generated 0755 "$deploy/sbin/wrenn-images" "$sbin/wrenn-images"
  put_generated 0644 "$deploy/systemd/wrenn-cp.service" "$unit_dir/wrenn-cp.service"
  put_generated 0644 "$deploy/systemd/wrenn-agent.service" "$unit_dir/wrenn-agent.service"
  put_generated 0644 "$deploy/systemd/wrenn.sysusers" "$PREFIX/lib/sysusers.d/wrenn.conf"
  put_generated 0644 "$deploy/systemd/wrenn.tmpfiles" "$PREFIX/lib/tmpfiles.d/wrenn.conf"
  put 0644 "$deploy/systemd/wrenn.sysctl" /etc/sysctl.d/60-wrenn.conf
  put 0644 "$deploy/systemd/wrenn.modules" /etc/modules-load.d/wrenn.conf
  put 0644 "$deploy/systemd/wrenn.logrotate" /etc/logrotate.d/wrenn
  put_configuration "$deploy/etc/control-plane.env" /etc/wrenn/control-plane.env
  put_configuration "$deploy/etc/agent.env" /etc/wrenn/agent.env
  chmod 0750 "$DESTDIR/etc/wrenn"
  install_images
  install_completions
  local document
  for document in "${documents[@]}"; do
    [ ! -f "$source/$document" ] || put 0644 "$source/$document" "$share/doc/wrenn/$(basename -- "$document")"
  done
}

# How kernel and root disk are made; a whole new tree, so that nothing of an older version stays in it.
install_images() {
  rm -rf -- "$DESTDIR$share/wrenn/images"
  mkdir -p -- "$DESTDIR$share/wrenn"
  cp -r --preserve=mode -- "$source/images" "$DESTDIR$share/wrenn/images"
  find "$DESTDIR$share/wrenn/images" -name __pycache__ -prune -exec rm -rf -- {} +
  chmod -R u=rwX,go=rX "$DESTDIR$share/wrenn"
  chmod 0644 "$DESTDIR$share/wrenn/images"/{lib,debian}.sh # Sourced, never run.
}

install_completions() {
  local shell file i=0
  for shell in bash zsh fish; do
    file=$(mktemp)
    "$BUILDS/wrenn" completion "$shell" >"$file"
    put 0644 "$file" "${completions[$i]}"
    rm -f -- "$file"
    i=$((i + 1))
  done
}

make_user() {
  local entry
  entry=$(getent passwd "$user" || true)
  if [ -n "$entry" ]; then
    [ "$(cut -d: -f3 <<<"$entry")" = "$uid" ] && return
    fail "there is a user '$user' already, and it is not the control plane's (uid $uid)" \
      "rename that user (usermod -l), then run this again"
  fi
  entry=$(getent passwd "$uid" || true)
  [ -z "$entry" ] || fail "the uid $uid belongs to '${entry%%:*}'" "give that user another one, then run this again"
  if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers "$PREFIX/lib/sysusers.d/wrenn.conf"
  else
    # No entry in lastlog, which is as long as the greatest uid in it.
    groupadd --gid "$uid" "$user"
    useradd --uid "$uid" --gid "$uid" --no-log-init --no-create-home --home-dir "$state/control" \
      --shell /usr/sbin/nologin --comment "Wrenn control plane" "$user"
  fi
}

make_directories() {
  install -d -m 0750 -o root -g "$user" "$state"
  install -d -m 0711 -o root -g root "$state/run"
  install -d -m 0700 -o "$user" -g "$user" "$state/control" /var/backups/wrenn
  install -d -m 0750 -o root -g root "$state/logs"
}

has_systemd() { [ -d /run/systemd/system ]; }

prepare_machine() {
  make_user
  make_directories
  if ! has_systemd; then
    say "systemd does not run here, so nothing was started; 'wrenn up' starts Wrenn without it"
    return
  fi
  systemctl daemon-reload
  # What a kernel does not have, `wrenn doctor` names.
  systemctl restart systemd-modules-load.service || say "not every kernel module could be loaded: see wrenn doctor"
  sysctl -q -p /etc/sysctl.d/60-wrenn.conf || say "not every kernel setting could be made: see wrenn doctor"
  local service
  for service in "${services[@]}"; do
    if systemctl is-active --quiet "$service"; then
      systemctl restart "$service"
      say "restarted $service"
    fi
  done
}

next_steps() {
  say "done. What comes next: $share/doc/wrenn/install.md; what is missing: wrenn doctor"
}

uninstall() {
  local purge=$1 service
  if [ -z "$DESTDIR" ] && has_systemd; then
    for service in wrenn-cp wrenn-agent; do systemctl disable --quiet --now "$service" 2>/dev/null || true; done
  fi
  if [ -z "$DESTDIR" ] && [ "$purge" = yes ] && [ -x "$bin/wrenn-agent" ] && [ -d "$state/run" ]; then
    "$bin/wrenn-agent" purge --dir "$state"
  fi
  local file
  for file in "${programs[@]/#/$bin/}" "${generated[@]}" "${plain[@]}" "${completions[@]}"; do rm -f -- "$DESTDIR$file"; done
  rm -rf -- "$DESTDIR$lib" "$DESTDIR$share/wrenn" "$DESTDIR$share/doc/wrenn"
  if [ "$purge" = yes ]; then
    rm -rf -- "$DESTDIR/etc/wrenn" "$DESTDIR$state" "$DESTDIR/var/backups/wrenn"
    [ -n "$DESTDIR" ] || ! getent passwd "$user" >/dev/null || userdel "$user"
  else
    say "kept: /etc/wrenn, $state with every sandbox, /var/backups/wrenn (--purge removes them)"
  fi
  if [ -z "$DESTDIR" ] && has_systemd; then systemctl daemon-reload; fi
}

action=install
purge=no
for argument in "$@"; do
  case $argument in
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    *) fail "unknown option '$argument'" "known: --uninstall, --purge; DESTDIR, PREFIX and BUILDS are variables" ;;
  esac
done
[ "$purge" = no ] || [ "$action" = uninstall ] || fail "--purge goes with --uninstall alone"
case $PREFIX in
  /*) ;;
  *) fail "PREFIX must be absolute: '$PREFIX'" ;;
esac
[ -n "$DESTDIR" ] || [ "$(id -u)" -eq 0 ] || fail "root is needed" "run: sudo make install (or set DESTDIR)"

if [ "$action" = uninstall ]; then
  uninstall "$purge"
  exit 0
fi
install_files
if [ -z "$DESTDIR" ]; then
  prepare_machine
  next_steps
fi
