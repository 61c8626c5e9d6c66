//! Where randomness comes from: a cryptographic generator, seeded by the operating system and
//! buffered per thread (§5.3, §10.3).

/// A fresh, unpredictable masking key: the [`KeySource`](crate::proto::KeySource) of every client
/// that this layer makes.
///
/// The generator does not notice a `fork`: a process that goes on in both without `exec` needs a key
/// source of its own in one of them, for until they seed anew both draw the same keys.
pub fn masking_key() -> [u8; 4] {
    rand::random()
}

/// The nonce of an opening handshake (§4.1).
pub(super) fn nonce() -> [u8; 16] {
    rand::random()
}
