//! Back-pressure: what becomes of messages for which there is no room.

use crate::proto::CloseCode;

/// What becomes of a message for which there is no room.
///
/// There is no room while more than [`high_water`](crate::net::Config::high_water) bytes wait to be
/// written, because the peer reads more slowly than it is sent to. The policy of a connection is
/// [`Config::overflow`](crate::net::Config::overflow).
///
/// | policy | the message | its sender | good for |
/// |---|---|---|---|
/// | `Wait` | is sent later | waits | requests and answers |
/// | `DropNewest` | is dropped | goes on | samples, typing hints |
/// | `DropOldest` | takes the place of older ones | goes on | prices, positions |
/// | `Close` | is not sent | gets [`Error::Overflow`](crate::net::Error::Overflow) | chats, logs |
///
/// ```
/// use bowstring::net::Overflow;
/// use bowstring::{CloseCode, Config};
///
/// let mut config = Config::default();
/// config.high_water = 256 << 10;
/// // A client that cannot follow is told to come back later.
/// config.overflow = Overflow::Close(CloseCode::TRY_AGAIN_LATER);
/// ```
///
/// With `Wait` nothing is lost, and memory is bounded because the sender is as slow as the peer. With
/// the others no sender waits. A connection then keeps at most `high_water` bytes and one message; with
/// `DropOldest` twice that. Dropped messages are [counted](crate::net::Writer::dropped).
///
/// Some calls choose for themselves:
///
/// - `try_send` never waits and drops nothing: it gives the message back.
/// - `send_now` and topics never wait either. They take `Wait` for `DropNewest`.
///
/// `send`, `feed`, `feed_part` and the `Sink` of a [`Writer`](crate::net::Writer) get room in the order
/// in which they began to wait. `try_send`, `send_now` and topics take room that is free, also while
/// writers wait. So a task that sends a lot without waiting can make those that wait do so for long.
///
/// Whatever the policy:
///
/// - Pings, pongs and close frames are never dropped, and never close the connection. Only `send` and
///   `feed` wait with them, where the policy is `Wait`.
/// - A [part](crate::net::Writer::feed_part) of a message waits until there is room, because a message
///   cannot do without one. So do `flush` and `close`.
/// - To send a message while another is under way in parts is [`Misuse`](crate::net::Error::Misuse)
///   (§5.4). What a topic publishes meanwhile waits for the end of that message. The policy decides
///   where more than `high_water` bytes wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Sending waits until there is room.
    #[default]
    Wait,
    /// The message is dropped: what is old is worth more.
    DropNewest,
    /// Messages that wait are dropped, oldest first, until there is room: what is new is worth more.
    /// Bytes that are framed already stay.
    DropOldest,
    /// The connection is closed with this code, for instance 1008 or 1013, and the sender is told. A
    /// code that must not be sent counts as 1008.
    Close(CloseCode),
}

/// What became of a message that was [sent without waiting](crate::net::Writer::send_now).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes out. With [`Overflow::DropOldest`] a newer message may still take its place.
    Queued,
    /// There was no room. It was dropped, and [counted](crate::net::Writer::dropped).
    Dropped,
}
