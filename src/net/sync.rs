//! Locks and atomics, from the one place that knows where they come from.
//!
//! They are the standard library's. Under `--cfg bowstring_loom` they are loom's: then the tests in
//! `models` run what two threads share through every order in which the threads can take turns. The
//! name is our own because other crates change as well under `--cfg loom`.
//!
//! A task is woken through [`wake`], so that a model can drop a wake-up and show that it is missed.
//! [`Arc`] is always the standard library's, because a [`Waker`] is made of one.

pub(crate) use std::sync::Arc;
use std::sync::PoisonError;
use std::task::Waker;

#[cfg(bowstring_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(bowstring_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

/// Locks, also after a panic: nothing that these locks protect is left half done by one.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes a task.
#[inline]
pub(crate) fn wake(waker: Waker) {
    if !is_dropped() {
        waker.wake();
    }
}

/// Wakes a task that has more than one to wake it.
#[inline]
pub(crate) fn wake_by_ref(waker: &Waker) {
    if !is_dropped() {
        waker.wake_by_ref();
    }
}

#[cfg(not(bowstring_loom))]
#[inline(always)]
fn is_dropped() -> bool {
    false
}

#[cfg(bowstring_loom)]
use dropping::is_dropped;

/// Wake-ups that a model drops.
#[cfg(bowstring_loom)]
pub(in crate::net) mod dropping {
    use std::cell::Cell;

    thread_local! {
        /// How many wake-ups come before the one that is dropped. (loom runs a model's threads on one.)
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// Drops the wake-up after so many others.
    pub(in crate::net) fn drop_wake(after: Option<u32>) {
        LEFT.set(after);
    }

    pub(super) fn is_dropped() -> bool {
        let left = LEFT.get();
        LEFT.set(left.and_then(|left| left.checked_sub(1)));
        left == Some(0)
    }
}
