//! The fuzz targets as plain functions. Those in `bodies` need nothing but bowstring, so a stable
//! test replays them over the corpus (`tests/fuzz_corpus.rs`).

#[path = "../../tests/support/scripted.rs"]
mod scripted;
#[path = "../../tests/support/mod.rs"]
mod support;

#[path = "../bodies/mod.rs"]
pub mod bodies;

mod differential;
mod http2;

pub use differential::differential;
pub use http2::http2;
