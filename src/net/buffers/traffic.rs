//! What has gone over a connection. `traffic_off.rs` stands in for it in builds without the feature
//! `metrics`.

use crate::net::sync::Arc;
use crate::net::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What has gone over a connection, or over all of a server's.
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
    messages: u64,
    bytes: u64,
    seen: Option<Seen>,
}

/// The same for others to look at. Only one task at a time counts, so it need only store.
///
/// Relaxed is enough: each counter is looked at for itself, nothing else is read because of it, and a
/// figure that is a moment old is as good.
#[derive(Clone, Debug, Default)]
pub(in crate::net) struct Seen(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    #[inline]
    pub(in crate::net) fn message(&mut self) {
        self.messages += 1;
        if let Some(seen) = &self.seen {
            seen.0.messages.store(self.messages, Relaxed);
        }
    }

    #[inline]
    pub(in crate::net) fn bytes(&mut self, len: usize) {
        self.bytes += len as u64;
        if let Some(seen) = &self.seen {
            seen.0.bytes.store(self.bytes, Relaxed);
        }
    }

    /// Lets others look from now on.
    pub(in crate::net) fn show(&mut self, seen: &Seen) {
        seen.0.messages.store(self.messages, Relaxed);
        seen.0.bytes.store(self.bytes, Relaxed);
        self.seen = Some(seen.clone());
    }
}

impl Traffic {
    pub(in crate::net) fn of(received: &Seen, sent: &Seen) -> Self {
        Self {
            messages_received: received.0.messages.load(Relaxed),
            bytes_received: received.0.bytes.load(Relaxed),
            messages_sent: sent.0.messages.load(Relaxed),
            bytes_sent: sent.0.bytes.load(Relaxed),
        }
    }
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.messages_received += other.messages_received;
        self.bytes_received += other.bytes_received;
        self.messages_sent += other.messages_sent;
        self.bytes_sent += other.bytes_sent;
    }
}
