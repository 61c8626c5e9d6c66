//! RFC 7692: what one end compresses the other inflates, whatever was agreed on, in whole messages and
//! in parts, however the bytes are cut.
//!
//! Byte 0: takeover, window, what stays between messages. Byte 1: level and threshold. Bytes 2 and 3: where to cut. The rest:
//! messages, each behind its length and how often it repeats.

use std::time::Instant;

use bowstring::proto::{Compression, Connection, Context, ProtocolConfig, Role};

use crate::support::{CLIENT, Random, WAYS, legal_frames_with, run};

pub fn deflate_roundtrip(data: &[u8]) {
    let [agreed, effort, a, b, messages @ ..] = data else { return };
    let mut rest = messages;
    let context = Context { takeover: agreed & 1 == 0, window_bits: 8 + (agreed >> 1) % 8 };
    let mut config = ProtocolConfig::default();
    config.compression = Some(Compression {
        send: context,
        receive: context,
        level: 1 + effort % 9,
        threshold: usize::from(effort / 9),
        pooled: agreed & 16 != 0,
    });
    let mut random = Random::new(u64::from(u16::from_be_bytes([*a, *b])));
    let mut sender = Connection::new(Role::Server, &config, Instant::now());
    let (mut said, mut wire) = (Vec::new(), Vec::new());
    while let [len, times, behind @ ..] = rest {
        let (word, behind) = behind.split_at(usize::from(*len).min(behind.len()));
        let message = word.repeat(usize::from(*times) % 64);
        if random.below(2) == 0 {
            sender.feed(&message, &mut wire).expect("may be sent");
        } else {
            for part in random.cut(&message) {
                sender.feed_part(part, false, &mut wire).expect("may be sent");
            }
            sender.feed_part(&b""[..], true, &mut wire).expect("may be sent");
        }
        said.push(message);
        rest = behind;
    }
    assert_eq!(
        legal_frames_with(&wire, 0b100).iter().filter(|frame| frame.fin).count(),
        said.len()
    );
    if let Some(compression) = &mut config.compression {
        compression.pooled = agreed & 32 != 0;
    }
    for way in WAYS {
        let heard = run(CLIENT, &config, way, random.cut(&wire));
        assert_eq!(heard.violation, None);
        assert!(heard.events.iter().map(|event| event.as_bytes()).eq(said.iter().map(|m| &m[..])));
    }
}
