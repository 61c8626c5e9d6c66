//! Memory that a thread's sockets lend each other.
//!
//! A socket needs a large buffer to read into for the moment between a read and the parsing of what
//! came, and one to write from until the kernel has taken it. Between those moments it owns
//! neither: ten thousand idle connections share what one busy one needs.

use std::cell::RefCell;

/// Read blocks are this large: one read takes as much as is there, up to this many bytes.
pub(super) const BLOCK: usize = 256 << 10;

/// How many blocks and how many buffers a thread keeps for the next who asks.
const KEPT: usize = 4;

/// Buffers that grew past this are not kept.
const LARGE: usize = BLOCK;

thread_local! {
    static BLOCKS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A read block: `BLOCK` bytes, initialised once in its life, with whatever was in it before.
pub(super) fn take_block() -> Vec<u8> {
    BLOCKS.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; BLOCK])
}

/// Gives a read block back.
pub(super) fn give_block(block: Vec<u8>) {
    debug_assert_eq!(block.len(), BLOCK);
    BLOCKS.with_borrow_mut(|blocks| {
        if blocks.len() < KEPT {
            blocks.push(block);
        }
    });
}

/// An empty buffer, perhaps with room.
pub(super) fn take_buffer() -> Vec<u8> {
    BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Gives a buffer back, whatever is in it.
pub(super) fn give_buffer(mut buffer: Vec<u8>) {
    if buffer.capacity() == 0 || buffer.capacity() > LARGE {
        return;
    }
    buffer.clear();
    BUFFERS.with_borrow_mut(|buffers| {
        if buffers.len() < KEPT {
            buffers.push(buffer);
        }
    });
}
