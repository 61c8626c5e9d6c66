//! RFC 7692 §7.2.2: compressed messages of any bytes. Every way to receive and every cut must agree,
//! and the limit holds for what comes out.
//!
//! Byte 0: options. Bytes 1 and 2: where to cut. The rest: payloads, each behind its length.

use bowstring::proto::{Compression, Context, ProtocolConfig};

use crate::support::{BINARY, CLIENT, RSV1, Random, TEXT, WAYS, Way, fragments, run};

pub fn inflate(data: &[u8]) {
    let [options, a, b, payloads @ ..] = data else { return };
    let mut rest = payloads;
    let context = Context { takeover: options & 1 == 0, window_bits: 9 + (options >> 1) % 7 };
    let mut config = ProtocolConfig::default();
    config.compression = Some(Compression {
        send: context,
        receive: context,
        level: 1,
        threshold: 0,
        pooled: false,
    });
    config.limits.max_message_size = 4 << 10;
    let mut random = Random::new(u64::from(u16::from_be_bytes([*a, *b])));
    let mut stream = Vec::new();
    while let [len, behind @ ..] = rest {
        let (payload, behind) = behind.split_at(usize::from(*len).min(behind.len()));
        let opcode = if len % 2 == 0 { TEXT } else { BINARY };
        let pieces = if random.below(2) == 0 { vec![payload] } else { random.cut(payload) };
        stream.extend(fragments(RSV1 | opcode, &pieces).concat());
        rest = behind;
    }
    let whole = run(CLIENT, &config, Way::Recv, [&stream[..]]);
    assert!(whole.events.iter().all(|event| event.as_bytes().len() <= 4 << 10));
    for way in WAYS {
        let cut = run(CLIENT, &config, way, random.cut(&stream));
        assert_eq!(cut.events, whole.events, "{way:?}");
        assert_eq!(
            cut.violation.map(|violation| violation.code()),
            whole.violation.map(|violation| violation.code()),
            "{way:?}"
        );
    }
}
