#!/usr/bin/env bash
# run.sh [SECTION...] [--runs N]: measures Angarium (release build) beside Postfix, Dovecot and Cyrus in one run and writes
# bench/RESULTS.md. Sections: smtp lmtp relay imap tls select100k pop3 idle restart limits; all of them without a name. Needs root and a quiet machine.
#
#   BENCH_TMP=DIR      scratch of about 5 GB, not on tmpfs (default build/bench)
#   ANGARIUM=FILE      a built binary; without it the release preset is built
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
runs=5
sections=()
while [ $# -gt 0 ]; do
  case $1 in
    --runs) runs=$2; shift ;;
    smtp | lmtp | relay | imap | tls | select100k | pop3 | idle | restart | limits) sections+=("$1") ;;
    *) sed -n '2,3p' "$0" >&2; exit 2 ;;
  esac
  shift
done
[ ${#sections[@]} -gt 0 ] || sections=(limits smtp lmtp relay imap tls select100k pop3 idle restart)
[ "$(id -u)" -eq 0 ] || { echo "bench/run.sh: the peers run only as root" >&2; exit 1; }
export BENCH_TMP=${BENCH_TMP:-$root/build/bench}
mkdir -p "$BENCH_TMP/x" "$BENCH_TMP/bin"

if [ -z "${BENCH_INSIDE:-}" ]; then
  if [ -z "${ANGARIUM:-}" ]; then
    tools/install_packages.sh build bench
    [ -f build/release/build.ninja ] || cmake --preset release
    cmake --build build/release --target angarium
    export ANGARIUM=$root/build/release/angarium
  fi
  ANGARIUM=$(realpath "$ANGARIUM")
  make -s -C bench/load B="$BENCH_TMP/bin" all
  peers=$(tools/unpack_peers.sh bench postfix dovecot-imapd dovecot-pop3d dovecot-lmtpd cyrus-common cyrus-imapd cyrus-pop3d sasl2-bin libsasl2-modules)
  [ ! -d "$peers/lib" ] || cp -a "$peers/lib/." "$peers/usr/lib/"
  # The peers know their paths at compile time: they see /usr and /etc with the unpacked packages and their users laid over, in a mount
  # namespace of their own; the machine's own stay as they are.
  etc=$BENCH_TMP/etc
  mkdir -p "$etc"
  cp -a "$peers/etc/postfix" "$etc/"
  : >"$etc/postfix/main.cf" # the tools want the default files to exist
  : >"$etc/postfix/master.cf"
  cp /etc/passwd /etc/group "$etc/"
  number=6000
  for user in postfix postdrop dovecot dovenull cyrus benchmail; do
    [ "$user" != benchmail ] || number=5000
    grep -q "^$user:" "$etc/group" || echo "$user:x:$number:" >>"$etc/group"
    grep -q "^$user:" "$etc/passwd" || echo "$user:x:$number:$number::/nonexistent:/usr/sbin/nologin" >>"$etc/passwd"
    number=$((number + 1))
  done
  for peer in cyrus-common cyrus-imapd cyrus-pop3d; do ln -sfn "$peers" "$BENCH_TMP/x/$peer"; done
  export BENCH_INSIDE=yes ANGARIUM peers etc
  exec unshare --mount --propagation private bash -c '
    mount -t overlay overlay -o "lowerdir=$peers/usr:/usr" /usr && mount -t overlay overlay -o "lowerdir=$etc:/etc" /etc &&
      exec "$@"' bash "$0" "${sections[@]}" --runs "$runs"
fi

results=results-$(date +%Y%m%d-%H%M%S).jsonl
export RESULTS=$results
[ -d "$BENCH_TMP/corpus" ] || python3 bench/load/mkcorpus.py "$BENCH_TMP/corpus"
for section in "${sections[@]}"; do
  case $section in
    smtp | relay) peers_of="--peers postfix,ours" ;;
    lmtp | imap | select100k | pop3) peers_of="--peers dovecot,cyrus,ours" ;;
    tls) peers_of="--peers dovecot,dovecot-perf,ours" ;;
    idle) peers_of="--peers dovecot,ours --conns 1000" ;;
    *) peers_of="" ;;
  esac
  # shellcheck disable=SC2086
  python3 bench/load/run.py "$section" --runs "$runs" $peers_of
done
python3 bench/load/summary.py "$BENCH_TMP/$results" "bench/run.sh ${sections[*]} --runs $runs" >"$BENCH_TMP/RESULTS.md"
mv "$BENCH_TMP/RESULTS.md" bench/RESULTS.md
echo "Written: bench/RESULTS.md (raw: $BENCH_TMP/$results)"
