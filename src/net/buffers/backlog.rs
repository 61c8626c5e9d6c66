//! Messages that wait to be framed.

use std::collections::VecDeque;

use crate::proto::{AsEvent, Event, Message, Prepared};

/// Messages that wait to be framed, while what is framed is too much. Boxed in its connection, because
/// most have none.
#[derive(Debug, Default)]
pub(in crate::net) struct Backlog {
    messages: VecDeque<QueuedMessage>,
    /// The sum of their payloads, in bytes.
    bytes: usize,
    /// How many messages were dropped, from here or before they came here.
    pub(in crate::net) dropped: u64,
    /// How many messages have come here, and how many have left.
    pushed: u64,
    popped: u64,
    /// The connection was closed because there was no room.
    pub(in crate::net) overflowed: bool,
}

/// A message that waits. A prepared one costs nothing to keep, because many share its bytes.
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

    /// How many messages have come here.
    pub(in crate::net) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Whether one of the first so many is still here.
    pub(in crate::net) fn holds(&self, pushed: u64) -> bool {
        self.popped < pushed
    }

    /// Adds a message, and drops old ones until no more than `limit` bytes are left, or it alone.
    pub(in crate::net) fn push(&mut self, event: &impl AsEvent, limit: usize) {
        let message = match event.as_prepared() {
            Some(prepared) => QueuedMessage::Prepared(prepared.clone()),
            None => QueuedMessage::Message(event.as_event().into()),
        };
        self.bytes += message.len();
        self.messages.push_back(message);
        self.pushed += 1;
        while self.messages.len() > 1 && self.cost() > limit {
            self.pop();
            self.dropped += 1;
        }
    }

    /// The oldest.
    pub(in crate::net) fn pop(&mut self) -> Option<QueuedMessage> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.len();
        self.popped += 1;
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
        Some(message)
    }

    /// Drops everything: the connection has ended.
    pub(in crate::net) fn clear(&mut self) {
        self.dropped += self.messages.len() as u64;
        self.popped = self.pushed;
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

/// What a message that waits costs beside its payload, in bytes: its slot, and what is allocated.
const OVERHEAD: usize = 128;
