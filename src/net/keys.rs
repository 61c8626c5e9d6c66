//! Where randomness comes from: a cryptographic generator, seeded by the operating system and
//! buffered per thread (§5.3, §10.3).

/// A new, unpredictable masking key. It is the [`KeySource`](crate::proto::KeySource) of all clients that
/// this layer makes.
///
/// **Danger after `fork`.** If a process goes on in both copies without `exec`, both draw the same keys
/// for a while. One of them then needs another key source.
pub fn masking_key() -> [u8; 4] {
    rand::random()
}

/// The nonce of an opening handshake (§4.1).
pub(super) fn nonce() -> [u8; 16] {
    rand::random()
}
