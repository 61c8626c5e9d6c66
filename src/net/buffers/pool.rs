//! Memory that the sockets of a thread lend each other.
//!
//! A socket needs a large block to read into, from a read until what came is parsed. It needs a buffer
//! to write from, until the transport has taken what is in it. Between those moments it owns neither:
//! ten thousand idle connections share what one busy one needs.
//!
//! The blocks are a thread-local, because a socket may be polled by another thread each time. The
//! buffers are those of [`memory`](crate::proto::memory), which messages use as well.

pub(in crate::net) use crate::proto::memory::{give as give_buffer, reserve, take as take_buffer};

use crate::proto::free_list::FreeList;

/// The length of a read block in bytes: one read takes at most as much.
pub(in crate::net) const BLOCK: usize = 256 << 10;

/// How many blocks a thread keeps.
const KEPT: usize = 4;

thread_local! {
    static BLOCKS: FreeList<Vec<u8>> = const { FreeList::new(KEPT * BLOCK) };
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
