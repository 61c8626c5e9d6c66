//! Close frames, status codes, and the states of a closing connection (§5.5.1, §7).
//!
//! Whether a close frame was *sent* and whether one was *received* is all there is to know; the
//! [`State`] is computed from these two facts and from the end of TCP, so no illegal state exists.
//!
//! | sent | received | state | what happens next |
//! |---|---|---|---|
//! | – | – | open | |
//! | – | yes | closing | our close frame answers, with the same code (§5.5.1) |
//! | yes | – | closing | messages still arrive until the peer's close frame does |
//! | yes | yes | closing | nothing more is read; the server ends TCP, the client waits for it (§7.1.1) |
//! | failed | any | closing | the violation's code was sent; nothing more is read; we end TCP (§7.1.7) |
//! | any | any | closed | TCP has ended |
//!
//! Sending anything after our close frame is refused; whatever arrives behind the peer's is dropped. A
//! ping that crosses our close frame gets no pong either: §5.5.2 would have one, but §5.5.1 lets the
//! peer stop reading at a close frame, and peers that do read on take what follows one for an error.

use std::fmt;

use super::error::{Misuse, Violation};

/// How far a connection is from its end (§4.1 "OPEN", §7.1.3 "CLOSING", §7.1.4 "CLOSED").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Neither side has sent a close frame.
    Open,
    /// A close frame has been sent or received.
    Closing,
    /// TCP has ended.
    Closed,
}

/// A status code: why a connection ends (§7.4). Any `u16`; [`may_be_sent`](Self::may_be_sent) tells
/// those that are legal on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server goes down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that this endpoint does not take.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: stands for a close frame without a code; never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: stands for an end without a close frame; never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: data that does not fit its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a message that breaks a policy, where no other code fits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the server did not agree to an extension that the client needs; sent by clients.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: something unexpected kept this endpoint from going on.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts (registered with IANA after the RFC).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: try again later (registered with IANA after the RFC).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid answer from upstream (registered with IANA after the RFC).
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: stands for a failed TLS handshake; never sent.
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// The code with this number, legal or not.
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether a close frame may carry this code (§7.4): 1000–1003 and 1007–1014, which have a
    /// meaning, 3000–3999 of libraries and frameworks, and 4000–4999 of applications.
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// Whether a new connection to the same server may go well, after a pause that grows (§7.2.3).
    ///
    /// True for 1001 (the server goes down), 1006 (the connection was lost), 1011 (the server
    /// failed), 1012 (it restarts), 1013 (it is overloaded) and 1014 (a gateway failed). With every
    /// other code something has to change first. What 3000 to 4999 mean is for the application to say.
    pub const fn is_transient(self) -> bool {
        matches!(self.0, 1001 | 1006 | 1011..=1014)
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl PartialEq<u16> for CloseCode {
    fn eq(&self, other: &u16) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

/// The longest reason in bytes: a control frame has at most 125, and two are the code (§5.5).
pub(super) const MAX_REASON: usize = 123;

/// What a close frame says, lent (§5.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// Why.
    pub code: CloseCode,
    /// A text for developers, not for users (§5.5.1). At most 123 bytes.
    pub reason: &'a str,
}

impl<'a> Close<'a> {
    /// Reads a close frame's payload (at most 125 bytes); an empty one says nothing.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Option<Self>, Violation> {
        if payload.is_empty() {
            return Ok(None);
        }
        // §5.5.1: if there is a body, its first two bytes MUST be the code.
        let Some((code, reason)) = payload.split_first_chunk() else {
            return Err(Violation::ShortClose);
        };
        let code = CloseCode(u16::from_be_bytes(*code));
        if !code.may_be_sent() {
            return Err(Violation::InvalidCloseCode(code.0));
        }
        // §5.5.1: the rest is UTF-8, and §8.1 holds for it too.
        let reason = std::str::from_utf8(reason).map_err(|_| Violation::InvalidCloseReason)?;
        Ok(Some(Self { code, reason }))
    }

    /// Whether it may be sent.
    pub(super) const fn check(self) -> Result<(), Misuse> {
        if !self.code.may_be_sent() {
            return Err(Misuse::InvalidCloseCode(self.code.0));
        }
        // §5.5: with the code before it, it must fit in 125 bytes.
        if self.reason.len() > MAX_REASON {
            return Err(Misuse::LongControl { len: 2 + self.reason.len() });
        }
        Ok(())
    }

    /// The payload, if it may be sent.
    pub(super) fn payload(self) -> Result<([u8; 125], usize), Misuse> {
        self.check()?;
        let len = 2 + self.reason.len();
        let mut payload = [0; 125];
        payload[2..len].copy_from_slice(self.reason.as_bytes());
        payload[..2].copy_from_slice(&self.code.0.to_be_bytes());
        Ok((payload, len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_that_may_be_sent() {
        let ranges = [1000..=1003, 1007..=1014, 3000..=4999];
        // Miri takes half an hour for all of them.
        let codes = if cfg!(miri) { 990..=1020 } else { 0..=u16::MAX };
        for code in codes {
            let legal = ranges.iter().any(|range| range.contains(&code));
            assert_eq!(CloseCode::new(code).may_be_sent(), legal, "{code}");
            let payload = code.to_be_bytes();
            match Close::parse(&payload) {
                Ok(close) => assert_eq!((legal, close.unwrap().code), (true, code.into())),
                Err(violation) => {
                    assert_eq!((legal, violation), (false, Violation::InvalidCloseCode(code)));
                }
            }
        }
    }

    #[test]
    fn the_codes_that_are_worth_another_try() {
        let transient = |code: &u16| CloseCode::new(*code).is_transient();
        let codes: Vec<u16> = (0..=u16::MAX).filter(transient).collect();
        assert_eq!(codes, [1001, 1006, 1011, 1012, 1013, 1014]);
    }

    #[test]
    fn a_reason_is_checked_or_cut_at_a_character() {
        use crate::proto::CloseFrame;
        for len in 118..=130 {
            let reason = ["x".repeat(len).as_str(), "🏹"].concat();
            let close = CloseFrame::new(1000, reason.clone());
            let long = Misuse::LongControl { len: len + 6 };
            assert_eq!(close.as_ref().err(), (len + 4 > MAX_REASON).then_some(&long));
            let cut = CloseFrame::truncated(1000, &reason).unwrap().reason;
            let kept =
                if len + 4 <= MAX_REASON { &reason[..] } else { &reason[..len.min(MAX_REASON)] };
            assert_eq!(cut, kept);
        }
        for code in [0, 1004, 1005, 1006, 1015, 2999, 5000] {
            let invalid = Err(Misuse::InvalidCloseCode(code));
            assert_eq!(CloseFrame::new(code, ""), invalid);
            assert_eq!(CloseFrame::truncated(code, "why"), invalid);
        }
    }

    #[test]
    fn numbers_in_and_out() {
        assert_eq!(u16::from(CloseCode::from(4711)), 4711);
        assert_eq!(CloseCode::NORMAL, 1000);
        assert_ne!(CloseCode::NORMAL, 1001);
        assert_eq!(CloseCode::NORMAL.to_string(), "1000");
        assert_eq!(format!("{:?}", CloseCode::NORMAL), "CloseCode(1000)");
    }
}
