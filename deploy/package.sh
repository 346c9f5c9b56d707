#!/usr/bin/env bash
# Makes a Debian package of builds/: build/deb/wrenn_VERSION_amd64.deb. Root is not needed.
# Usage: package.sh [--version VERSION] [--out DIR]     VERSION is that of the file VERSION, with the revision 1
# DEBFULLNAME and DEBEMAIL say whose package it is.
set -euo pipefail
umask 022
source=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
debian=$source/deploy/debian
builds=${BUILDS:-$source/builds}
version=$(<"$source/VERSION")-1
out=$source/build/deb
maintainer="${DEBFULLNAME:-Wrenn maintainers} <${DEBEMAIL:-wrenn@localhost}>"

fail() {
  printf 'package: error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'package: hint: %s\n' "$2" >&2
  exit 1
}
while [ $# -gt 0 ]; do
  case $1 in
    --version) version=${2:?--version needs one}; shift 2 ;;
    --out) out=${2:?--out needs a directory}; shift 2 ;;
    *) fail "unknown option '$1'" "known: --version VERSION, --out DIR" ;;
  esac
done
for tool in dpkg-deb dpkg-shlibdeps strip; do
  command -v "$tool" >/dev/null || fail "'$tool' is missing" "run: make setup"
done

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
root=$work/root
mkdir -p "$root/DEBIAN" "$work/builds"

# Copies without symbols: those in builds/ are for debugging.
for program in wrenn wrenn-agent wrenn-cp wrenn-page-handler envd; do
  [ -x "$builds/$program" ] || fail "$builds/$program is missing" "build it first: make build"
  strip --strip-unneeded -o "$work/builds/$program" "$builds/$program"
done
BUILDS=$work/builds DESTDIR=$root PREFIX=/usr "$source/deploy/install.sh"

# What they are linked with, asked of the packages that have it.
dependencies() {
  mkdir -p "$work/debian"
  printf 'Source: wrenn\nMaintainer: nobody\n\nPackage: wrenn\nArchitecture: amd64\n' >"$work/debian/control"
  (cd "$work" && dpkg-shlibdeps -O "$root"/usr/bin/wrenn{,-agent,-cp,-page-handler} 2>"$work/shlibdeps.log") |
    sed -n 's/^shlibs:Depends=//p'
}
shlibs=$(dependencies)
[ -n "$shlibs" ] || fail "the libraries' packages could not be found: $(tail -n 1 "$work/shlibdeps.log")"

doc=$root/usr/share/doc/wrenn
install -m 0644 "$debian/copyright" "$doc/copyright"
mv "$doc/CHANGELOG.md" "$doc/changelog"
gzip -9n "$doc/changelog"
printf 'wrenn (%s) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- %s  %s\n' \
  "$version" "$maintainer" "$(date -R -u -r "$source/CHANGELOG.md")" | gzip -9n >"$doc/changelog.Debian.gz"
install -D -m 0644 "$debian/wrenn.lintian-overrides" "$root/usr/share/lintian/overrides/wrenn"

install -m 0755 "$debian"/{postinst,prerm,postrm} "$root/DEBIAN/"
install -m 0644 "$debian/conffiles" "$root/DEBIAN/conffiles"
(cd "$root" && find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
sed -e "s|@VERSION@|$version|" -e "s|@MAINTAINER@|$maintainer|" -e "s|@SHLIBS@|$shlibs|" -e "s|@SIZE@|$(du -sk --exclude=DEBIAN "$root" | cut -f1)|" \
  "$debian/control.in" >"$root/DEBIAN/control"

mkdir -p "$out"
package=$out/wrenn_${version}_amd64.deb
dpkg-deb --root-owner-group --uniform-compression -Zxz -z1 --build "$root" "$package.new" >/dev/null
mv -f -- "$package.new" "$package"
echo "$package"
