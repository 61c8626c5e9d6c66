//! What becomes of messages for which there is no room.

use crate::proto::CloseCode;

/// What becomes of messages for which there is no room, because the peer reads more slowly than it is
/// sent to: more than [`high_water`](crate::net::Config::high_water) bytes wait to be written then.
///
/// [`Wait`](Self::Wait), the default, costs nothing but time. With the other policies no message makes its sender wait,
/// and no more is kept than `high_water` bytes, as much again where the oldest are dropped, and one message.
/// How many were dropped is [counted](crate::net::Writer::dropped).
///
/// Whatever the policy:
///
/// - Pings, pongs and close frames are exempt: they are few and short, and neither wait for room, nor are
///   dropped, nor close the connection. (Where sending waits, so do they.)
/// - A [part](crate::net::Writer::feed_part) of a message waits until there is room, for a message cannot do
///   without one; so do `flush` and `close`, which wait until all is written.
/// - `try_send` never waits and drops nothing: it gives the message back.
/// - To send a message while another is under way in parts is [`Misuse`](crate::net::Error::Misuse), with room or
///   without (§5.4). What a topic publishes meanwhile waits for the end of it, and then the policy
///   decides where more than `high_water` bytes wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Sending waits until there is room.
    #[default]
    Wait,
    /// The message is dropped, and its sender is told nothing: what is old is worth more.
    DropNewest,
    /// Messages that wait are dropped, oldest first, until there is room: what is new is worth more,
    /// as with prices or positions. What is framed already stays.
    DropOldest,
    /// The connection is closed with this code, 1008 or 1013 for instance (one that must not be sent
    /// counts as 1008), and the sender is told ([`Error::Overflow`](crate::net::Error::Overflow)).
    Close(CloseCode),
}
