//! Locks and atomics, from the one place that knows where they come from.
//!
//! Here they are the standard library's. Under `--cfg bowstring_loom` the file `sync_loom.rs` stands in
//! for this one, and they are loom's. Then `tests/loom.rs` runs what threads share through every
//! order in which the threads can take turns. (The name is our own, because other crates change as well
//! under `--cfg loom`.)

use std::sync::PoisonError;
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, atomic};
use std::task::Waker;

/// Locks, also after a panic: nothing that these locks protect is left half done by one.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes a task. All tasks are woken through here, so that a model can drop a wake-up, to see that it
/// is missed.
#[inline]
pub(crate) fn wake(waker: Waker) {
    waker.wake();
}
