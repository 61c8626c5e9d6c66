//! What a connection allows, and how long it waits.

use std::time::Duration;

use super::deflate::Compression;

/// The settings of a [`Connection`](super::Connection).
///
/// ```
/// use std::time::Duration;
/// use bowstring::proto::ProtocolConfig;
///
/// let mut config = ProtocolConfig::default();
/// config.limits.max_message_size = 64 * 1024;
/// config.timeouts.keep_alive = Some(Duration::from_secs(20));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProtocolConfig {
    /// What is accepted from the peer.
    pub limits: Limits,
    /// How long to wait for the peer.
    pub timeouts: Timeouts,
    /// permessage-deflate, if the opening handshake agreed on it (RFC 7692). Without the feature
    /// `deflate` it is always `None`.
    pub compression: Option<Compression>,
}

/// What is accepted from the peer (§10.4).
///
/// All limits are checked when the header of a frame arrives, before any payload is stored. The length of
/// a compressed message is checked while it is inflated, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest message in bytes. Default 16 MiB. A longer one ends the connection with 1009.
    pub max_message_size: usize,
    /// The longest frame in bytes. `None`, the default, leaves it to `max_message_size`. A longer one ends
    /// the connection with 1009.
    pub max_frame_size: Option<usize>,
    /// The most frames that one message may have; empty ones count. Default 131,072. More of them end the
    /// connection with 1008.
    pub max_fragments: u32,
    /// Whether text messages are accepted. If not, one ends the connection with 1003. Default `true`.
    pub accept_text: bool,
    /// Whether binary messages are accepted. If not, one ends the connection with 1003. Default `true`.
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

/// The limits in the form that is checked. It is smaller, because each connection has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) max_message_size: usize,
    /// Where none was set, more than any frame can have: it is never named as the limit, on 32 bits neither.
    pub(super) max_frame_size: u64,
    pub(super) max_fragments: u32,
    /// The length from which on a message cannot take the [short path](super::plain). 0 if none can.
    pub(super) too_long: u16,
    pub(super) accept_text: bool,
    pub(super) accept_binary: bool,
}

impl From<Limits> for Bounds {
    fn from(limits: Limits) -> Self {
        let Limits { max_message_size, max_fragments, accept_text, accept_binary, .. } = limits;
        let max_frame_size = limits.max_frame_size.map_or(u64::MAX, |limit| limit as u64);
        let too_long = if accept_text && accept_binary && max_fragments > 0 {
            let longest = u16::try_from(max_frame_size.min(max_message_size as u64));
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

/// How long to wait for the peer, in steps of a millisecond. 49 days or more mean for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// How long the peer may be silent before it gets a ping (§5.5.2). `None` never pings. Default: `None`
    /// in [`ProtocolConfig`], 20 s in the tokio layer.
    pub keep_alive: Option<Duration>,
    /// How long to wait for any byte after such a ping. Then the connection is given up. Default 20 s.
    pub pong: Duration,
    /// How long the closing handshake may take, from our close frame to the end of TCP (§7.1.1).
    /// Default 5 s.
    pub close: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { keep_alive: None, pong: Duration::from_secs(20), close: Duration::from_secs(5) }
    }
}
