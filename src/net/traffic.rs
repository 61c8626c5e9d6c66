//! What has gone over a connection, counted if the feature `metrics` is on; else [`Count`] is nothing
//! and costs nothing.

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
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    #[cfg(feature = "metrics")]
    messages: u64,
    #[cfg(feature = "metrics")]
    bytes: u64,
}

#[cfg(not(feature = "metrics"))]
impl Count {
    #[inline]
    pub(super) fn message(&mut self) {}

    #[inline]
    pub(super) fn bytes(&mut self, _: usize) {}
}

#[cfg(feature = "metrics")]
impl Count {
    #[inline]
    pub(super) fn message(&mut self) {
        self.messages += 1;
    }

    #[inline]
    pub(super) fn bytes(&mut self, len: usize) {
        self.bytes += len as u64;
    }
}

#[cfg(feature = "metrics")]
impl Traffic {
    pub(super) fn new(received: Count, sent: Count) -> Self {
        Self {
            messages_received: received.messages,
            bytes_received: received.bytes,
            messages_sent: sent.messages,
            bytes_sent: sent.bytes,
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
