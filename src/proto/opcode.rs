//! Opcodes: what a frame carries (§5.2, §11.8).
//!
//! Six opcodes exist. The other ten are reserved and are not values of this type, so a frame with one never
//! gets past the header.
//!
//! | | data (§5.6) | control (§5.5) |
//! |---|---|---|
//! | opens a message | `Text`, `Binary` | |
//! | goes on with it | `Continuation` | |
//! | stands alone | | `Close`, `Ping`, `Pong` |

/// The meaning of a frame's payload (§5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// The next fragment of a message that has begun (§5.4).
    Continuation = 0x0,
    /// The first or only frame of a text message: UTF-8 (§5.6).
    Text = 0x1,
    /// The first or only frame of a binary message (§5.6).
    Binary = 0x2,
    /// The closing handshake (§5.5.1).
    Close = 0x8,
    /// Asks for a pong (§5.5.2).
    Ping = 0x9,
    /// Answers a ping, or is sent without one (§5.5.3).
    Pong = 0xA,
}

impl Opcode {
    /// The opcode with these four bits; `None` for the ten that are reserved (§5.2).
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    /// The four bits on the wire.
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// Whether this is a control opcode: those whose highest bit is set (§5.5).
    pub const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_exist_and_keep_their_bits() {
        let existing: Vec<u8> = (0..=u8::MAX).filter(|&b| Opcode::from_bits(b).is_some()).collect();
        assert_eq!(existing, [0x0, 0x1, 0x2, 0x8, 0x9, 0xA]);
        for bits in existing {
            let opcode = Opcode::from_bits(bits).unwrap();
            assert_eq!(opcode.bits(), bits);
            assert_eq!(opcode.is_control(), bits >= 0x8);
        }
    }
}
