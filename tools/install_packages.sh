#!/usr/bin/env bash
# install_packages.sh KIND...: makes sure that the Debian packages of these kinds in packages.txt are installed.
# As root it installs what is missing (without recommended packages); otherwise it prints the one command to type.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kinds="$*"
missing=()
# What an installed package provides is there, too (npm comes with some builds of nodejs).
provided=" $(dpkg-query -W -f='${db:Status-Status} ${Provides}\n' | sed -n 's/^installed //p' | sed 's/([^)]*)//g' | tr -s ', \n' ' ') "
while read -r kind package _; do
  case "$kind" in '' | '#'*) continue ;; esac
  case " $kinds " in *" $kind "*) ;; *) continue ;; esac
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || case "$provided" in *" $package "*) ;; *) missing+=("$package") ;; esac
done <"$here/packages.txt"
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then
  echo "Angarium builds on Debian 12; these packages are missing here: ${missing[*]}" >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "Some packages are missing. Type this once, then run the same command again:" >&2
  echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
echo "Installing ${#missing[@]} packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# No service of a newly installed package may start: this is somebody's machine.
policy=/usr/sbin/policy-rc.d
made_policy=no
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  made_policy=yes
fi
trap '[ "$made_policy" = no ] || rm -f "$policy"' EXIT
log=$(mktemp)
if ! { apt-get -o DPkg::Lock::Timeout=300 update && apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "Installing failed; the whole output is in $log" >&2
  exit 1
fi
rm -f "$log"
