#!/usr/bin/env bash
# The oldest Rust and the other systems (S04): tests/platforms.sh
#
#   1.88 on this system              checked, all features
#   i686 Linux                       checked with TLS; the core's tests are run
#   aarch64 Linux, aarch64 macOS,
#   x86_64 Windows (gnu)             checked; TLS where there is a C compiler for it
#   wasm32                           the core with deflate is checked
#
# Installs toolchains and targets by rustup, and gcc-multilib by apt-get. Fails if it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "platforms: $*" >&2; exit 1; }
say() { printf -- '-- %s (%s s)\n' "$*" "$SECONDS"; }

oldest=$(sed -n 's/^rust-version = "\([0-9.]*\)"/\1.0/p' Cargo.toml)
[[ -n $oldest ]] || die "Cargo.toml names no rust-version"
rustup toolchain list | grep -q "^$oldest" ||
    rustup toolchain install "$oldest" --profile minimal || die "Rust $oldest could not be installed"
rustup target add i686-unknown-linux-gnu aarch64-unknown-linux-gnu aarch64-apple-darwin \
    x86_64-pc-windows-gnu wasm32-unknown-unknown || die "a target could not be installed"
[[ -e /usr/lib/gcc/x86_64-linux-gnu/$(gcc -dumpversion)/32 ]] ||
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends gcc-multilib >/dev/null; } ||
    die "gcc-multilib could not be installed"

export RUSTFLAGS="-D warnings"

say "Rust $oldest, all features"
cargo "+$oldest" check --quiet -p bowstring -p echo-server --all-features

plain=tokio,deflate,server,tracing
tls=$plain,rustls-tls-native-roots,rustls-tls-webpki-roots
check() { # TARGET C-COMPILER
    local features=$plain what="without TLS: there is no $2"
    ! command -v "$2" >/dev/null || features=$tls what="with TLS"
    say "$1, $what"
    cargo check --quiet -p bowstring --lib --target "$1" --no-default-features --features "$features"
    cargo check --quiet -p echo-server --target "$1"
}
check i686-unknown-linux-gnu gcc
check aarch64-unknown-linux-gnu aarch64-linux-gnu-gcc
check aarch64-apple-darwin aarch64-apple-darwin-gcc
check x86_64-pc-windows-gnu x86_64-w64-mingw32-gcc

say "wasm32, the core with deflate"
cargo check --quiet -p bowstring --lib --target wasm32-unknown-unknown --no-default-features --features deflate

say "the core's tests on i686"
cargo test --quiet -p bowstring --target i686-unknown-linux-gnu --no-default-features --features deflate \
    --lib --test proto --test handshake --test deflate --test attacks_proto
say "done"
