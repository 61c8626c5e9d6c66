#!/usr/bin/env bash
# User instructions of bowstring's echo server for a message, as callgrind counts them: for a change's
# effect that no other work on the machine can blur.
#
#   bench/instructions.sh [WORKLOAD…]     (a b)
#   bench/instructions.sh --check         fails if one is more than 1 % over instructions.tsv, which has the
#                                         figures of version 0.1 and is not to be written anew
#   SERVER=PROGRAM bench/instructions.sh  another server that prints its address on the first line
#   FLAGS=--raw SERVER=…                  if that is a floor
#
# Each workload runs twice, with different numbers of messages; the difference is the messages' own,
# without start, handshakes and end. Under callgrind the server is the slower side, so that it always
# finds work: turns of its event loop are as full as they can be.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$here/.work
target=${CARGO_TARGET_DIR:-$here/target}
few=20000 many=60000

say() { printf 'instructions: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

command -v valgrind >/dev/null || die "valgrind is missing (on Debian: apt-get install valgrind)"
mkdir -p "$work"
exec 9>"$work/lock"
flock -n 9 || die "a measurement is under way"
export CARGO_TARGET_DIR=$target
cargo build --quiet --release --locked --manifest-path "$here/Cargo.toml" --bin load
if [[ -z ${SERVER:-} ]]; then
    cargo build --quiet --release --manifest-path "$here/../Cargo.toml" --bin echo-server
    command=("$target/release/echo-server" 127.0.0.1:0 --threads 1)
else
    command=("$SERVER")
fi

trap 'exit 130' INT
trap 'exit 143' TERM

# Prints the instructions of a run. It is called in a subshell, which has to clean up for itself.
count() { # WORKLOAD MESSAGES
    local port= tries
    server=
    trap '[[ -z $server ]] || kill -KILL "$server" 2>/dev/null || true' EXIT
    : >"$work/counted.out"
    rm -f "$work/callgrind.out"*
    valgrind --tool=callgrind --callgrind-out-file="$work/callgrind.out" "${command[@]}" \
        >"$work/counted.out" 2>"$work/counted.err" 9>&- &
    server=$!
    for ((tries = 0; tries < 200; tries++)); do
        port=$(sed -n '1s/^listening on .*127\.0\.0\.1:\([0-9]*\).*/\1/p' "$work/counted.out")
        [[ -z $port ]] || break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    [[ -n $port ]] || die "the server did not start: $(tail -n 1 "$work/counted.err")"
    timeout 120 "$target/release/load" "$1" "$port" --messages "$2" ${FLAGS:-} >&2 || die "workload $1 failed"
    kill -TERM "$server"
    wait "$server" 2>/dev/null || true
    server=
    [[ -s $work/callgrind.out ]] || die "callgrind left no figures"
    sed -n 's/^\(summary\|totals\): \([0-9]*\).*/\2/p' "$work/callgrind.out" | tail -n 1
}

check=
[[ ${1:-} != --check ]] || { check=1 && shift; }
(($#)) || set -- a b
grown=()
for workload; do
    less=$(count "$workload" "$few")
    more=$(count "$workload" "$many")
    now=$(((more - less) / (many - few)))
    printf '%s\t%s\n' "$workload" "$now"
    [[ -n $check ]] || continue
    known=$(sed -n "s/^$workload\t//p" "$here/instructions.tsv")
    [[ -n $known ]] || die "instructions.tsv has no figure for $workload"
    ((now * 100 <= known * 101)) || grown+=("$workload: $known before, $now now")
done
((${#grown[@]} == 0)) || die "more than 1 % more: $(IFS=';' && printf '%s' "${grown[*]}")"
