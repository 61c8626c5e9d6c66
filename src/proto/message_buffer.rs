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
    /// known. It may or may not have room for them. While the length is not known it has none: see
    /// [`borrow`](Self::borrow).
    pub(super) fn lend(len: u64) -> Self {
        if len < LARGE as u64 || len == u64::MAX {
            return Self::default();
        }
        Self::lend_from_thread(Some(usize::try_from(len).unwrap_or(usize::MAX))).unwrap_or_default()
    }

    fn lend_from_thread(len: Option<usize>) -> Option<Self> {
        let (data, loan) = memory::lend(len)?;
        Some(Self { data, loan: Some(Box::new(loan)) })
    }

    /// Moves to memory that the thread keeps, if there is some with room for `arrived` bytes. It is for a
    /// message whose length was not known when it began, once that many have arrived. `len` is its length,
    /// if that is known by now.
    #[cold]
    pub(super) fn borrow(&mut self, arrived: usize, len: Option<usize>) {
        if self.loan.is_none()
            // What is large already costs more to be moved than to grow.
            && self.data.len() < LARGE
            && len.is_none_or(|len| len >= LARGE)
            && let Some(mut lent) = Self::lend_from_thread(len)
            && lent.data.capacity() >= arrived
        {
            lent.data.extend_from_slice(&self.data);
            *self = lent;
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
