#!/usr/bin/env bash
# Peers that packets no longer reach (S34), in network namespaces: tests/netns.sh
# Needs root, and fails without it. Takes about 20 s once it is built.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "netns: $*" >&2; exit 1; }
((EUID == 0)) || die "needs root, for network namespaces and iptables"
missing=()
command -v ip >/dev/null || missing+=(iproute2)
command -v iptables >/dev/null || missing+=(iptables)
if ((${#missing[@]})); then
    command -v apt-get >/dev/null || die "missing: ${missing[*]}"
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null; } ||
        die "apt-get could not install: ${missing[*]}"
fi

cargo test --release --test netns --no-run
# In a namespace of its own too: this machine's network is left as it is.
exec unshare --net cargo test --release --offline --test netns -- --nocapture
