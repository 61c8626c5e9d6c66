//! How much compression has saved (RFC 7692).

/// How many bytes went in and came out, compressed and not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ratio {
    /// Bytes of the messages.
    pub plain: u64,
    /// Bytes of the same messages on the wire, without headers.
    pub wire: u64,
}
