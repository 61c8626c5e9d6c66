//! What a connection allows, and how long it waits.

use std::time::Duration;

use super::deflate::Compression;

/// Everything a [`Connection`](super::Connection) can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProtocolConfig {
    /// What is taken from the peer.
    pub limits: Limits,
    /// How long the peer is waited for.
    pub timeouts: Timeouts,
    /// permessage-deflate, if the opening handshake agreed on it (RFC 7692). Without the feature
    /// `deflate` it is always `None`.
    pub compression: Option<Compression>,
}

/// What is taken from the peer (§10.4). All are checked when a frame's header arrives, before any
/// of its payload is stored; the length of a compressed message also while it is inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest message in bytes, this length included. Default 16 MiB.
    pub max_message_size: usize,
    /// The longest frame in bytes, this length included; `None` (the default) leaves it to
    /// `max_message_size`.
    pub max_frame_size: Option<usize>,
    /// The most frames one message may come in; empty ones count. Default 131,072.
    pub max_fragments: u32,
    /// Whether text messages are taken; if not, one ends the connection with 1003. Default `true`.
    pub accept_text: bool,
    /// Whether binary messages are taken; if not, one ends the connection with 1003. Default `true`.
    pub accept_binary: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_size: 16 << 20,
            max_frame_size: None,
            max_fragments: 1 << 17,
            accept_text: true,
            accept_binary: true,
        }
    }
}

/// The same, as it is looked at: smaller, for each connection has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) max_message_size: usize,
    pub(super) max_frame_size: usize,
    pub(super) max_fragments: u32,
    /// From which length on a message cannot go the [short way](super::plain): 0 if none can.
    pub(super) too_long: u16,
    pub(super) accept_text: bool,
    pub(super) accept_binary: bool,
}

impl From<Limits> for Bounds {
    fn from(limits: Limits) -> Self {
        let Limits { max_message_size, max_fragments, accept_text, accept_binary, .. } = limits;
        let max_frame_size = limits.max_frame_size.unwrap_or(usize::MAX);
        let too_long = if accept_text && accept_binary && max_fragments > 0 {
            let longest = u16::try_from(max_frame_size.min(max_message_size));
            longest.unwrap_or(u16::MAX).saturating_add(1)
        } else {
            0
        };
        Self {
            max_message_size,
            max_frame_size,
            max_fragments,
            too_long,
            accept_text,
            accept_binary,
        }
    }
}

/// How long the peer is waited for, in steps of a millisecond; 49 days and more are for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// How long the peer may be quiet before it is sent a ping (§5.5.2); `None` never pings.
    /// Default `None` here, 20 s in the tokio layer.
    pub keep_alive: Option<Duration>,
    /// How long after such a ping went out anything must have come back. Default 20 s.
    pub pong: Duration,
    /// How long the closing handshake may take from our close frame to the end of TCP (§7.1.1).
    /// Default 5 s.
    pub close: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { keep_alive: None, pong: Duration::from_secs(20), close: Duration::from_secs(5) }
    }
}
