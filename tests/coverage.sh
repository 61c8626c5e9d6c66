#!/usr/bin/env bash
# Line coverage of src/proto and src/handshake by `cargo test`: tests/coverage.sh [MINIMUM PERCENT]
# Prints a line per file and every uncovered line; fails below the minimum.
set -euo pipefail
cd "$(dirname "$0")/.."

minimum=${1:-98}
command -v cargo-llvm-cov >/dev/null || cargo install cargo-llvm-cov --locked
rustup component list --installed 2>/dev/null | grep -q llvm-tools || rustup component add llvm-tools

# Only what tests the two layers; the rest would take its time and cover nothing of them.
cargo llvm-cov --quiet --no-report --lib --test 'proto_*' --test handshake --test pair \
    --test properties --test deflate --test fuzz_corpus
report=$(mktemp)
trap 'rm -f "$report"' EXIT
cargo llvm-cov report --json --ignore-filename-regex '/(net|bin|tests|fuzz)/' --output-path "$report"
python3 - "$report" "$minimum" <<'PYTHON'
import json
import sys

report, minimum = sys.argv[1], float(sys.argv[2])
data = json.load(open(report))["data"][0]
total = covered = 0
for file in sorted(data["files"], key=lambda file: file["filename"]):
    name = file["filename"].split("/src/", 1)[1]
    if not name.startswith(("proto/", "handshake/")):
        continue
    lines = file["summary"]["lines"]
    total += lines["count"]
    covered += lines["covered"]
    # A segment is [line, column, count, has count, is entry, is gap].
    missed = sorted({s[0] for s in file["segments"] if s[3] and s[4] and not s[5] and s[2] == 0})
    print(f"{lines['percent']:6.2f} %  {name}" + (f"  not: {missed}" if missed else ""))
percent = 100 * covered / total
print(f"{percent:6.2f} %  of {total} lines; at least {minimum} % wanted")
sys.exit(percent < minimum)
PYTHON
