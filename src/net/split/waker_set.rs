//! Who waits for the writing direction of a split socket.
//!
//! A transport remembers one waker for writing, and many may wait: it gets this one, which wakes them
//! all. It owns nothing but their wakers, or a transport that waits would keep itself alive.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The tasks that wait to write, and the one that reads.
#[derive(Default)]
pub(in crate::net) struct WakerSet {
    writers: Mutex<Vec<Waker>>,
    /// The reading task, while it waits.
    reader: Mutex<Option<Waker>>,
    /// Something is framed that the reader should see written when it next waits.
    pub(in crate::net) pending: AtomicBool,
}

impl WakerSet {
    fn writers(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was not there before.
    pub(in crate::net) fn enlist(&self, waker: &Waker) -> bool {
        let mut writers = self.writers();
        let new = !writers.iter().any(|other| other.will_wake(waker));
        if new {
            writers.push(waker.clone());
        }
        new
    }

    /// Whether it was there.
    pub(in crate::net) fn dismiss(&self, waker: &Waker) -> bool {
        let mut writers = self.writers();
        let before = writers.len();
        writers.retain(|other| !other.will_wake(waker));
        writers.len() < before
    }

    fn reader(&self) -> MutexGuard<'_, Option<Waker>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::net) fn set_reader(&self, waker: &Waker) {
        self.reader().get_or_insert_with(|| waker.clone()).clone_from(waker);
    }

    pub(in crate::net) fn wake_reader(&self) {
        let reader = self.reader().take();
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Wake for WakerSet {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let writers = std::mem::take(&mut *self.writers());
        // Where no writer waits, or not any more, the reader writes what was left.
        if self.pending.load(Ordering::Relaxed) {
            self.wake_reader();
        }
        writers.into_iter().for_each(Waker::wake);
    }
}
