#!/usr/bin/env bash
# What .ci/run has no time for: tests/full.sh [STEP…], all by default:
#
#   autobahn   all 517 cases in both roles, over HTTP/1.1 and HTTP/2  half an hour
#   miri       the core's tests and the handshake's, by Miri          half an hour
#   mutants    mutants of proto that no test notices                  hours; SHARD=K/N does a part of them
#   fuzz       every fuzz target for FUZZ_SECONDS (300) each          an hour
#   migration  two published programs, moved and tested              five minutes
#
# Installs what it needs. What the steps said when they last ran is in tests/full.txt, with those that
# have not run whole.
set -euo pipefail
cd "$(dirname "$0")/.."

(($#)) || set -- autobahn miri mutants fuzz migration

nightly() {
    for component; do
        rustup +nightly component list --installed | grep -q "^${component%-preview}" ||
            rustup +nightly component add "$component"
    done
}

run_migration() { tests/migration/run.sh; }

run_autobahn() {
    autobahn/run.sh all
    autobahn/run.sh all --http2
}

# Properties look for a file of earlier failures, and take as many cases as they are told. What is long, or
# looks at the clock, the tests leave out by themselves.
run_miri() {
    nightly miri rust-src
    MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=2 \
        cargo +nightly miri test -p bowstring --no-default-features --lib --test handshake
    # The other modules count what is allocated, which Miri's allocator does not tell.
    MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=2 \
        cargo +nightly miri test -p bowstring --no-default-features --test proto -- \
        tables:: closing:: prepared:: pair:: properties::
}

# Built to be run soon and often. A mutant that no test notices needs its reason in tests/mutants.txt, and
# those that make memory without end have an end.
run_mutants() {
    command -v cargo-mutants >/dev/null || cargo install cargo-mutants --locked
    local status=0
    (
        ulimit -v 12000000
        CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_DEV_DEBUG=0 PROPTEST_CASES=64 \
            cargo mutants --package bowstring --file 'src/proto/*.rs' ${SHARD:+--shard "$SHARD"} --no-default-features \
            --features deflate --no-times --minimum-test-timeout 10 --output target -- \
            --lib --test proto --test deflate --test attacks_proto
    ) || status=$?
    # 2: some were missed; 3: some ran into the time limit, which is noticed, too.
    ((status == 0 || status == 2 || status == 3))
    # FILE:LINE:COLUMN: WHAT, without the place, which moves.
    local unexplained
    unexplained=$(sed -E 's/:[0-9]+:[0-9]+:/:/' target/mutants.out/missed.txt | sort -u |
        while read -r mutant; do grep -qF "$mutant: " tests/mutants.txt || echo "no reason: $mutant"; done)
    [ -z "$unexplained" ] || { echo "$unexplained"; return 1; }
}

run_fuzz() { fuzz/run.sh "${FUZZ_SECONDS:-300}"; }

for step; do
    declare -F "run_$step" >/dev/null || { echo "full: there is no step $step" >&2; exit 2; }
    printf '== %s (%s s)\n' "$step" "$SECONDS"
    "run_$step"
done
printf '== done (%s s)\n' "$SECONDS"
