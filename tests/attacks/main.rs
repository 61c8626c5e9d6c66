//! What a hostile peer sends, against the real server in a process of its own; and what a hostile
//! server sends, against our client.
//!
//! Tests are named by the classes S01–S42 of published vulnerabilities. After each attack the process
//! lives, the bystanders' connections echo, memory is within its bound and the file descriptors are
//! given back. In release the attacks run at full size and print what they measure:
//!
//! ```text
//! cargo test --release --test attacks -- --nocapture
//! ```

#![cfg(target_os = "linux")]
#![allow(missing_docs, unreachable_pub)]

mod client;
mod deflate;
mod floods;
mod frames;
mod handshake;
mod harness;
mod lifecycle;
