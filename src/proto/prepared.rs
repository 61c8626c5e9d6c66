//! Messages for many: framed once, compressed once.
//!
//! A server does not mask (§5.1), so what it sends to one it can send to all: the same bytes. Where
//! compression without context takeover is agreed on, a compressed message stands alone and can be
//! shared as well, by all whose windows have the same size; with takeover each connection compresses
//! it against what it said before. A client masks each frame with a key of its own (§5.3).

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "deflate")]
use std::sync::OnceLock;

use bytes::Bytes;
use bytestring::ByteString;

use super::frame;
use super::message::Message;
use super::opcode::Opcode;

/// A text or binary message that is framed once and sent to many; cloning is cheap.
///
/// The sending methods take it like any message:
///
/// ```
/// # use bowstring::proto::{Prepared, Role, Sender};
/// let news = Prepared::text("to everybody");
/// for mut sender in [Sender::new(Role::Server), Sender::new(Role::Server)] {
///     let mut out = Vec::new();
///     sender.feed(&news, &mut out)?;
///     assert_eq!(out[..2], [0x81, 12]);
/// }
/// # Ok::<(), bowstring::proto::Misuse>(())
/// ```
#[derive(Clone)]
pub struct Prepared(Arc<Inner>);

struct Inner {
    opcode: Opcode,
    /// Its payload is that of `plain`.
    message: Message,
    plain: Framed,
    /// Compressed, with windows of 9–15 bits; `None` where that is no smaller.
    #[cfg(feature = "deflate")]
    deflated: [OnceLock<Option<Framed>>; 7],
}

/// An unmasked frame.
#[derive(Debug)]
pub(super) struct Framed {
    bytes: Bytes,
    /// Where its payload starts.
    start: usize,
}

impl Framed {
    fn new(opcode: Opcode, rsv: u8, payload: &[u8]) -> Self {
        let mut bytes = Vec::new();
        frame::write(opcode, true, rsv, None, payload, &mut bytes);
        Self { start: bytes.len() - payload.len(), bytes: bytes.into() }
    }

    /// The whole frame, as a server sends it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, as one of many.
    pub(super) fn shared(&self) -> Bytes {
        self.bytes.clone()
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

impl Prepared {
    /// A text message.
    pub fn text(text: &str) -> Self {
        let plain = Framed::new(Opcode::Text, 0, text.as_bytes());
        let payload = ByteString::try_from(plain.bytes.slice(plain.start..));
        Self::new(Opcode::Text, Message::Text(payload.unwrap_or_default()), plain)
    }

    /// A binary message.
    pub fn binary(data: &[u8]) -> Self {
        let plain = Framed::new(Opcode::Binary, 0, data);
        let payload = plain.bytes.slice(plain.start..);
        Self::new(Opcode::Binary, Message::Binary(payload), plain)
    }

    fn new(opcode: Opcode, message: Message, plain: Framed) -> Self {
        Self(Arc::new(Inner {
            opcode,
            message,
            plain,
            #[cfg(feature = "deflate")]
            deflated: Default::default(),
        }))
    }

    /// The message, which shares the payload.
    pub fn message(&self) -> &Message {
        &self.0.message
    }

    pub(super) fn opcode(&self) -> Opcode {
        self.0.opcode
    }

    /// The frame for those who do not compress.
    pub(super) fn plain(&self) -> &Framed {
        &self.0.plain
    }

    /// The frame for those who compress without takeover, with a window of so many bits, 9–15; made
    /// by the first of them. `compress` gives nothing where the message would not shrink.
    #[cfg(feature = "deflate")]
    pub(super) fn deflated(
        &self,
        window_bits: u8,
        compress: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
    ) -> Option<&Framed> {
        let Inner { opcode, plain, deflated, .. } = &*self.0;
        let slot = deflated.get(usize::from(window_bits.checked_sub(9)?))?;
        slot.get_or_init(|| {
            let payload = compress(plain.payload())?;
            Some(Framed::new(*opcode, frame::RSV1, &payload))
        })
        .as_ref()
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.0.message).finish()
    }
}
