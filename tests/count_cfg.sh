#!/usr/bin/env bash
# How often our crates ask what they are built with: `cfg(`, `cfg_attr` and `cfg!` in all of src, without
# those of tests and documentation. Fails from 60 on. A feature that is off has a stand-in with the same
# methods instead (the files named `…_off.rs`).
#
#   tests/count_cfg.sh [--list]
set -euo pipefail
cd "$(dirname "$0")/.."

most=59
found=$(grep -rnE '\bcfg(_attr)?!?\(' --include='*.rs' src crates/*/src |
    grep -vE 'cfg(_attr)?!?\((all\()?(not\()?(test|docsrs|doctest|miri)\b' |
    grep -vE '^[^:]*:[0-9]+: *//') || true
[[ ${1:-} != --list ]] || printf '%s\n' "$found"
count=$(grep -c . <<<"$found" || true)
echo "$count cfg in src; at most $most are allowed"
((count <= most)) || { [[ ${1:-} == --list ]] || printf '%s\n' "$found"; exit 1; }
