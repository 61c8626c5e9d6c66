//! Messages for many: framed once, compressed once.

use std::fmt;
use std::sync::Arc;

use super::deflate::DeflatedFrames;
use super::framed::Framed;
use super::message::Message;
use super::opcode::Opcode;
use super::utf8_bytes::Utf8Bytes;

/// A text or binary message that is framed once and sent to many. Cloning is cheap.
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
///
/// A server does not mask (§5.1), so all get the same bytes. A compressed message is shared, too, if it is
/// compressed alone: by all connections whose windows have the same size. With context takeover, each
/// connection compresses it again. A client masks each frame with its own key (§5.3), so it shares nothing.
#[derive(Clone)]
pub struct Prepared {
    inner: Arc<Inner>,
    /// Whether it is compressed without reference to earlier messages, wherever it is sent.
    alone: bool,
}

struct Inner {
    opcode: Opcode,
    /// Its payload is that of `plain`.
    message: Message,
    plain: Framed,
    /// The same, compressed.
    deflated: DeflatedFrames,
}

impl Prepared {
    /// A text message.
    pub fn text(text: &str) -> Self {
        let plain = Framed::new(Opcode::Text, 0, text.as_bytes());
        let payload = Utf8Bytes::try_from(plain.shared_payload());
        Self::new(Opcode::Text, Message::Text(payload.unwrap_or_default()), plain)
    }

    /// A binary message.
    pub fn binary(data: &[u8]) -> Self {
        let plain = Framed::new(Opcode::Binary, 0, data);
        let payload = plain.shared_payload();
        Self::new(Opcode::Binary, Message::Binary(payload), plain)
    }

    fn new(opcode: Opcode, message: Message, plain: Framed) -> Self {
        let inner = Inner { opcode, message, plain, deflated: Default::default() };
        Self { inner: Arc::new(inner), alone: false }
    }

    /// The message, which shares the payload.
    pub fn message(&self) -> &Message {
        &self.inner.message
    }

    /// The same message, to be compressed once for all it is sent to, if `alone` says so: without reference
    /// to what each of them has heard before.
    pub(crate) fn alone(&self, alone: bool) -> Self {
        Self { inner: Arc::clone(&self.inner), alone }
    }

    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    pub(super) fn opcode(&self) -> Opcode {
        self.inner.opcode
    }

    /// The frame for those who do not compress.
    pub(super) fn plain(&self) -> &Framed {
        &self.inner.plain
    }

    /// The frames for those who compress.
    pub(super) fn deflated(&self) -> &DeflatedFrames {
        &self.inner.deflated
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.inner.message).finish()
    }
}
