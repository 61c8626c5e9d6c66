//! The close codes by name (§7.4.1): the constants that `axum::extract::ws::close_code` has.
//!
//! ```
//! use bowstring_axum::{CloseFrame, Message, close_code};
//!
//! let bye = CloseFrame { code: close_code::AWAY, reason: "the server restarts".into() };
//! let message = Message::Close(Some(bye));
//! # assert_eq!(message.into_data(), "the server restarts");
//! ```

use bowstring::CloseCode as Code;

/// 1000: the purpose of the connection is fulfilled.
pub const NORMAL: u16 = Code::NORMAL.get();

/// 1001: the server goes down, or the browser leaves the page.
pub const AWAY: u16 = Code::GOING_AWAY.get();

/// 1002: the peer broke the protocol.
pub const PROTOCOL: u16 = Code::PROTOCOL_ERROR.get();

/// 1003: a kind of data that this endpoint does not accept.
pub const UNSUPPORTED: u16 = Code::UNSUPPORTED_DATA.get();

/// 1005: stands for a close frame without a code. It cannot be sent: send [`Message::Close`] with `None`.
///
/// [`Message::Close`]: crate::Message::Close
pub const STATUS: u16 = Code::NO_STATUS.get();

/// 1006: stands for an end without a close frame. It cannot be sent.
pub const ABNORMAL: u16 = Code::ABNORMAL.get();

/// 1007: data that does not fit its type, such as text that is not UTF-8.
pub const INVALID: u16 = Code::INVALID_PAYLOAD.get();

/// 1008: a message that breaks a policy, if no other code fits.
pub const POLICY: u16 = Code::POLICY_VIOLATION.get();

/// 1009: a message too big to process.
pub const SIZE: u16 = Code::MESSAGE_TOO_BIG.get();

/// 1010: the server did not agree to an extension that the client needs. Only clients send it.
pub const EXTENSION: u16 = Code::MANDATORY_EXTENSION.get();

/// 1011: an unexpected condition keeps the server from going on.
pub const ERROR: u16 = Code::INTERNAL_ERROR.get();

/// 1012: the server restarts.
pub const RESTART: u16 = Code::SERVICE_RESTART.get();

/// 1013: the server is overloaded; the client may come again later.
pub const AGAIN: u16 = Code::TRY_AGAIN_LATER.get();
