//! An allocator that counts for the whole process, so a test that asks it is alone in its file.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

/// How many bytes are allocated.
pub(crate) fn heap() -> usize {
    dhat::HeapStats::get().curr_bytes
}

/// Polls a future until it waits, and drops it.
pub(crate) fn wait(future: impl Future<Output = impl Sized>) {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending));
}
