//! Stands in for `sync.rs` under `--cfg bowstring_loom`: locks and atomics of loom, whose models run
//! through every order in which threads can take turns.

use std::cell::Cell;
// Wakers are made of these.
pub(crate) use std::sync::Arc;
use std::sync::PoisonError;
use std::task::Waker;

pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};

thread_local! {
    /// How many wake-ups come before one that is dropped. (loom runs the threads of a model on one.)
    static DROPPED: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Drops the wake-up after so many others, to see that it is missed.
pub fn drop_wake(after: u32) {
    DROPPED.set(Some(after));
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn wake(waker: Waker) {
    let left = DROPPED.get();
    DROPPED.set(left.and_then(|left| left.checked_sub(1)));
    if left != Some(0) {
        waker.wake();
    }
}
