//! Who waits for the writing direction of a split socket, and how they are told.
//!
//! A transport remembers one waker for writing, and many tasks may wait. It gets this set as its
//! waker. The set owns nothing but wakers, or a transport that waits would keep itself alive.
//!
//! Writers wait for one of two things: for *room*, to frame a message, or for a *position*, up to
//! which bytes are written. Each has a ticket, and tickets are served in order.
//!
//! ```text
//!  the transport has room ──▶ one writer, and the reader: the one that is polled first writes
//!  bytes were written     ──▶ writers whose position was reached, all
//!                         └─▶ the first that waits for room, which frames, and wakes the next
//! ```
//!
//! So a message costs one wake-up, however many wait. This must hold so that none is forgotten: while
//! a writer waits, the transport holds this waker, or a writer was woken that has not been polled
//! since. A writer that was woken and leaves without having been polled wakes the next one.

use std::collections::BTreeMap;
use std::task::{Wake, Waker};

use crate::net::sync::atomic::{AtomicU8, Ordering};
use crate::net::sync::{Arc, Mutex, lock, wake};

/// See the module.
#[derive(Default)]
pub(in crate::net) struct WakerSet {
    waiting: Mutex<Waiting>,
    /// What the reader is to know, as a set of [`News`].
    ///
    /// Relaxed is enough. Who wakes the reader raises the news first and then locks `waiting`, where
    /// the reader's waker is. The reader locks it to leave its waker, and looks at the news after
    /// that. If its waker is there in time, it is woken; if not, the lock orders the news before the
    /// look. News that wakes no task (`Pending`, `Took`) may be seen one wait later.
    /// `Pending` is raised and lowered under the lock of the writing direction alone, where it is also
    /// acted upon, so that it cannot be lowered too late.
    news: AtomicU8,
}

/// What a reader is told.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(in crate::net) enum News {
    /// Something is framed that the reader should see written when it next waits.
    Pending = 1,
    /// A close frame was sent, which starts the reader's clock.
    Closed = 2,
    /// The transport took bytes that had to wait, which shows the clock that the peer lives.
    Took = 4,
    /// Writing has failed, or a writer has given the peer up: the reader ends the connection.
    Failed = 8,
}

#[derive(Default)]
struct Waiting {
    /// How many tickets were given.
    tickets: u64,
    /// Boxed, because most connections have none.
    writers: Option<Box<Writers>>,
    /// The reading task, while it waits.
    reader: Option<Waker>,
}

#[derive(Default)]
struct Writers {
    /// By ticket.
    room: BTreeMap<u64, Entry>,
    /// By position and ticket.
    position: BTreeMap<(u64, u64), Entry>,
}

struct Entry {
    waker: Waker,
    /// Whether the task may forget that it waits, without a word: a `Sink` cannot tell when a future
    /// that polls it is dropped. Then another is woken as well.
    forgets: bool,
}

/// One that may wait; it waits for one thing at a time.
#[derive(Debug)]
pub(in crate::net) struct Waiter {
    /// Its first wait decides when its turn is.
    ticket: Option<u64>,
    state: State,
    forgets: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    ForRoom,
    ForPosition(u64),
}

impl Waiter {
    /// A future, which leaves when it is dropped.
    pub(in crate::net) const fn new() -> Self {
        Self { ticket: None, state: State::Idle, forgets: false }
    }

    /// A `Sink`.
    pub(in crate::net) const fn of_sink() -> Self {
        Self { ticket: None, state: State::Idle, forgets: true }
    }

    /// Whether it has waited for what it wants.
    pub(in crate::net) fn has_waited(&self) -> bool {
        self.ticket.is_some()
    }

    /// Whether it waits.
    fn is_waiting(&self) -> bool {
        self.state != State::Idle
    }
}

/// Wakers to be called once no lock is held.
#[derive(Default)]
pub(in crate::net) struct WakeLater(Vec<Waker>);

impl WakeLater {
    pub(in crate::net) fn push(&mut self, waker: impl IntoIterator<Item = Waker>) {
        self.0.extend(waker);
    }
}

impl Drop for WakeLater {
    fn drop(&mut self) {
        std::mem::take(&mut self.0).into_iter().for_each(wake);
    }
}

impl WakerSet {
    /// Waits for room, in the order of the first waits.
    pub(in crate::net) fn wait_for_room(&self, waiter: &mut Waiter, waker: &Waker) {
        lock(&self.waiting).admit(waiter, State::ForRoom, waker);
    }

    /// Waits until bytes are written up to a position.
    pub(in crate::net) fn wait_for(&self, position: u64, waiter: &mut Waiter, waker: &Waker) {
        lock(&self.waiting).admit(waiter, State::ForPosition(position), waker);
    }

    /// Whether writers wait for room.
    pub(in crate::net) fn is_room_awaited(&self) -> bool {
        lock(&self.waiting).writers.as_ref().is_some_and(|writers| !writers.room.is_empty())
    }

    /// Whether a writer waits for a position up to this one.
    pub(in crate::net) fn is_awaited(&self, position: u64) -> bool {
        lock(&self.waiting).writers.as_ref().is_some_and(|writers| writers.is_reached(position))
    }

    /// It is being polled, and waits no more unless it says so again. It keeps its turn.
    pub(in crate::net) fn arrive(&self, waiter: &mut Waiter) {
        if waiter.is_waiting() {
            lock(&self.waiting).take_out(waiter);
        }
    }

    /// It has got what it waited for; its next wait is a new one.
    pub(in crate::net) fn done(&self, waiter: &mut Waiter) {
        self.arrive(waiter);
        waiter.ticket = None;
    }

    /// It waits no more. If it was woken, its wake-up is the next one's.
    pub(in crate::net) fn leave(&self, waiter: &mut Waiter) {
        if waiter.is_waiting() {
            let mut wakes = WakeLater::default();
            let mut waiting = lock(&self.waiting);
            if !waiting.take_out(waiter) {
                waiting.wake_one(&mut wakes);
            }
            drop(waiting);
        }
        waiter.ticket = None;
    }

    /// Wakes all that wait for a position up to this one; and, if there is `room`, the first that waits
    /// for it.
    pub(in crate::net) fn release(&self, position: u64, room: bool, wakes: &mut WakeLater) {
        let mut waiting = lock(&self.waiting);
        let Some(writers) = &mut waiting.writers else { return };
        while writers.is_reached(position) {
            wakes.push(writers.position.pop_first().map(|(_, entry)| entry.waker));
        }
        if room {
            writers.wake_for_room(wakes);
        }
    }

    /// Wakes all: the connection has ended.
    pub(in crate::net) fn wake_all(&self, wakes: &mut WakeLater) {
        let mut waiting = lock(&self.waiting);
        if let Some(writers) = waiting.writers.take() {
            let Writers { room, position } = *writers;
            wakes.push(room.into_values().chain(position.into_values()).map(|entry| entry.waker));
        }
        wakes.push(waiting.reader.take());
    }

    /// The reader is about to wait.
    pub(in crate::net) fn set_reader(&self, waker: &Waker) {
        let mut waiting = lock(&self.waiting);
        match &mut waiting.reader {
            Some(reader) => reader.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Wakes the reader, if it waits.
    pub(in crate::net) fn wake_reader(&self, wakes: &mut WakeLater) {
        wakes.push(lock(&self.waiting).reader.take());
    }

    /// Tells the reader something.
    pub(in crate::net) fn raise(&self, news: News) {
        // Mostly it is there already, and a load costs less.
        if !self.has(news) {
            self.news.fetch_or(news as u8, Ordering::Relaxed);
        }
    }

    /// Whether it was there; it is not any more.
    pub(in crate::net) fn lower(&self, news: News) -> bool {
        self.has(news) && self.news.fetch_and(!(news as u8), Ordering::Relaxed) & news as u8 != 0
    }

    pub(in crate::net) fn has(&self, news: News) -> bool {
        self.news.load(Ordering::Relaxed) & news as u8 != 0
    }
}

impl Waiting {
    fn admit(&mut self, waiter: &mut Waiter, state: State, waker: &Waker) {
        self.take_out(waiter);
        waiter.state = state;
        let ticket = *waiter.ticket.get_or_insert_with(|| {
            self.tickets += 1;
            self.tickets
        });
        let entry = Entry { waker: waker.clone(), forgets: waiter.forgets };
        let writers = self.writers.get_or_insert_default();
        match state {
            State::Idle => None,
            State::ForRoom => writers.room.insert(ticket, entry),
            State::ForPosition(position) => writers.position.insert((position, ticket), entry),
        };
    }

    /// Whether it was there: else it was woken.
    fn take_out(&mut self, waiter: &mut Waiter) -> bool {
        let state = std::mem::replace(&mut waiter.state, State::Idle);
        let Some(ticket) = waiter.ticket.filter(|_| state != State::Idle) else { return true };
        let Some(writers) = &mut self.writers else { return false };
        let entry = match state {
            State::Idle => None,
            State::ForRoom => writers.room.remove(&ticket),
            State::ForPosition(position) => writers.position.remove(&(position, ticket)),
        };
        entry.is_some()
    }

    /// Wakes one that will write; and those before it on whom one cannot rely.
    fn wake_one(&mut self, wakes: &mut WakeLater) {
        let Some(writers) = &mut self.writers else { return };
        while let Some((_, Entry { waker, forgets })) = writers.position.pop_first() {
            wakes.push([waker]);
            if !forgets {
                return;
            }
        }
        writers.wake_for_room(wakes);
    }
}

impl Writers {
    /// Whether a writer waits for a position up to this one.
    fn is_reached(&self, position: u64) -> bool {
        self.position.first_key_value().is_some_and(|((first, _), _)| *first <= position)
    }

    fn wake_for_room(&mut self, wakes: &mut WakeLater) {
        while let Some((_, Entry { waker, forgets })) = self.room.pop_first() {
            wakes.push([waker]);
            if !forgets {
                return;
            }
        }
    }
}

impl Wake for WakerSet {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// The transport can take more.
    fn wake_by_ref(self: &Arc<Self>) {
        let mut wakes = WakeLater::default();
        let mut waiting = lock(&self.waiting);
        waiting.wake_one(&mut wakes);
        // Where no writer waits the reader writes what was left. Where one does, it may be a future
        // that is not polled at the moment.
        wakes.push(waiting.reader.take());
        drop(waiting);
    }
}
