//! What can go wrong, sorted by whose fault it is.
//!
//! A [`Violation`] is the peer's. It ends the connection, and its [`code`](Violation::code) tells the peer why
//! (§7.1.7, §7.4.1). A [`Misuse`] is the caller's. Nothing was framed, and the connection goes on. A clean end
//! is no error.

use std::error::Error;
use std::fmt;

use super::close_code::CloseCode;

/// A rule the peer broke. The connection fails with [`code`](Self::code) (§7.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// One of these reserved bits (RSV1 is `0b100`) was set, and no extension gives it a meaning.
    ReservedBits(u8),
    /// An opcode that does not exist.
    ReservedOpcode(u8),
    /// A client sent a frame without a mask.
    UnmaskedFrame,
    /// A server sent a masked frame.
    MaskedFrame,
    /// A payload length was not written in its shortest form.
    LengthNotMinimal,
    /// A payload length had its most significant bit set.
    LengthTooLarge,
    /// A control frame declared more than 125 bytes.
    LongControl,
    /// A control frame came without FIN.
    FragmentedControl,
    /// A continuation frame came with no message to continue.
    UnexpectedContinuation,
    /// A new message began before the last one had ended.
    ExpectedContinuation,
    /// A text message is not UTF-8.
    InvalidUtf8 {
        /// How many bytes of the message were good: where the bad sequence starts.
        offset: u64,
    },
    /// A close frame had a payload of one byte: half a status code.
    ShortClose,
    /// A close frame carried a status code that must not be sent.
    InvalidCloseCode(u16),
    /// The reason in a close frame is not UTF-8.
    InvalidCloseReason,
    /// A frame declared more payload than [`max_frame_size`](super::Limits::max_frame_size) allows.
    FrameTooLarge {
        /// The declared length in bytes.
        len: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// A message grew past [`max_message_size`](super::Limits::max_message_size).
    MessageTooLarge {
        /// Its length in bytes as far as it was known: what its fragments have declared so far. Of a compressed
        /// message: what was inflated so far.
        len: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// A message had more than [`max_fragments`](super::Limits::max_fragments).
    TooManyFragments {
        /// The limit.
        limit: u32,
    },
    /// A compressed message is not a DEFLATE stream.
    InvalidDeflate,
    /// A text message came to an endpoint whose [`Limits`](super::Limits) take none.
    UnwantedText,
    /// A binary message came to an endpoint whose [`Limits`](super::Limits) take none.
    UnwantedBinary,
}

impl Violation {
    /// The status code that tells the peer (§7.4.1).
    pub const fn code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 { .. } | Self::InvalidCloseReason | Self::InvalidDeflate => {
                CloseCode::INVALID_PAYLOAD
            }
            Self::FrameTooLarge { .. } | Self::MessageTooLarge { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments { .. } => CloseCode::POLICY_VIOLATION,
            Self::UnwantedText | Self::UnwantedBinary => CloseCode::UNSUPPORTED_DATA,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The section that was broken, or that allows the limit: `"RFC 6455 §5.1"`.
    pub const fn section(self) -> &'static str {
        match self {
            Self::UnmaskedFrame | Self::MaskedFrame => "RFC 6455 §5.1",
            Self::ReservedBits(_)
            | Self::ReservedOpcode(_)
            | Self::LengthNotMinimal
            | Self::LengthTooLarge => "RFC 6455 §5.2",
            Self::UnexpectedContinuation | Self::ExpectedContinuation => "RFC 6455 §5.4",
            Self::LongControl | Self::FragmentedControl => "RFC 6455 §5.5",
            Self::ShortClose | Self::InvalidCloseReason => "RFC 6455 §5.5.1",
            Self::InvalidCloseCode(_) => "RFC 6455 §7.4",
            Self::UnwantedText | Self::UnwantedBinary => "RFC 6455 §7.4.1",
            Self::InvalidUtf8 { .. } => "RFC 6455 §8.1",
            Self::InvalidDeflate => "RFC 7692 §7.2.2",
            Self::FrameTooLarge { .. }
            | Self::MessageTooLarge { .. }
            | Self::TooManyFragments { .. } => "RFC 6455 §10.4",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ReservedBits(rsv) => {
                write!(f, "reserved bits {rsv:03b} were set, and no extension uses them")
            }
            Self::ReservedOpcode(opcode) => write!(f, "opcode {opcode:#X} is reserved"),
            Self::UnmaskedFrame => f.write_str("a client frame was not masked"),
            Self::MaskedFrame => f.write_str("a server frame was masked"),
            Self::LengthNotMinimal => f.write_str("a length was not in its shortest form"),
            Self::LengthTooLarge => f.write_str("a length was above 2^63 - 1"),
            Self::LongControl => f.write_str("a control frame was longer than 125 bytes"),
            Self::FragmentedControl => f.write_str("a control frame was fragmented"),
            Self::UnexpectedContinuation => {
                f.write_str("a continuation frame had no message to continue")
            }
            Self::ExpectedContinuation => {
                f.write_str("a message began before the last one was finished")
            }
            Self::InvalidUtf8 { offset } => write!(f, "a text was not UTF-8 from byte {offset} on"),
            Self::ShortClose => f.write_str("a close frame had half a status code"),
            Self::InvalidCloseCode(code) => write!(f, "close code {code} must not be sent"),
            Self::InvalidCloseReason => f.write_str("a close reason was not UTF-8"),
            Self::FrameTooLarge { len, limit } => {
                write!(f, "a frame of {len} bytes passed the limit of {limit}")
            }
            Self::MessageTooLarge { len, limit } => {
                write!(f, "a message of at least {len} bytes passed the limit of {limit}")
            }
            Self::TooManyFragments { limit } => {
                write!(f, "a message had more than {limit} fragments")
            }
            Self::InvalidDeflate => f.write_str("a compressed message was no DEFLATE stream"),
            Self::UnwantedText => f.write_str("text is not accepted here"),
            Self::UnwantedBinary => f.write_str("binary is not accepted here"),
        }?;
        write!(f, " ({})", self.section())
    }
}

impl Error for Violation {}

/// A call that would have broken the protocol. Nothing was framed; the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// Nothing may follow a close frame that was sent (§5.5.1).
    Closed,
    /// A control frame's payload, or a close reason with its code, is longer than 125 bytes (§5.5).
    LongControl {
        /// The payload's length in bytes.
        len: usize,
    },
    /// This status code must not be sent (§7.4).
    InvalidCloseCode(u16),
    /// A message was sent while another is sent in parts (§5.4).
    Unfinished,
    /// A part was text in a binary message, or binary in a text message (§5.4).
    KindChanged,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Closed => f.write_str("a close frame was sent: nothing may follow it (§5.5.1)"),
            Self::LongControl { len } => {
                write!(f, "a control payload of {len} bytes: 125 is the most (§5.5)")
            }
            Self::InvalidCloseCode(code) => write!(f, "close code {code} must not be sent (§7.4)"),
            Self::Unfinished => {
                f.write_str("a message sent in parts must be finished before the next (§5.4)")
            }
            Self::KindChanged => {
                f.write_str("all parts of a message are text, or all are binary (§5.4)")
            }
        }
    }
}

impl Error for Misuse {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_names_its_section_and_fits_a_close_frame() {
        let worst = [
            Violation::ReservedBits(7),
            Violation::ReservedOpcode(15),
            Violation::UnmaskedFrame,
            Violation::MaskedFrame,
            Violation::LengthNotMinimal,
            Violation::LengthTooLarge,
            Violation::LongControl,
            Violation::FragmentedControl,
            Violation::UnexpectedContinuation,
            Violation::ExpectedContinuation,
            Violation::InvalidUtf8 { offset: u64::MAX },
            Violation::ShortClose,
            Violation::InvalidCloseCode(u16::MAX),
            Violation::InvalidCloseReason,
            Violation::FrameTooLarge { len: u64::MAX, limit: usize::MAX },
            Violation::MessageTooLarge { len: u64::MAX, limit: usize::MAX },
            Violation::TooManyFragments { limit: u32::MAX },
            Violation::InvalidDeflate,
            Violation::UnwantedText,
            Violation::UnwantedBinary,
        ];
        for violation in worst {
            let text = violation.to_string();
            assert!(text.len() <= 123, "{text}");
            assert!(text.ends_with(&format!("({})", violation.section())), "{text}");
            assert!(violation.code().may_be_sent());
        }
    }

    #[test]
    fn every_misuse_names_its_section() {
        for misuse in [
            Misuse::Closed,
            Misuse::LongControl { len: 126 },
            Misuse::InvalidCloseCode(1006),
            Misuse::Unfinished,
            Misuse::KindChanged,
        ] {
            assert!(misuse.to_string().contains('§'), "{misuse}");
        }
    }
}
