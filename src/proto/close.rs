//! Close frames, status codes, and the states of a closing connection (§5.5.1, §7).
//!
//! The [`State`] follows from three facts: whether a close frame was *sent*, whether one was *received*, and
//! whether TCP has ended.
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
//! After our close frame nothing can be sent. What arrives after the peer's is dropped.
//!
//! A ping that arrives after our close frame gets no pong. §5.5.2 asks for one, but §5.5.1 lets the peer stop
//! reading at our close frame, and many peers take what follows it for an error.

use super::close_code::CloseCode;
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

/// The longest reason in bytes: a control frame has at most 125, and two are the code (§5.5).
pub(super) const MAX_REASON: usize = 123;

/// What a close frame says, lent (§5.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// Why the connection ends.
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
        let code = CloseCode::new(u16::from_be_bytes(*code));
        if !code.may_be_sent() {
            return Err(Violation::InvalidCloseCode(code.get()));
        }
        // §5.5.1: the rest is UTF-8, and §8.1 holds for it too.
        let reason = std::str::from_utf8(reason).map_err(|_| Violation::InvalidCloseReason)?;
        Ok(Some(Self { code, reason }))
    }

    /// Whether it may be sent.
    pub(super) const fn check(self) -> Result<(), Misuse> {
        if !self.code.may_be_sent() {
            return Err(Misuse::InvalidCloseCode(self.code.get()));
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
        payload[..2].copy_from_slice(&self.code.get().to_be_bytes());
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
