//! The bytes that a thread keeps for its next messages.
//!
//! An allocator gives a megabyte back to the system and takes it again page by page. That costs more
//! than the message: 4 MiB are 1,024 page faults. So a thread keeps memory for the messages to come,
//! and connections that wait own none. There are two lists:
//!
//! ```text
//! small    up to 256 KiB each, 1 MiB together     what frames are written from
//! large    from 64 KiB on, 16 MiB together        messages being received, and the rest of large
//!                                                 ones that the transport did not take at once
//! ```
//!
//! A message that only begins may [borrow](lend) a large buffer before its bytes arrive, if its header says
//! that it is large. A message of unknown length borrows one once 16 KiB are there. Then a peer that
//! begins many messages and stalls holds memory that it never filled: at most 16 MiB from each thread. After that, messages begin with what the allocator gives, which grows as bytes arrive.
//!
//! The lists are thread-locals, because a message that is dropped knows nothing of the connection from
//! which it came. The count of what is lent belongs to the lists: no state is shared by all threads.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::free_list::FreeList;

/// From this length on, in bytes, the memory of a message is worth keeping.
pub(crate) const LARGE: usize = 64 << 10;

/// The largest buffer in the list of small ones, and all of them together, in bytes.
const SMALL: usize = 256 << 10;
const ALL_SMALL: usize = 4 * SMALL;

/// How many bytes of large buffers a thread keeps, and how many it lends at a time.
const ALL_LARGE: usize = 16 << 20;

thread_local! {
    static SMALL_BUFFERS: FreeList<Vec<u8>> = const { FreeList::new(ALL_SMALL) };
    static LARGE_BUFFERS: LargeBuffers = LargeBuffers::default();
}

struct LargeBuffers {
    list: FreeList<Vec<u8>>,
    /// Whether this thread ever wanted one: a thread that only drops messages keeps none.
    wanted: Cell<bool>,
    /// How many bytes are lent.
    ///
    /// Only this thread adds to it; the thread that drops a loan subtracts. It is a count and guards no other
    /// memory, so relaxed accesses are enough. A late subtraction only makes this thread lend less.
    lent: Arc<AtomicUsize>,
}

impl Default for LargeBuffers {
    fn default() -> Self {
        Self { list: FreeList::new(ALL_LARGE), wanted: Cell::new(false), lent: Arc::default() }
    }
}

/// Says that a buffer is lent, until it is dropped.
#[derive(Debug)]
pub(super) struct Loan {
    bytes: usize,
    lent: Arc<AtomicUsize>,
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.lent.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// An empty buffer, perhaps with room.
#[inline]
#[allow(dead_code, reason = "the core alone, without compression, takes none")]
pub(crate) fn take() -> Vec<u8> {
    // A thread that ends keeps nothing, here and below.
    SMALL_BUFFERS.try_with(FreeList::take).ok().flatten().unwrap_or_default()
}

/// Gives a buffer back, whatever is in it.
#[inline]
pub(crate) fn give(mut buffer: Vec<u8>) {
    match buffer.capacity() {
        0 => {}
        1..=SMALL => {
            buffer.clear();
            let _ = SMALL_BUFFERS.try_with(|list| list.give(buffer));
        }
        _ => give_large(buffer),
    }
}

/// Gives a buffer back to those for large messages.
#[cold]
pub(super) fn give_large(mut buffer: Vec<u8>) {
    if is_worth_keeping(buffer.capacity()) {
        buffer.clear();
        let _ = LARGE_BUFFERS.try_with(|large| {
            if large.wanted.get() {
                large.list.give(buffer);
            }
        });
    }
}

/// Makes room for `more` bytes of a message of `whole` bytes, like [`Vec::reserve`], where that is much in
/// kept memory.
#[inline]
pub(crate) fn reserve(buffer: &mut Vec<u8>, more: usize, whole: usize) {
    if more >= LARGE && buffer.capacity() - buffer.len() < more {
        reserve_large(buffer, more, whole);
    } else {
        buffer.reserve(more);
    }
}

#[cold]
fn reserve_large(buffer: &mut Vec<u8>, more: usize, whole: usize) {
    let len = buffer.len() + more;
    // Moving what is there must not cost more than page faults would.
    let kept = if buffer.len() > more / 16 { None } else { take_fitting(len, whole) };
    match kept {
        Some(mut kept) => {
            kept.extend_from_slice(buffer);
            give(std::mem::replace(buffer, kept));
        }
        None => buffer.reserve(more),
    }
}

/// An empty buffer for so many bytes, with room for the whole message or for twice as many.
fn take_fitting(len: usize, whole: usize) -> Option<Vec<u8>> {
    let take = |large: &LargeBuffers| {
        large.wanted.set(true);
        large.list.take_best(|buffer| {
            let room = buffer.capacity();
            (len..=whole.max(len.saturating_mul(2))).contains(&room).then_some(usize::MAX - room)
        })
    };
    LARGE_BUFFERS.try_with(take).ok().flatten()
}

/// An empty buffer for a message of `len` bytes that has only begun; if its length is not known, of
/// `None`. It may have less room than that.
pub(super) fn lend(len: Option<usize>) -> Option<(Vec<u8>, Loan)> {
    let lend = |large: &LargeBuffers| {
        large.wanted.set(true);
        let lent = large.lent.load(Ordering::Relaxed);
        let buffer = large.list.take_best(|buffer| {
            let room = buffer.capacity();
            let most = len.map_or(usize::MAX, |len| len.saturating_mul(2));
            // The smallest that has room for all of it, else the largest.
            let rank = match len {
                Some(len) if room >= len => (true, usize::MAX - room),
                _ => (false, room),
            };
            (room <= most && room <= ALL_LARGE - lent).then_some(rank)
        })?;
        let bytes = buffer.capacity();
        large.lent.fetch_add(bytes, Ordering::Relaxed);
        Some((buffer, Loan { bytes, lent: large.lent.clone() }))
    };
    LARGE_BUFFERS.try_with(lend).ok().flatten()
}

/// Whether a buffer of so many bytes can be kept for large messages.
pub(super) fn is_worth_keeping(room: usize) -> bool {
    (LARGE..=ALL_LARGE).contains(&room)
}
