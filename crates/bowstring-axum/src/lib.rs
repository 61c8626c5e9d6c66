//! WebSockets in axum.

#![forbid(unsafe_code)]

mod answer;
pub mod close_code;
mod failed;
mod message;
pub mod rejection;
mod served;
mod settings;
mod socket;
mod upgrade;
mod utf8_bytes;

pub use answer::UnmaskedFramesError;
pub use axum_core::Error;
pub use bowstring;
pub use bowstring::Config;
pub use bowstring::handshake::Origins;
pub use failed::{DefaultOnFailedUpgrade, OnFailedUpgrade};
pub use message::{CloseCode, CloseFrame, Message};
pub use served::ServerUpgrade;
pub use settings::default_config;
pub use socket::WebSocket;
pub use upgrade::WebSocketUpgrade;
pub use utf8_bytes::Utf8Bytes;
