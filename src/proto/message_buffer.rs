//! The bytes of a message that arrives in pieces.
//!
//! A large one uses [memory](super::memory) that the thread keeps, and gives it back when the last
//! owner of the message drops it.

use std::ops::{Deref, DerefMut};

use bytes::Bytes;

use super::memory::{self, LARGE, Loan};

/// A buffer that goes back to the thread when it is dropped, if it is worth keeping.
#[derive(Debug, Default)]
pub(super) struct MessageBuffer {
    data: Vec<u8>,
    /// Its memory is lent as long as the message is not whole. Boxed, because every connection has room
    /// for a message buffer.
    loan: Option<Box<Loan>>,
}

impl MessageBuffer {
    /// An empty buffer for a message of which so many bytes are to come, or `u64::MAX` if that is not
    /// known. It may or may not have room for them.
    pub(super) fn lend(len: u64) -> Self {
        if len < LARGE as u64 {
            return Self::default();
        }
        let len =
            if len == u64::MAX { None } else { Some(usize::try_from(len).unwrap_or(usize::MAX)) };
        match memory::lend(len) {
            Some((data, loan)) => Self { data, loan: Some(Box::new(loan)) },
            None => Self::default(),
        }
    }

    /// Its bytes as a message keeps them. The memory comes back when they are dropped.
    pub(super) fn into_bytes(mut self) -> Bytes {
        let (len, room) = (self.data.len(), self.data.capacity());
        if room / 2 > len {
            // It was lent, and is far too large to be given away.
            if len < LARGE {
                return Bytes::copy_from_slice(&self.data);
            }
            let mut smaller = Self::default();
            memory::reserve(&mut smaller.data, len, len);
            smaller.data.extend_from_slice(&self.data);
            self = smaller;
        }
        self.loan = None;
        if memory::is_worth_keeping(self.data.capacity()) {
            Bytes::from_owner(self)
        } else {
            std::mem::take(&mut self.data).into()
        }
    }

    /// Gives the memory to the allocator.
    pub(super) fn discard(mut self) {
        self.data = Vec::new();
    }
}

impl AsRef<[u8]> for MessageBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Deref for MessageBuffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.data
    }
}

impl DerefMut for MessageBuffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }
}

impl Drop for MessageBuffer {
    fn drop(&mut self) {
        if self.data.capacity() >= LARGE {
            memory::give_large(std::mem::take(&mut self.data));
        }
    }
}
