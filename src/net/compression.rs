//! How a socket compresses, and what it agrees to (RFC 7692). `compression_off.rs` stands in for it in
//! builds without the feature `deflate`.

use crate::handshake::{ClientRequest, DeflateOffer, DeflateParams, Extension, answer_deflate};
use crate::proto::{Compression, Context, Role};

/// How messages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deflate {
    /// How much memory a connection may cost.
    pub memory: Memory,
    /// The effort: 1 (fast) to 9 (small). Default 3.
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

/// How much memory the compression of a connection may cost (RFC 7692 §7.1). The README has the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Memory {
    /// Each message is compressed alone. The engines are the thread's and are lent for one message, so an idle
    /// connection costs nothing. A client's may cost a window: see [`plain_offer`](Deflate::plain_offer).
    Shared,
    /// Messages refer back to earlier ones, within a window of so many bits, 9–15. A connection keeps two windows
    /// of 512 bytes to 32 KiB, one for each direction. The engines are lent for each message.
    Window(u8),
    /// Messages refer back within the largest window, and a connection keeps its engines. Messages are smallest
    /// so, and memory is largest. A compressor that is not used for one to two
    /// [keep-alive](crate::proto::Timeouts::keep_alive) intervals is given up.
    Full,
}

/// What a [`Config`](super::Config) begins with.
pub(in crate::net) fn by_default() -> Option<Deflate> {
    Some(Deflate::default())
}

/// The request with the offers that suit, unless it has its own.
pub(in crate::net) fn offer(deflate: Option<Deflate>, request: &ClientRequest) -> ClientRequest {
    match (request.deflate_offers(), deflate) {
        ([], Some(deflate)) => {
            deflate.offers().into_iter().fold(request.clone(), ClientRequest::deflate)
        }
        _ => request.clone(),
    }
}

/// What a server answers to the extensions that are offered, and how.
pub(in crate::net) fn answer(
    deflate: Option<Deflate>,
    offered: &[Extension],
) -> Option<(DeflateParams, Extension)> {
    answer_deflate(offered, &deflate?.allows())
}

/// What the core makes of an agreement.
pub(in crate::net) fn agreed(
    deflate: Option<Deflate>,
    role: Role,
    params: Option<DeflateParams>,
) -> Option<Compression> {
    Some(deflate.unwrap_or_default().compression(role, &params?))
}

impl Default for Deflate {
    fn default() -> Self {
        Self { memory: Memory::Shared, level: 3, threshold: 128, plain_offer: true }
    }
}

impl Deflate {
    /// What a server agrees to.
    fn allows(&self) -> DeflateParams {
        let (shared, bits) = self.memory.takeover();
        DeflateParams {
            server_no_context_takeover: shared,
            client_no_context_takeover: shared,
            server_max_window_bits: bits,
            client_max_window_bits: bits,
        }
    }

    /// What a client offers: what suits its memory, then what browsers offer.
    fn offers(&self) -> Vec<DeflateOffer> {
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
    fn compression(&self, role: Role, agreed: &DeflateParams) -> Compression {
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
