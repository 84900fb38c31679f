#!/usr/bin/env bash
# unpack_peers.sh NAME PACKAGE...: unpacks Debian packages, and those of their dependencies that are not installed here, under
# build/peers/NAME, and prints that path. Nothing is installed, so no service is started or replaced; root is not needed. Done already: at once.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -ge 2 ] || { echo "usage: tools/unpack_peers.sh NAME PACKAGE..." >&2; exit 2; }
name=$1
shift
asked="$*"
root=$PWD/build/peers/$name
mark="$root/.unpacked"
# Tests that run at the same time ask for the same peers, and peers have packages in common.
mkdir -p build/peers/archives
exec 9>build/peers/archives/.lock
flock 9
if [ "$(cat "$mark" 2>/dev/null)" = "$asked" ]; then
  echo "$root"
  exit 0
fi
rm -rf "$root"
mkdir -p "$root"
simulate() { apt-get install --simulate --no-install-recommends "$@" 2>/dev/null | awk '$1 == "Inst" { print $2 }'; }
# One by one, for peers may be in conflict with each other; one that is installed here is in no list and is named anyway.
wanted=$(for package in "$@"; do echo "$package"; simulate "$package"; done | sort -u)
cd build/peers/archives
for package in $wanted; do
  set -- "${package}"_*.deb
  if [ ! -e "$1" ] && ! apt-get -q -o DPkg::Lock::Timeout=300 download "$package" >download.log 2>&1; then
    # An old index names versions that the mirror has no longer.
    if [ "$(id -u)" -eq 0 ]; then apt-get -q -o DPkg::Lock::Timeout=300 update >update.log 2>&1 || true; fi
    apt-get -q download "$package" >download.log 2>&1 || { cat download.log >&2; exit 1; }
  fi
  set -- "${package}"_*.deb
  dpkg -x "${!#}" "$root" # the last by name, should there be several versions
done
echo "$asked" >"$mark"
echo "$root"
