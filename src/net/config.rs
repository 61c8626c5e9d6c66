//! What a socket allows, and how long it waits.
//!
//! Whom a server lets in is not said here: at [`accept`](fn@super::accept) and
//! [`Incoming`](super::Incoming) pages of all sites may connect (§10.2), until the caller asks
//! [`Origins`](crate::handshake::Origins).

use std::time::Duration;

use super::overflow::Overflow;
use crate::handshake::HeadLimits;
#[cfg(feature = "deflate")]
use crate::handshake::{DeflateOffer, DeflateParams};
#[cfg(feature = "deflate")]
use crate::proto::{Compression, Context, Role};
use crate::proto::{Limits, Timeouts};

/// How a [`WebSocket`](super::WebSocket) behaves. Every value has a default that is safe to put on
/// the internet. Which sites' pages may connect to a server is no part of it (§10.2): see
/// [`Origins`](crate::handshake::Origins).
///
/// ```
/// let mut config = bowstring::Config::default();
/// config.limits.max_message_size = 1 << 20;
/// config.timeouts.keep_alive = None;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What is taken from the peer: messages of up to 16 MiB.
    pub limits: Limits,
    /// How long the peer is waited for: a ping when it is quiet for 20 s, 20 s for its answer, 5 s
    /// for the closing handshake. They run while the socket is being polled: a task that waits for
    /// something else does not notice that its peer is gone.
    pub timeouts: Timeouts,
    /// How long each step of the opening handshake may take. A client's is everything from looking
    /// up the name to the server's answer; a server's are TLS, reading the request, and writing the
    /// answer. A refusal waits as long again for the peer to take it and leave. Default 10 s.
    pub handshake_timeout: Duration,
    /// How long the head of the peer's request or response may be: 16 KiB and 128 fields.
    pub head: HeadLimits,
    /// How many bytes may wait to be written before sending waits, and reading stops (but that of
    /// a [split](crate::WebSocket::split) socket, whose writers wait alone). One message may go beyond
    /// it. Default 64 KiB.
    pub high_water: usize,
    /// What becomes of a message for which there is no room then. Default: sending waits.
    pub overflow: Overflow,
    /// Whether pings and pongs are handed to the application. Pings are answered either way
    /// (§5.5.2). Default `false`.
    pub report_pings: bool,
    /// Whether and how messages are compressed, where the peer agrees (RFC 7692). Default:
    /// [`Memory::Shared`], level 3, from 128 bytes up.
    #[cfg(feature = "deflate")]
    pub deflate: Option<Deflate>,
}

/// How messages are compressed.
#[cfg(feature = "deflate")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deflate {
    /// What a connection may cost.
    pub memory: Memory,
    /// How hard to try: 1 (fast) to 9 (small). Default 3.
    pub level: u8,
    /// Messages of fewer bytes are sent as they are. Default 128.
    pub threshold: usize,
    /// Whether a client makes a second, plain offer after the one that suits its `memory`
    /// (RFC 7692 §5.1). Default `true`.
    ///
    /// A server that cannot do what the first offer asks takes the second. Then its messages may refer
    /// back, and the client keeps their last 32 KiB, some 40 KB a connection, whatever `memory` says.
    /// With `false` such a server declines compression. One that answers as if it had not read the
    /// offer then fails the handshake.
    pub plain_offer: bool,
}

/// What the compression of a connection may cost in memory (RFC 7692 §7.1). The README has the
/// figures.
#[cfg(feature = "deflate")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Memory {
    /// Each message stands alone, and the engines are lent from a pool of the thread while one is
    /// under way: an idle connection costs nothing. A client's may cost a window, see
    /// [`plain_offer`](Deflate::plain_offer).
    Shared,
    /// Messages refer back to earlier ones within a window of so many bits, 9–15, in both
    /// directions: a connection keeps the two windows, of 512 bytes to 32 KiB each, and is lent the
    /// engines for each message.
    Window(u8),
    /// Messages refer back within the largest window, and a connection keeps its engines: the
    /// smallest messages and the most memory. A compressor that was not used for one to two
    /// [keep-alive](Timeouts::keep_alive) intervals is given up.
    Full,
}

impl Default for Config {
    fn default() -> Self {
        let keep_alive = Some(Duration::from_secs(20));
        Self {
            limits: Limits::default(),
            timeouts: Timeouts { keep_alive, ..Timeouts::default() },
            handshake_timeout: Duration::from_secs(10),
            head: HeadLimits::default(),
            high_water: 64 << 10,
            overflow: Overflow::Wait,
            report_pings: false,
            #[cfg(feature = "deflate")]
            deflate: Some(Deflate::default()),
        }
    }
}

#[cfg(feature = "deflate")]
impl Default for Deflate {
    fn default() -> Self {
        Self { memory: Memory::Shared, level: 3, threshold: 128, plain_offer: true }
    }
}

#[cfg(feature = "deflate")]
impl Deflate {
    /// What a server agrees to.
    pub(super) fn allows(&self) -> DeflateParams {
        let (shared, bits) = self.memory.takeover();
        DeflateParams {
            server_no_context_takeover: shared,
            client_no_context_takeover: shared,
            server_max_window_bits: bits,
            client_max_window_bits: bits,
        }
    }

    /// What a client offers: what suits its memory, then what browsers offer.
    pub(super) fn offers(&self) -> Vec<DeflateOffer> {
        let (shared, bits) = self.memory.takeover();
        let plain = DeflateOffer::default();
        let frugal = DeflateOffer {
            server_no_context_takeover: shared,
            client_no_context_takeover: shared,
            server_max_window_bits: (bits < 15).then_some(bits),
            client_max_window_bits: Some(bits),
        };
        // Some servers know no parameters, or not all of them: they decline or shorten the first.
        match self.plain_offer && frugal != plain {
            true => vec![frugal, plain],
            false => vec![frugal],
        }
    }

    /// What the core makes of an agreement.
    ///
    /// The peer's messages may need all of the window that was agreed on. Ours may always do with less:
    /// a sender need not refer back, nor as far as it may (RFC 7692 §7.2.1).
    pub(super) fn compression(&self, role: Role, agreed: &DeflateParams) -> Compression {
        let server = Context {
            takeover: !agreed.server_no_context_takeover,
            window_bits: agreed.server_max_window_bits,
        };
        let client = Context {
            takeover: !agreed.client_no_context_takeover,
            window_bits: agreed.client_max_window_bits,
        };
        let (send, receive) = match role {
            Role::Server => (server, client),
            Role::Client(_) => (client, server),
        };
        let Self { memory, level, threshold, .. } = *self;
        let (shared, bits) = memory.takeover();
        let send =
            Context { takeover: send.takeover && !shared, window_bits: send.window_bits.min(bits) };
        let pooled = memory != Memory::Full;
        Compression { send, receive, level, threshold, pooled }
    }
}

#[cfg(feature = "deflate")]
impl Memory {
    /// Whether messages stand alone, and how large the window is.
    fn takeover(self) -> (bool, u8) {
        match self {
            Self::Shared => (true, 15),
            Self::Window(bits) => (false, bits.clamp(9, 15)),
            Self::Full => (false, 15),
        }
    }
}
