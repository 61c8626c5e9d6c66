//! The memory of large messages, kept by the thread for the next ones.
//!
//! An allocator gives a megabyte back to the system, and takes it page by page again: that costs more
//! than the message. So a thread keeps up to [`KEPT`] buffers of at most [`LARGEST`] bytes. A peer
//! that begins a large message and stalls would hold one for next to nothing: no more than [`MOST`]
//! bytes are lent at a time, by all threads together.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// What is smaller is the allocator's business.
const SMALLEST: usize = 64 << 10;
const LARGEST: usize = 1 << 20;
const KEPT: usize = 4;
const MOST: usize = 16 << 20;

static LENT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    /// Whether this thread ever asked for a buffer: one that only drops messages keeps none.
    static RECEIVES: Cell<bool> = const { Cell::new(false) };
}

/// A buffer that goes back to the thread when it is dropped, if it is worth it.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    data: Vec<u8>,
    /// How much of [`LENT`] it is.
    lent: usize,
}

impl Buffer {
    /// An empty buffer for so many bytes, which may or may not have room for them.
    pub(super) fn lend(len: u64) -> Self {
        if len < SMALLEST as u64 {
            return Self::default();
        }
        RECEIVES.set(true);
        let data = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        let lent = data.capacity();
        let buffer = Self { data, lent };
        if LENT.fetch_add(lent, Ordering::Relaxed) + lent > MOST {
            // Dropped, it goes back to where it was.
            return Self::default();
        }
        buffer
    }

    /// Its bytes, for somebody to keep; the memory comes back when they are dropped.
    pub(super) fn into_bytes(mut self) -> Bytes {
        // One that was lent can be far too large to be given away.
        if self.data.len() < SMALLEST && self.is_worth_it() {
            return Bytes::copy_from_slice(&self.data);
        }
        if self.data.capacity() / 2 > self.data.len() {
            self.data.shrink_to_fit();
        }
        self.settle();
        if self.is_worth_it() {
            Bytes::from_owner(self)
        } else {
            std::mem::take(&mut self.data).into()
        }
    }

    /// Gives the memory to the allocator.
    pub(super) fn discard(mut self) {
        self.data = Vec::new();
    }

    /// It is no longer lent for a message that may never come.
    fn settle(&mut self) {
        if self.lent > 0 {
            LENT.fetch_sub(std::mem::take(&mut self.lent), Ordering::Relaxed);
        }
    }

    fn is_worth_it(&self) -> bool {
        (SMALLEST..=LARGEST).contains(&self.data.capacity())
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.data
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.settle();
        if self.is_worth_it() && RECEIVES.try_with(Cell::get).unwrap_or_default() {
            let mut data = std::mem::take(&mut self.data);
            data.clear();
            // A thread that ends keeps nothing.
            let _ = SPARE.try_with(|spare| {
                let mut spare = spare.borrow_mut();
                if spare.len() < KEPT {
                    spare.push(data);
                }
            });
        }
    }
}
