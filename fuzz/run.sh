#!/usr/bin/env bash
# Runs fuzz targets: fuzz/run.sh SECONDS [TARGET…] — each that long, all of them by default.
# What the fuzzer finds on its way stays in fuzz/scratch, which git ignores; corpus/ holds the seeds.
# FUZZ_SEED=N makes a run that can be repeated; without it each is another.
# Prints the executions of each; fails if one crashed (the input is in fuzz/artifacts/TARGET).
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET…]}
shift
[ $# -gt 0 ] || set -- $(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | tail -n +2)
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked

# Which dictionary helps which target.
dictionary() {
    case $1 in
        header | receive | differential) echo dictionaries/frames.dict ;;
        utf8) echo dictionaries/utf8.dict ;;
        close) echo dictionaries/close.dict ;;
        request | response | extensions | proxy) echo dictionaries/http.dict ;;
    esac
}

failed=0
for target; do
    mkdir -p "scratch/$target" "corpus/$target"
    dict=$(dictionary "$target")
    log=scratch/$target.log
    status=0
    cargo +nightly fuzz run --fuzz-dir . "$target" "scratch/$target" "corpus/$target" -- \
        -max_total_time="$seconds" -seed="${FUZZ_SEED:-0}" -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 ${dict:+-dict="$dict"} >"$log" 2>&1 || status=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ "$status" -eq 0 ]; then
        printf '%-14s %12s executions, no findings\n' "$target" "$executions"
    else
        printf '%-14s FAILED (%s)\n' "$target" "fuzz/$log"
        grep -aE -A3 'panicked at|ERROR: |artifacts/' "$log" | cut -c 1-300
        failed=1
    fi
done
exit $failed
