//! Fan-out in one process: what is published to a topic goes to all who subscribe to it.
//!
//! Two locks. Under the topic's a message is framed for each subscriber, which fixes the order; who is to
//! be written to is noted. A task that is spawned for it writes to them all when the publishing task
//! waits next, many messages with one write. Under the topic's lock only those are written to who would
//! hold too much otherwise, and none of them can make that wait.

use std::collections::BTreeMap;
use std::fmt;
use std::thread::{self, ThreadId};

use tokio::io::AsyncWrite;
use tokio::runtime::Handle;
use tokio::task::yield_now;

use crate::net::sync::{Arc, Mutex, MutexGuard, lock};
use crate::net::{Overflow, Recipient, Split, Transport, Writer};
use crate::proto::Prepared;

/// Sends messages to many connections; clones are the same topic.
///
/// ```
/// use bowstring::Prepared;
/// use bowstring::server::{ServerConnection, Topic};
///
/// /// A room: what one member says, all hear.
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
///
/// A message is framed once, and compressed once where that is possible. Each subscriber gets all messages
/// in the order of publishing.
///
/// # Slow subscribers
///
/// [`publish`](Self::publish) never waits. Where a subscriber has no room, its [`Overflow`] policy decides:
/// the message is dropped, or older ones are, or the connection is closed. [`Overflow::Wait`] counts as
/// [`Overflow::DropNewest`] here. What is dropped is [counted](Writer::dropped). A message is compressed for
/// a subscriber only after that.
///
/// While a connection sends a message [in parts](Writer::feed_part) nothing can go in between (§5.4). What
/// is published meanwhile waits for the end of that message.
///
/// # When it is written
///
/// Publishing frames. The bytes are written when the publishing task next waits, so that one write takes all
/// messages of one turn. If more than half of [`high_water`](crate::net::Config::high_water) bytes wait for
/// a subscriber, they are written at once. Outside of a tokio runtime everything is. A thread that publishes
/// and then blocks keeps what it has published until it goes on, or another task publishes.
///
/// # Data of subscribers
///
/// A `Topic<Transport, D>` keeps a value with each subscription, for instance a name:
///
/// ```
/// use bowstring::net::Transport;
/// use bowstring::server::{ServerConnection, Topic};
/// use bowstring::Prepared;
///
/// type Room = Topic<Transport, String>;
///
/// async fn member(connection: ServerConnection, room: Room) -> Result<(), bowstring::Error> {
///     let (mut reader, writer, ()) = connection.split();
///     let here = room.subscribe_as(&writer, "ada".to_owned());
///     writer.send(format!("here are {}", room.subscribers().join(", "))).await?;
///     while let Some(message) = reader.recv().await? {
///         if let Some(text) = message.as_text() {
///             // To all but the one who said it.
///             room.publish_except(&here, &Prepared::text(text));
///         }
///     }
///     Ok(())
/// }
/// ```
pub struct Topic<S: Split = Transport, D = ()>(Arc<Mutex<Members<S::Write, D>>>);

/// A place among the subscribers of a [`Topic`]; dropping it gives the place up.
#[must_use = "dropping it gives the place up"]
pub struct Subscription<S: Split = Transport, D = ()> {
    topic: Topic<S, D>,
    number: u64,
}

struct Members<W, D> {
    /// In the order they came.
    all: BTreeMap<u64, Member<W, D>>,
    /// The number of the next subscription.
    next: u64,
    /// Those for whom something was framed since the last flush.
    unflushed: Vec<Recipient<W>>,
    /// The number of the next flush.
    flush: u64,
    /// Threads whose publishing has a task that is going to flush. Each has its own: a thread that
    /// publishes and blocks then holds up nothing that others publish.
    scheduled: Vec<ThreadId>,
}

struct Member<W, D> {
    recipient: Recipient<W>,
    policy: Overflow,
    data: D,
    /// The last flush for which it was listed.
    listed: u64,
}

/// A task that flushes, soon. If it is dropped it does so at once.
struct FlushSoon<W: AsyncWrite + Unpin + Send + 'static, D> {
    members: Arc<Mutex<Members<W, D>>>,
    left: Vec<Recipient<W>>,
    /// The thread that has published, as long as it relies on this task.
    thread: Option<ThreadId>,
}

/// A subscriber costs some microseconds to write to. After so many the other tasks have a turn.
const TURN: usize = 32;

/// How many bytes one call may compress for subscribers one by one. What is more goes compressed once for
/// all, without reference to what each has heard before.
const COMPRESSED: usize = 256 << 10;

impl<S: Split> Topic<S> {
    /// A topic without subscribers, and without data of theirs. (With data it is `Topic::default()`.)
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S: Split, D: Send + 'static> Topic<S, D> {
    /// Subscribes a connection, with the [policy](crate::net::Config::overflow) of the connection.
    pub fn subscribe(&self, writer: &Writer<S>) -> Subscription<S, D>
    where
        D: Default,
    {
        self.subscribe_as(writer, D::default())
    }

    /// Subscribes a connection with a policy of its own for this topic.
    pub fn subscribe_with(&self, writer: &Writer<S>, policy: Overflow) -> Subscription<S, D>
    where
        D: Default,
    {
        self.add(writer.recipient(), policy, D::default())
    }

    /// Subscribes a connection, and keeps data with the subscription.
    pub fn subscribe_as(&self, writer: &Writer<S>, data: D) -> Subscription<S, D> {
        let recipient = writer.recipient();
        let policy = recipient.policy();
        self.add(recipient, policy, data)
    }

    fn add(&self, recipient: Recipient<S::Write>, policy: Overflow, data: D) -> Subscription<S, D> {
        let mut members = self.lock();
        let number = members.next;
        members.next += 1;
        members.all.insert(number, Member { recipient, policy, data, listed: 0 });
        Subscription { topic: self.clone(), number }
    }

    /// Sends a message to all subscribers, and returns how many there are. Those whose connection has ended
    /// are dropped.
    ///
    /// It never waits; see the [type](Self) for slow subscribers, and for when it is written. The number
    /// counts those too for whom the message waits, or was dropped by their policy.
    pub fn publish(&self, message: &Prepared) -> usize {
        self.send(message, None, true)
    }

    /// The same for all subscribers but one: who said it need not hear it. Returns how many the others are.
    ///
    /// With a subscription of another topic it goes to all.
    pub fn publish_except(&self, except: &Subscription<S, D>, message: &Prepared) -> usize {
        let same = Arc::ptr_eq(&self.0, &except.topic.0);
        self.send(message, same.then_some(except.number), true)
    }

    /// Frames a message for all subscribers, to be written by the next [`flush`](Self::flush) or
    /// [`publish`](Self::publish).
    pub fn feed(&self, message: &Prepared) -> usize {
        self.send(message, None, false)
    }

    /// Writes now what was fed and published, as far as the subscribers' transports take it.
    pub fn flush(&self) {
        let unflushed = self.lock().take_unflushed();
        unflushed.iter().for_each(Recipient::flush_now);
    }

    /// How many subscribe.
    pub fn len(&self) -> usize {
        self.lock().all.len()
    }

    /// Whether there are no subscribers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The data of all subscribers, in the order they came.
    pub fn subscribers(&self) -> Vec<D>
    where
        D: Clone,
    {
        self.lock().all.values().map(|member| member.data.clone()).collect()
    }

    fn send(&self, message: &Prepared, except: Option<u64>, flush: bool) -> usize {
        // The lock is held throughout, so that all subscribers get all messages in one order.
        let mut members = self.lock();
        let Members { all, unflushed, flush: number_of_flush, .. } = &mut *members;
        let len = message.message().as_bytes().len();
        let message = &message.alone(len.saturating_mul(all.len()) > COMPRESSED);
        let mut ended = Vec::new();
        for (number, member) in all.iter_mut().filter(|(number, _)| Some(**number) != except) {
            if member.recipient.publish(message, member.policy).is_err() {
                ended.push(*number);
            } else if member.listed != *number_of_flush {
                member.listed = *number_of_flush;
                unflushed.push(member.recipient.clone());
            }
        }
        let ended: Vec<_> = ended.iter().filter_map(|number| all.remove(number)).collect();
        let count = all.len() - except.is_some_and(|number| all.contains_key(&number)) as usize;
        let flush = flush && !unflushed.is_empty();
        drop(members);
        // The end of a connection is no business of the lock's.
        drop(ended);
        if flush {
            self.flush_soon();
        }
        count
    }

    /// Sees to it that what was framed is written when this thread's task next waits; or now, where there
    /// is no runtime.
    fn flush_soon(&self) {
        let Ok(runtime) = Handle::try_current() else { return self.flush() };
        let thread = thread::current().id();
        let mut members = self.lock();
        if members.scheduled.contains(&thread) {
            return;
        }
        members.scheduled.push(thread);
        drop(members);
        let members = Arc::clone(&self.0);
        runtime.spawn(FlushSoon { members, left: Vec::new(), thread: Some(thread) }.run());
    }

    fn lock(&self) -> MutexGuard<'_, Members<S::Write, D>> {
        lock(&self.0)
    }
}

impl<W, D> Members<W, D> {
    fn take_unflushed(&mut self) -> Vec<Recipient<W>> {
        self.flush += 1;
        std::mem::take(&mut self.unflushed)
    }

    /// A thread has no task any more that is going to flush.
    fn forget(&mut self, thread: ThreadId) {
        self.scheduled.retain(|other| *other != thread);
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static, D> FlushSoon<W, D> {
    async fn run(mut self) {
        while self.take() {
            while !self.left.is_empty() {
                self.flush(TURN);
                yield_now().await;
            }
        }
    }

    /// Whether there is more to do. If not, this task is not relied on any more.
    fn take(&mut self) -> bool {
        let mut members = lock(&self.members);
        self.left = members.take_unflushed();
        if self.left.is_empty()
            && let Some(thread) = self.thread.take()
        {
            members.forget(thread);
        }
        // In the order of the list, from its end.
        self.left.reverse();
        !self.left.is_empty()
    }

    fn flush(&mut self, most: usize) {
        let from = self.left.len().saturating_sub(most);
        self.left.drain(from..).rev().for_each(|recipient| recipient.flush_now());
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static, D> Drop for FlushSoon<W, D> {
    fn drop(&mut self) {
        self.flush(usize::MAX);
        let Some(thread) = self.thread.take() else { return };
        let mut members = lock(&self.members);
        // What is published from now on has another task.
        members.forget(thread);
        self.left = members.take_unflushed();
        drop(members);
        self.left.reverse();
        self.flush(usize::MAX);
    }
}

impl<S: Split, D> Default for Topic<S, D> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Members {
            all: BTreeMap::new(),
            next: 0,
            unflushed: Vec::new(),
            flush: 1,
            scheduled: Vec::new(),
        })))
    }
}

impl<S: Split, D> Clone for Topic<S, D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Split, D> Drop for Subscription<S, D> {
    fn drop(&mut self) {
        let left = lock(&self.topic.0).all.remove(&self.number);
        // It may be the last share of its connection, whose end is no business of the lock's.
        drop(left);
    }
}

impl<S: Split, D> fmt::Debug for Topic<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("subscribers", &lock(&self.0).all.len()).finish()
    }
}

impl<S: Split, D> fmt::Debug for Subscription<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("topic", &self.topic).finish()
    }
}
