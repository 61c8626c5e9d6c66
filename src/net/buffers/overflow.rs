//! What becomes of messages for which there is no room, and where they wait.

use std::collections::VecDeque;

use crate::proto::{AsEvent, CloseCode, Event, Message, Prepared};

/// What becomes of messages for which there is no room, because the peer reads more slowly than it is
/// sent to: more than [`high_water`](crate::net::Config::high_water) bytes wait to be written then.
///
/// QueuedMessage, the default, costs nothing but time. With the other policies no message makes its sender wait,
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

/// Messages that wait to be framed, while what is framed is too much. Boxed in its connection, for
/// most have none.
#[derive(Debug, Default)]
pub(in crate::net) struct Backlog {
    messages: VecDeque<QueuedMessage>,
    /// The sum of their payloads, in bytes.
    bytes: usize,
    /// How many messages were dropped, from here or before they came here.
    pub(in crate::net) dropped: u64,
    /// The connection was closed because there was no room.
    pub(in crate::net) overflowed: bool,
}

/// A message that costs nothing to keep where it is prepared: then its bytes are everybody's.
#[derive(Debug)]
pub(in crate::net) enum QueuedMessage {
    Message(Message),
    Prepared(Prepared),
}

impl Backlog {
    pub(in crate::net) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(in crate::net) fn len(&self) -> usize {
        self.bytes
    }

    /// What it takes to keep them, in bytes: an empty message takes room as well.
    pub(in crate::net) fn cost(&self) -> usize {
        self.bytes + self.messages.len() * OVERHEAD
    }

    /// Adds a message, and drops old ones until no more than `limit` bytes are left, or it alone.
    pub(in crate::net) fn push(&mut self, event: &impl AsEvent, limit: usize) {
        let message = match event.as_prepared() {
            Some(prepared) => QueuedMessage::Prepared(prepared.clone()),
            None => QueuedMessage::Message(event.as_event().into()),
        };
        self.bytes += message.len();
        self.messages.push_back(message);
        while self.messages.len() > 1 && self.cost() > limit {
            self.pop();
            self.dropped += 1;
        }
    }

    /// The oldest.
    pub(in crate::net) fn pop(&mut self) -> Option<QueuedMessage> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.len();
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
        Some(message)
    }

    /// Drops everything: the connection has ended.
    pub(in crate::net) fn clear(&mut self) {
        self.dropped += self.messages.len() as u64;
        self.messages = VecDeque::new();
        self.bytes = 0;
    }
}

impl QueuedMessage {
    fn len(&self) -> usize {
        match self.as_event() {
            Event::Text(text) => text.len(),
            Event::Binary(data) => data.len(),
            _ => 0,
        }
    }
}

impl AsEvent for QueuedMessage {
    fn as_event(&self) -> Event<'_> {
        match self {
            Self::Message(message) => message.as_event(),
            Self::Prepared(prepared) => prepared.as_event(),
        }
    }

    fn as_prepared(&self) -> Option<&Prepared> {
        match self {
            Self::Message(_) => None,
            Self::Prepared(prepared) => Some(prepared),
        }
    }
}

/// What a message that waits costs beside its payload, in bytes: its place, and what is allocated.
const OVERHEAD: usize = 128;
