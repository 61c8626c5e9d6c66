#!/usr/bin/env bash
# Coverage of src/proto and src/handshake by `cargo test`: tests/coverage.sh [MINIMUM PERCENT OF LINES]
# Prints a line per file, every line that is not covered, and every branch that is never taken one way
# or the other. Fails below the minimum, and where tests/branches.txt does not say why of a branch.
set -euo pipefail
cd "$(dirname "$0")/.."

minimum=${1:-98}
rustup toolchain list | grep -q ^nightly || rustup toolchain install nightly --profile minimal
rustup +nightly component list --installed | grep -q llvm-tools || rustup +nightly component add llvm-tools
command -v cargo-llvm-cov >/dev/null || cargo install cargo-llvm-cov --locked

# Only what tests the two layers; the rest would take its time and cover nothing of them.
cargo +nightly llvm-cov clean --workspace
cargo +nightly llvm-cov --branch --quiet --no-report --features url --lib --test proto --test handshake --test url \
    --test deflate --test fuzz_corpus --test attacks_proto
report=$(mktemp)
trap 'rm -f "$report"' EXIT
cargo +nightly llvm-cov report --branch --json --ignore-filename-regex '/(net|server|bin|tests|fuzz)/' \
    --output-path "$report"
python3 - "$report" "$minimum" <<'PYTHON'
import json
import sys
from collections import defaultdict

report, minimum = sys.argv[1], float(sys.argv[2])
data = json.load(open(report))["data"][0]
# FILE: the line's code: why.
explained = [line.rstrip("\n") for line in open("tests/branches.txt") if line.strip() and line[0] != "#"]

total = covered = branches = 0
missed_branches = []
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
    # A branch is [line, column, end line, end column, times true, times false, ...], once for each
    # instance of a generic function.
    taken = defaultdict(lambda: [0, 0])
    for branch in file["branches"]:
        for way in range(2):
            taken[tuple(branch[:4])][way] += branch[4 + way]
    source = open(file["filename"]).read().split("\n")
    branches += 2 * len(taken)
    for (line, column, *_), ways in sorted(taken.items()):
        for way, times in zip(("true", "false"), ways):
            if times == 0:
                missed_branches.append((f"{name}:{line}:{column}", way, f"{name}: {source[line - 1].strip()}"))

unexplained = 0
for place, way, code in missed_branches:
    why = [line for line in explained if line.startswith(code + ": ")]
    unexplained += not why
    print(f"never {way}: {place}: " + (why[0] if why else f"{code}: UNEXPLAINED"))
for line in explained:
    if not any(line.startswith(code + ": ") for _, _, code in missed_branches):
        print(f"tests/branches.txt has one too many: {line}")
        unexplained += 1
percent = 100 * covered / total
print(f"{percent:6.2f} %  of {total} lines; at least {minimum} % wanted")
print(f"{len(missed_branches)} of {branches} branches never taken, {unexplained} of them unexplained")
sys.exit(percent < minimum or unexplained > 0)
PYTHON
