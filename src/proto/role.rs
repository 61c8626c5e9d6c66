//! Which end of a connection this is, and so who masks (§5.1, §5.3).

use std::fmt;

/// Gives the masking key of a client's next frame.
///
/// Keys must be unpredictable, and new for each frame (§5.3, §10.3). So take them from a cryptographic
/// generator.
pub type KeySource = fn() -> [u8; 4];

/// Which end of the connection this is. A client masks what it sends (§5.1).
#[derive(Clone, Copy)]
pub enum Role {
    /// The end that opened the connection.
    Client(KeySource),
    /// The end that accepted it.
    Server,
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client(_) => "Client",
            Self::Server => "Server",
        })
    }
}
