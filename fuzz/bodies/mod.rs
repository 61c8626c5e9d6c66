//! What the fuzzer calls with any bytes: one function per target. None may panic.
//!
//! `tests/fuzz_corpus.rs` replays `BODIES` over the committed corpus on stable Rust; a new target is a
//! file here, a line in `BODIES`, and a `[[bin]]` in `fuzz/Cargo.toml`.

#![allow(unreachable_pub)] // Public for the fuzzer, not for the test.

mod close;
mod deflate_roundtrip;
mod extensions;
mod header;
mod inflate;
mod net;
mod pair;
mod proxy;
mod receive;
mod request;
mod response;
mod utf8;

pub use close::close;
pub use deflate_roundtrip::deflate_roundtrip;
pub use extensions::extensions;
pub use header::header;
pub use inflate::inflate;
pub use net::net;
pub use pair::pair;
pub use proxy::proxy;
pub use receive::receive;
pub use request::request;
pub use response::response;
pub use utf8::utf8;

type Body = fn(&[u8]);

#[allow(dead_code)] // The fuzzer names its target; the test asks for all of them.
pub const BODIES: [(&str, Body); 12] = [
    ("header", header),
    ("receive", receive),
    ("pair", pair),
    ("utf8", utf8),
    ("close", close),
    ("request", request),
    ("response", response),
    ("extensions", extensions),
    ("net", net),
    ("proxy", proxy),
    ("inflate", inflate),
    ("deflate_roundtrip", deflate_roundtrip),
];
