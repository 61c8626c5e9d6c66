//! The messages that were given to the client and are not known to have arrived.
//!
//! ```text
//!  front                                            back
//!  ├── framed on this connection ──┤── not framed ──┤
//!        │            │                  │
//!        │            └ the connection ends: in doubt
//!        └ a pong proves that they have arrived: forgotten
//! ```
//!
//! The peer answers pings in their order among the messages (§5.5.3). So a pong proves that everything has arrived
//! that was framed before its ping.

use std::collections::VecDeque;

use super::config::ReconnectConfig;
use crate::proto::Message;

/// See the module.
#[derive(Default)]
pub(super) struct Window {
    kept: VecDeque<Kept>,
    /// The first so many are framed.
    framed: usize,
    bytes: usize,
    framed_bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

struct Kept {
    message: Message,
    /// Once framed: how many pings must have been answered for it to have arrived.
    proof: u32,
}

impl Window {
    pub(super) fn configure(&mut self, config: &ReconnectConfig) {
        self.max_messages = config.max_kept_messages;
        self.max_bytes = config.max_kept_bytes;
    }

    /// One message may go beyond the limit in bytes, so that a large one can be sent at all.
    pub(super) fn has_room(&self) -> bool {
        self.kept.is_empty() || self.kept.len() < self.max_messages && self.bytes < self.max_bytes
    }

    pub(super) fn push(&mut self, message: Message) {
        self.bytes += message.as_bytes().len();
        self.kept.push_back(Kept { message, proof: 0 });
    }

    /// The next message to be framed.
    pub(super) fn unsent(&self) -> Option<&Message> {
        self.kept.get(self.framed).map(|kept| &kept.message)
    }

    /// Notes that it was framed, and how many answered pings prove that it has arrived.
    pub(super) fn note_framed(&mut self, proof: u32) {
        let kept = &mut self.kept[self.framed];
        kept.proof = proof;
        self.framed_bytes += kept.message.as_bytes().len();
        self.framed += 1;
    }

    /// Whether so much is framed that a proof is wanted, to make room.
    pub(super) fn wants_proof(&self) -> bool {
        self.framed > self.max_messages / 2 || self.framed_bytes > self.max_bytes / 2
    }

    pub(super) fn has_framed(&self) -> bool {
        self.framed > 0
    }

    /// Forgets what has arrived, now that so many pings were answered. Whether that was anything.
    pub(super) fn release(&mut self, answered: u32) -> bool {
        let before = self.framed;
        while self.framed > 0
            && let Some(kept) = self.kept.front()
            // The counter wraps.
            && answered.wrapping_sub(kept.proof) < u32::MAX / 2
        {
            self.pop_framed();
        }
        self.framed < before
    }

    fn pop_framed(&mut self) -> Option<Message> {
        let message = self.kept.pop_front()?.message;
        let len = message.as_bytes().len();
        self.bytes -= len;
        self.framed_bytes -= len;
        self.framed -= 1;
        Some(message)
    }

    /// Takes out what was framed: the connection has ended. Pings and pongs were for that connection alone.
    pub(super) fn take_framed(&mut self) -> Vec<Message> {
        let mut in_doubt = Vec::with_capacity(self.framed);
        while self.framed > 0 {
            in_doubt.extend(self.pop_framed().filter(|message| !message.is_ping_or_pong()));
        }
        in_doubt
    }

    /// Takes out what was not framed.
    pub(super) fn take_unsent(&mut self) -> Vec<Message> {
        let unsent = self.kept.split_off(self.framed);
        self.bytes = self.framed_bytes;
        unsent.into_iter().map(|kept| kept.message).filter(|m| !m.is_ping_or_pong()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(max_messages: usize, max_bytes: usize) -> Window {
        Window { max_messages, max_bytes, ..Window::default() }
    }

    #[test]
    fn it_is_bounded_in_messages_and_bytes() {
        let mut window = window(2, 10);
        window.push(Message::from("more than ten bytes"));
        assert!(!window.has_room());
        window.note_framed(1);
        assert!(window.release(1) && window.has_room());
        window.push(Message::from("a"));
        assert!(window.has_room());
        window.push(Message::from("b"));
        assert!(!window.has_room());
        assert_eq!(window.take_unsent(), [Message::from("a"), Message::from("b")]);
        assert!(window.has_room() && window.bytes == 0);
    }

    #[test]
    fn a_proof_counts_for_what_was_framed_before_its_ping() {
        let mut window = window(10, 100);
        for (text, proof) in [("a", u32::MAX), ("b", 0), ("c", 1)] {
            window.push(Message::from(text));
            window.note_framed(proof);
        }
        window.push(Message::from("d"));
        assert!(!window.release(u32::MAX - 1));
        assert!(window.release(0));
        assert_eq!((window.framed, window.unsent()), (1, Some(&Message::from("d"))));
        assert_eq!(window.take_framed(), [Message::from("c")]);
        assert_eq!(window.take_unsent(), [Message::from("d")]);
        assert_eq!((window.bytes, window.framed_bytes, window.framed), (0, 0, 0));
    }

    #[test]
    fn half_of_it_framed_wants_a_proof() {
        let mut window = window(4, 100);
        for wants in [false, false, true] {
            window.push(Message::from("a"));
            window.note_framed(1);
            assert_eq!(window.wants_proof(), wants);
        }
    }
}
