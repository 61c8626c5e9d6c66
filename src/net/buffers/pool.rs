//! Memory that a thread's sockets lend each other.
//!
//! A socket needs a large buffer to read into for the moment between a read and the parsing of what
//! came, and one to write from until the kernel has taken it. Between those moments it owns
//! neither: ten thousand idle connections share what one busy one needs.

use std::cell::{Cell, RefCell};

/// Read blocks are this large: one read takes as much as is there, up to this many bytes.
pub(in crate::net) const BLOCK: usize = 256 << 10;

/// How many blocks and how many buffers a thread keeps for the next who asks.
const KEPT: usize = 4;

/// Buffers that grew past this are not kept.
const LARGE: usize = BLOCK;

thread_local! {
    static BLOCKS: FreeList = const { FreeList::new() };
    static BUFFERS: FreeList = const { FreeList::new() };
}

/// Vectors that wait. Mostly there is one, which comes and goes with each message: it has a place of
/// its own.
struct FreeList {
    first: Cell<Vec<u8>>,
    more: RefCell<Vec<Vec<u8>>>,
}

impl FreeList {
    const fn new() -> Self {
        Self { first: Cell::new(Vec::new()), more: RefCell::new(Vec::new()) }
    }

    #[inline]
    fn take(&self) -> Option<Vec<u8>> {
        let first = self.first.take();
        if first.capacity() > 0 { Some(first) } else { self.take_more() }
    }

    #[cold]
    fn take_more(&self) -> Option<Vec<u8>> {
        self.more.borrow_mut().pop()
    }

    #[inline]
    fn give(&self, vec: Vec<u8>) {
        let first = self.first.replace(vec);
        if first.capacity() > 0 {
            self.give_more(first);
        }
    }

    #[cold]
    fn give_more(&self, vec: Vec<u8>) {
        let mut more = self.more.borrow_mut();
        if more.len() < KEPT - 1 {
            more.push(vec);
        }
    }
}

/// A read block: `BLOCK` bytes, initialised once in its life, with whatever was in it before.
#[inline]
pub(in crate::net) fn take_block() -> Vec<u8> {
    BLOCKS.try_with(FreeList::take).ok().flatten().unwrap_or_else(|| vec![0; BLOCK])
}

/// Gives a read block back.
#[inline]
pub(in crate::net) fn give_block(block: Vec<u8>) {
    debug_assert_eq!(block.len(), BLOCK);
    // A thread that ends keeps nothing.
    let _ = BLOCKS.try_with(|blocks| blocks.give(block));
}

/// An empty buffer, perhaps with room.
#[inline]
pub(in crate::net) fn take_buffer() -> Vec<u8> {
    BUFFERS.try_with(FreeList::take).ok().flatten().unwrap_or_default()
}

/// Gives a buffer back, whatever is in it.
#[inline]
pub(in crate::net) fn give_buffer(mut buffer: Vec<u8>) {
    if buffer.capacity() > 0 && buffer.capacity() <= LARGE {
        buffer.clear();
        let _ = BUFFERS.try_with(|buffers| buffers.give(buffer));
    }
}
