#!/usr/bin/env bash
# What .ci/run has no time for: tests/full.sh [STEP…], all by default:
#
#   autobahn   all 517 cases in both roles                           a quarter of an hour
#   miri       the core's unit tests and the handshake's, by Miri     half an hour
#   mutants    mutants of proto that no test notices                  hours; SHARD=K/N does a part of them
#   fuzz       every fuzz target for FUZZ_SECONDS (300) each          an hour
#
# Installs what it needs. What the steps said when they last ran is in tests/full.txt, with those that
# have not run whole.
set -euo pipefail
cd "$(dirname "$0")/.."

(($#)) || set -- autobahn miri mutants fuzz

nightly() {
    for component; do
        rustup +nightly component list --installed | grep -q "^${component%-preview}" ||
            rustup +nightly component add "$component"
    done
}

run_autobahn() { autobahn/run.sh all; }

# Properties look for a file of earlier failures, and take as many cases as they are told.
run_miri() {
    nightly miri rust-src
    MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=4 \
        cargo +nightly miri test --quiet --no-default-features --lib --test handshake
}

run_mutants() {
    command -v cargo-mutants >/dev/null || cargo install cargo-mutants --locked
    cargo mutants --file 'src/proto/*.rs' ${SHARD:+--shard "$SHARD"} --no-times --output target \
        --features deflate -- --lib --test 'proto_*' --test pair --test properties --test deflate
}

run_fuzz() { fuzz/run.sh "${FUZZ_SECONDS:-300}"; }

for step; do
    declare -F "run_$step" >/dev/null || { echo "full: there is no step $step" >&2; exit 2; }
    printf '== %s (%s s)\n' "$step" "$SECONDS"
    "run_$step"
done
printf '== done (%s s)\n' "$SECONDS"
