//! What becomes of messages for which there is no room.

use crate::proto::CloseCode;

/// What happens to a message for which there is no room.
///
/// There is no room while more than [`high_water`](crate::net::Config::high_water) bytes wait to be written: the
/// peer reads more slowly than it is sent to.
///
/// ```
/// use bowstring::{CloseCode, Config, net::Overflow};
///
/// let mut config = Config::default();
/// // A client that reads too slowly is disconnected, and may come back.
/// config.overflow = Overflow::Close(CloseCode::TRY_AGAIN_LATER);
/// ```
///
/// With [`Wait`](Self::Wait), the default, senders wait. With the other policies no message makes its sender
/// wait. At most `high_water` bytes and one message are kept then, and with [`DropOldest`](Self::DropOldest)
/// as much again. Dropped messages are [counted](crate::net::Writer::dropped).
///
/// These rules hold for each policy:
///
/// - Pings, pongs and close frames are exempt, because they are few and short. They are never dropped.
/// - A [part](crate::net::Writer::feed_part) of a message waits for room, because a message is nothing without
///   it. `flush` and `close` wait until all is written.
/// - `try_send` never waits and drops nothing: it gives the message back.
/// - Sending a message while another is sent in parts is [`Misuse`](crate::net::Error::Misuse) (§5.4). What a
///   topic publishes meanwhile waits for the end of that message; the policy applies to it, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Sending waits until there is room.
    #[default]
    Wait,
    /// The message is dropped, and its sender gets no error. For data where the old is worth more.
    DropNewest,
    /// Messages that wait are dropped, oldest first, until there is room. What is framed already stays. For
    /// data where the new is worth more, such as prices or positions.
    DropOldest,
    /// The connection is closed with this code, for instance 1008 or 1013. The sender gets
    /// [`Error::Overflow`](crate::net::Error::Overflow). A code that must not be sent counts as 1008.
    Close(CloseCode),
}
