#!/usr/bin/env bash
# Measures bowstring, its peers and the limits, and prints and saves the table.
#
#   bench/run.sh [WORKLOAD…] [PEER…]      (all of both; names in any order, peers.sh has the list)
#
# Environment:
#   ROUNDS    how often each is measured, interleaved (3); e and e4 twice as often
#   WINDOW    milliseconds of each measurement (500); of e and e4 four times as many
#   SERVER_CPU, LOAD_CPU    the cores (0 and 1)
#   RESULTS   where the results go (bench/results)
# Installs what it needs into bench/.work; loopback only; ends by itself; says what it left out.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$here/.work
. "$here/peers.sh"

rounds=${ROUNDS:-3} window=${WINDOW:-500}
server_cpu=${SERVER_CPU:-0} load_cpu=${LOAD_CPU:-1}
results=${RESULTS:-$here/results}

say() { printf 'bench: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

workloads=() peers=()
for name; do
    if [[ " $ALL_WORKLOADS " == *" $name "* ]]; then workloads+=("$name")
    elif [[ " $ALL_PEERS " == *" $name "* ]]; then peers+=("$name")
    else die "there is no workload and no peer $name; workloads: $ALL_WORKLOADS; peers: $ALL_PEERS"; fi
done
((${#workloads[@]})) || read -ra workloads <<<"$ALL_WORKLOADS"
((${#peers[@]})) || read -ra peers <<<"$ALL_PEERS"
# Nothing is a ratio without the limit; compression is measured against Bun.
[[ " ${peers[*]} " == *" raw-epoll "* ]] || peers=(raw-epoll "${peers[@]}")
[[ " ${workloads[*]} " != *" j "* || " ${peers[*]} " == *" bun "* ]] || peers+=(bun)

mkdir -p "$work" "$results"
# Two at once would share the cores, and their files.
exec 9>"$work/lock"
flock -n 9 || die "another run is under way"
raw=$work/raw.tsv notes=$work/notes.txt
: >"$raw"
: >"$notes"
note() { say "$@"; printf '%s\n' "$*" >>"$notes"; }

server=
trap '[[ -z $server ]] || kill -KILL "$server" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Real time if the system allows it: then no other work falls into a window.
fifo=(chrt -f 10) hurry=(nice -n -20)
"${fifo[@]}" true 2>/dev/null || { fifo=() && note "real-time scheduling is not allowed here: figures spread more"; }
"${hurry[@]}" true 2>/dev/null || hurry=()
taskset -c "$server_cpu" true && taskset -c "$load_cpu" true ||
    die "cores $server_cpu and $load_cpu are needed (SERVER_CPU, LOAD_CPU)"
((server_cpu != load_cpu)) || die "the server and the generator need a core each"
# 10,000 connections are as many open files, at both ends.
ulimit -Hn 65536 2>/dev/null || true
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true

build_all "${peers[@]}"

# Starts a server: sets $server and $port.
start() { # PEER WORKLOAD
    local tries
    command_of "$1" "$2"
    : >"$work/server.out" # or the last server's port would be read from it
    if [[ $schedule == fifo ]]; then urgent=(${fifo[@]+"${fifo[@]}"}); else urgent=(${hurry[@]+"${hurry[@]}"}); fi
    taskset -c "$server_cpu" ${urgent[@]+"${urgent[@]}"} "${command[@]}" >"$work/server.out" 2>"$work/server.err" 9>&- &
    server=$!
    for ((tries = 0; tries < 100; tries++)); do
        port=$(sed -n '1s/^listening on .*127\.0\.0\.1:\([0-9]*\).*/\1/p' "$work/server.out")
        [[ -z $port ]] || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    return 1
}

stop() {
    kill -KILL "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}

failed=" "
# Measures all peers once on a workload.
measure() { # WORKLOAD ROUND WINDOW
    local peer
    for peer in "${peers[@]}"; do
        can "$peer" "$1" || continue
        [[ $failed != *" $peer/$1 "* ]] || continue
        say "round $round of $rounds: $1, $peer"
        : >"$work/load.err"
        if start "$peer" "$1" &&
            timeout 60 taskset -c "$load_cpu" ${urgent[@]+"${urgent[@]}"} "$bin/load" \
                "$1" "$port" "$server" ${flags[@]+"${flags[@]}"} --window "$3" \
                >"$work/load.out" 2>"$work/load.err"; then
            awk -v OFS='\t' -v r="$2" -v p="$peer" '{ print r, p, $1, $2 }' "$work/load.out" >>"$raw"
        else
            why=$(grep -h '^load: ' "$work/load.err" 2>/dev/null | tail -n 1 | cut -c 1-160 || true)
            note "$peer could not be measured on $1: ${why:-$(tail -n 1 "$work/server.err" | cut -c 1-160)}"
            failed+="$peer/$1 "
        fi
        stop
    done
}

for ((round = 1; round <= rounds; round++)); do
    for workload in "${workloads[@]}"; do
        case $workload in
            e | e4)
                measure "$workload" $((2 * round - 1)) $((4 * window))
                measure "$workload" $((2 * round)) $((4 * window))
                ;;
            *) measure "$workload" "$round" "$window" ;;
        esac
    done
done

for peer in $missing; do note "$peer was left out: it could not be installed or built"; done
about "$rounds" "$window" "${#fifo[@]}" >"$work/about.txt"
"$bin/report" "$raw" "$work/about.txt" "$notes" "$results"
