//! What has gone over a connection, counted if the feature `metrics` is on; else [`Count`] is nothing
//! and costs nothing.

#[cfg(feature = "metrics")]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// What has gone over a connection, or over all of a server's.
#[cfg(feature = "metrics")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Text and binary messages that the application was handed.
    pub messages_received: u64,
    /// Bytes that were read from the transport after the opening handshake, headers and all.
    pub bytes_received: u64,
    /// Text and binary messages that were framed.
    pub messages_sent: u64,
    /// Bytes that the transport took after the opening handshake, headers and all.
    pub bytes_sent: u64,
}

/// One direction.
#[derive(Debug, Default)]
pub(in crate::net) struct Count {
    #[cfg(feature = "metrics")]
    messages: u64,
    #[cfg(feature = "metrics")]
    bytes: u64,
    #[cfg(feature = "metrics")]
    seen: Option<Arc<Seen>>,
}

/// The same for others to look at. Only one task at a time counts, so that it need but store.
#[cfg(feature = "metrics")]
#[derive(Debug, Default)]
pub(in crate::net) struct Seen {
    messages: AtomicU64,
    bytes: AtomicU64,
}

#[cfg(not(feature = "metrics"))]
impl Count {
    #[inline]
    pub(in crate::net) fn message(&mut self) {}

    #[inline]
    pub(in crate::net) fn bytes(&mut self, _: usize) {}
}

#[cfg(feature = "metrics")]
impl Count {
    #[inline]
    pub(in crate::net) fn message(&mut self) {
        self.messages += 1;
        if let Some(seen) = &self.seen {
            seen.messages.store(self.messages, Relaxed);
        }
    }

    #[inline]
    pub(in crate::net) fn bytes(&mut self, len: usize) {
        self.bytes += len as u64;
        if let Some(seen) = &self.seen {
            seen.bytes.store(self.bytes, Relaxed);
        }
    }

    /// Lets others look from now on.
    pub(in crate::net) fn show(&mut self, seen: &Arc<Seen>) {
        seen.messages.store(self.messages, Relaxed);
        seen.bytes.store(self.bytes, Relaxed);
        self.seen = Some(Arc::clone(seen));
    }
}

#[cfg(feature = "metrics")]
impl Traffic {
    pub(in crate::net) fn of(received: &Seen, sent: &Seen) -> Self {
        Self {
            messages_received: received.messages.load(Relaxed),
            bytes_received: received.bytes.load(Relaxed),
            messages_sent: sent.messages.load(Relaxed),
            bytes_sent: sent.bytes.load(Relaxed),
        }
    }
}

#[cfg(feature = "metrics")]
impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.messages_received += other.messages_received;
        self.bytes_received += other.bytes_received;
        self.messages_sent += other.messages_sent;
        self.bytes_sent += other.bytes_sent;
    }
}
