#!/usr/bin/env bash
# Installs every package Wrenn needs to be built, run and tested. Idempotent, and the only place that installs anything.
# Usage: setup.sh [--without-tests]    leaves out what only the tests need
set -euo pipefail

# Wanted as programs alone: installing them here must not start or enable them.
readonly services=(nginx haproxy caddy postgresql-15)
packages=(
  # toolchain
  g++ cmake ninja-build ccache pkg-config make git ca-certificates
  clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev
  # libraries
  libboost1.81-dev libboost-json1.81-dev libprotobuf-dev protobuf-compiler libsqlite3-dev
  libspdlog-dev libfmt-dev libcli11-dev libsodium-dev libnftables-dev zlib1g-dev libzstd-dev libcurl4-openssl-dev
  libpq-dev libssl-dev
  libgtest-dev libbenchmark-dev
  # the virtual machine and its images
  qemu-system-x86 qemu-utils mmdebstrap e2fsprogs xfsprogs lz4 xz-utils zstd
  # scripts
  python3 python3-yaml iproute2 curl dpkg-dev
)
# What the dashboard is made with comes by npm, node itself included; whoever has one keeps it.
command -v npm >/dev/null || packages+=(nodejs npm)
if [ "${1:-}" != --without-tests ]; then
  packages+=(python3-pytest python3-jsonschema python3-prometheus-client nftables socat openssl)
  # What renders the Helm chart as Helm does, and what judges the Debian package.
  packages+=(golang-go golang-github-masterminds-sprig-dev golang-k8s-sigs-yaml-dev lintian)
  # The browser of the tests of web applications, which playwright-core drives.
  packages+=(chromium)
  # Has the containers that templates are made of; it runs none.
  packages+=(podman)
  # The peers of the proxy's benchmark, and what makes its load; and the database that the tests start.
  packages+=("${services[@]}" wrk)
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
if [ "${#missing[@]}" -eq 0 ]; then
  echo "setup: everything is installed"
  exit 0
fi

if [ "$(id -u)" -ne 0 ]; then
  echo "setup: root is needed to install: ${missing[*]}" >&2
  echo "setup: run 'sudo make setup'" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "setup: this script knows Debian and its relatives only (apt-get is missing)" >&2
  exit 1
fi

echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq

# A machine that has a policy for services keeps it.
readonly policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
for service in "${services[@]}"; do
  [[ " ${missing[*]} " == *" $service "* ]] || continue
  command -v systemctl >/dev/null && systemctl --quiet disable "${service%-*}"
done
echo "setup: done"
