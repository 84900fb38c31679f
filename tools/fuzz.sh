#!/usr/bin/env bash
# fuzz.sh SECONDS [PATTERN]: runs every fuzz target of build/asan (or those that match) for SECONDS each, two at a time,
# with its dictionary and what earlier runs found to be of interest. A crash leaves its input in build/fuzz/crashes and ends in 1.
# ANGARIUM_FUZZ_SEED=1 tries the same inputs each time; without it (or with 0) every run tries others.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1 pattern=${2:-.} seed=${ANGARIUM_FUZZ_SEED:-0}
mkdir -p build/fuzz/crashes build/fuzz/corpus
one() { # TARGET DICTIONARY
  local target=$1 dictionary=$2 program corpus=build/fuzz/corpus/$1
  program=$(find build/asan/src -type f -name "$target" -perm -u+x | head -n 1)
  mkdir -p "$corpus"
  local options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=0 -verbosity=0
    -seed="$seed"
    -artifact_prefix="build/fuzz/crashes/$target-")
  [ ! -s "$dictionary" ] || options+=(-dict="$dictionary")
  if ! "$program" "${options[@]}" "$corpus" >"build/fuzz/crashes/$target.log" 2>&1; then
    echo "FAILED $target"
    tail -n 40 "build/fuzz/crashes/$target.log"
    return 1
  fi
  echo "ok     $target"
}
export -f one
export seconds seed
grep -E "$pattern" build/asan/fuzz_targets.txt | xargs -P "$(nproc)" -L 1 bash -c 'one "$0" "$1"'
