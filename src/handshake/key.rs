//! The proof that the server read the request: §4.1 item 7, §4.2.2 item 5.4.
//!
//! The client sends 16 random bytes as base64, the server answers with the SHA-1 of that text and a fixed
//! GUID. It keeps caches and plain HTTP servers from agreeing by accident; it is no secret, and SHA-1's
//! weakness does not matter here (§10.8). The random bytes are an argument: nothing here draws them.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha1::{Digest, Sha1};

/// The value of `Sec-WebSocket-Accept` that belongs to a `Sec-WebSocket-Key` (§4.2.2 item 5.4).
///
/// The key is hashed as it is. It is not decoded and not validated here.
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = [0; 28];
    // 20 bytes are always 28 characters, so the slice is exactly filled.
    let written = BASE64.encode_slice(digest, &mut accept);
    debug_assert_eq!(written, Ok(28));
    accept
}

/// The value of `Sec-WebSocket-Key` for 16 random bytes (§4.1 item 7). Draw new ones for each connection.
pub fn encode_nonce(nonce: [u8; 16]) -> String {
    BASE64.encode(nonce)
}

/// Whether `key` is base64 of exactly 16 bytes, as §4.2.1 item 5 asks.
///
/// Padding is required. The last character has four bits too many, which are ignored: the RFC's own example,
/// `AQIDBAUGBwgJCgsMDQ4PEC==`, has some of them set.
pub fn is_key(key: &[u8]) -> bool {
    // 18 is what 24 characters might be; a longer key does not fit, and is none.
    let mut decoded = [0; 18];
    BASE64.decode_slice(key, &mut decoded) == Ok(16)
}

const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_section_1_3() {
        assert_eq!(&accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(encode_nonce(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
    }

    #[test]
    fn the_example_of_section_4_1_has_trailing_bits() {
        assert!(is_key(b"AQIDBAUGBwgJCgsMDQ4PEC=="));
        assert_eq!(
            encode_nonce([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
            "AQIDBAUGBwgJCgsMDQ4PEA=="
        );
    }

    #[test]
    fn keys_that_are_none() {
        for key in [
            &b""[..],
            b"dGhlIHNhbXBsZSBub25jZQ",
            b"dGhlIHNhbXBsZSBub25jZQ=",
            b"dGhlIHNhbXBsZSBub25jZQ===",
            b"dGhlIHNhbXBsZSBub25jZTE=",
            b"dGhlIHNhbXBsZSBub25jZTEy",
            b"dGhlIHNhbXBsZSBub25j====",
            b"dGhlIHNhbXBsZSBub25jZ===",
            b"dGhlIHNhbXBs=SBub25jZQ==",
            b"dGhlIHNhbXBsZSBub25-ZQ==",
            b"dGhlIHNhbXBsZSBub25 ZQ==",
            b"dGhlIHNhbXBsZSBub25\0ZQ==",
            b"dGhlIHNhbXBsZSBub25\xffZQ==",
        ] {
            assert!(!is_key(key), "{}", key.escape_ascii());
        }
    }
}
