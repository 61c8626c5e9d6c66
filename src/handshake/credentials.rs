//! Credentials in header fields, of servers and of proxies.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// The value of `Authorization` or `Proxy-Authorization` for this user and password (RFC 7617 §2). The user must have
/// no colon.
pub(crate) fn basic_credentials(user: &[u8], password: &[u8]) -> String {
    format!("Basic {}", BASE64_STANDARD.encode([user, b":", password].concat()))
}
