//! What the fuzzer calls with any bytes: one function per target. None may panic.
//!
//! `tests/fuzz_corpus.rs` replays `BODIES` over the committed corpus on stable Rust; a new target is a
//! file here, a line in `BODIES`, and a `[[bin]]` in `fuzz/Cargo.toml`.

mod close;
mod header;
mod pair;
mod receive;
mod utf8;

pub use close::close;
pub use header::header;
pub use pair::pair;
pub use receive::receive;
pub use utf8::utf8;

#[allow(dead_code)] // The fuzzer names its target; the test asks for all of them.
pub const BODIES: [(&str, fn(&[u8])); 5] = [
    ("header", header),
    ("receive", receive),
    ("pair", pair),
    ("utf8", utf8),
    ("close", close),
    // handshake: request, response, extensions
    // net: net
];
