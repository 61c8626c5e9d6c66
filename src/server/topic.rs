//! Fan-out in one process: what is published to a topic goes to all who subscribe to it.
//!
//! A message is framed, and compressed, once; each subscriber gets the same bytes, in the order of
//! publishing. Nobody waits for a laggard: where there is no room, the subscriber's [`Overflow`] says
//! what becomes of the message. Where one is under way in parts, what is published waits behind it (§5.4).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::net::{Overflow, Split, Transport, Writer};
use crate::proto::Prepared;

/// A topic; clones are the same topic.
///
/// ```
/// use bowstring::Prepared;
/// use bowstring::server::{ServerConnection, Topic};
///
/// /// A room: whatever anybody says, everybody hears.
/// async fn member(connection: ServerConnection, room: Topic) -> Result<(), bowstring::Error> {
///     let (mut reader, writer, ()) = connection.split();
///     let _subscription = room.subscribe(&writer);
///     while let Some(message) = reader.recv().await? {
///         if let Some(text) = message.as_text() {
///             room.publish(&Prepared::text(text));
///         }
///     }
///     Ok(())
/// }
/// ```
pub struct Topic<S: Split = Transport>(Arc<Mutex<Subscribers<S>>>);

/// A place among the subscribers; dropping it gives the place up.
#[must_use = "dropping it gives the place up"]
pub struct Subscription<S: Split = Transport> {
    topic: Topic<S>,
    number: u64,
}

struct Subscribers<S: Split> {
    /// In the order they came.
    writers: BTreeMap<u64, (Writer<S>, Overflow)>,
    next: u64,
}

impl<S: Split> Topic<S> {
    /// A topic without subscribers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes a connection. Where it has no room for a message its
    /// [policy](crate::net::Config::overflow) decides; [`Overflow::Wait`] counts as
    /// [`Overflow::DropNewest`] here. What is dropped is [counted](Writer::dropped).
    ///
    /// While the connection sends a message [in parts](Writer::feed_part), nothing can go in between (§5.4):
    /// what is published meanwhile waits until that has ended, and the policy decides only where more than
    /// [`high_water`](crate::net::Config::high_water) bytes wait.
    pub fn subscribe(&self, writer: &Writer<S>) -> Subscription<S> {
        self.subscribe_with(writer, writer.policy())
    }

    /// Subscribes a connection with a policy of its own for this topic.
    pub fn subscribe_with(&self, writer: &Writer<S>, policy: Overflow) -> Subscription<S> {
        let policy = match policy {
            Overflow::Wait => Overflow::DropNewest,
            policy => policy,
        };
        let mut subscribers = self.lock();
        let number = subscribers.next;
        subscribers.next += 1;
        subscribers.writers.insert(number, (writer.clone(), policy));
        Subscription { topic: self.clone(), number }
    }

    /// Sends a message to all subscribers, and writes what their transports take now. Returns how many
    /// there are; those whose connection has ended are dropped.
    ///
    /// It never waits. Two messages that are published one behind the other arrive in that order. The
    /// number counts those too for whom the message waits behind one in parts, or was dropped by their
    /// [policy](Self::subscribe).
    pub fn publish(&self, message: &Prepared) -> usize {
        self.each(|writer, policy| writer.publish(message, policy, true).is_ok())
    }

    /// Frames a message for all subscribers, to be written by the next [`flush`](Self::flush) or
    /// [`publish`](Self::publish): one write for many messages.
    pub fn feed(&self, message: &Prepared) -> usize {
        self.each(|writer, policy| writer.publish(message, policy, false).is_ok())
    }

    /// Writes what was fed, as far as the subscribers' transports take it now.
    pub fn flush(&self) {
        self.each(|writer, _| {
            writer.flush_now();
            true
        });
    }

    /// How many subscribe.
    pub fn len(&self) -> usize {
        self.lock().writers.len()
    }

    /// Whether nobody subscribes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Does something with each; keeps those for whom it gives true.
    fn each(&self, mut tell: impl FnMut(&Writer<S>, Overflow) -> bool) -> usize {
        // The lock is held all along, so that everybody hears everything in one order.
        let mut subscribers = self.lock();
        let mut ended = Vec::new();
        for (number, (writer, policy)) in &subscribers.writers {
            if !tell(writer, *policy) {
                ended.push(*number);
            }
        }
        let left: Vec<_> =
            ended.iter().filter_map(|number| subscribers.writers.remove(number)).collect();
        let count = subscribers.writers.len();
        drop(subscribers);
        // The end of a connection is no business of the lock's.
        drop(left);
        count
    }

    fn lock(&self) -> MutexGuard<'_, Subscribers<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Split> Default for Topic<S> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Subscribers { writers: BTreeMap::new(), next: 0 })))
    }
}

impl<S: Split> Clone for Topic<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Split> Drop for Subscription<S> {
    fn drop(&mut self) {
        let left = self.topic.lock().writers.remove(&self.number);
        // It may be the last hand on its connection, whose end is no business of the lock's.
        drop(left);
    }
}

impl<S: Split> fmt::Debug for Topic<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("subscribers", &self.len()).finish()
    }
}

impl<S: Split> fmt::Debug for Subscription<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("topic", &self.topic).finish()
    }
}
