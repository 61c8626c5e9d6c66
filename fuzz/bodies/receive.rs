//! A peer that sends anything, to either role: every way to receive and every cut must agree, the
//! violation must stay, and what goes out must be frames that a stranger can read.
//!
//! Byte 0: options. Bytes 1 and 2: where to cut. The rest: the stream.

use bowstring::proto::{ProtocolConfig, Role};

use crate::support::{CLIENT, Frame, Random, WAYS, Way, legal_frames, masked, run};

pub fn receive(data: &[u8]) {
    let [options, a, b, stream @ ..] = data else { return };
    let seed = u64::from(u16::from_be_bytes([*a, *b]));
    let (role, server) = if options & 1 == 0 { (CLIENT, false) } else { (Role::Server, true) };
    let mut config = ProtocolConfig::default();
    let small = options & 4 != 0;
    if small {
        config.limits.max_message_size = 100;
        config.limits.max_frame_size = Some(60);
        config.limits.max_fragments = 4;
    }
    config.limits.accept_text = options & 16 == 0;
    config.limits.accept_binary = options & 32 == 0;
    // Masks that fit make it past §5.1; without this the fuzzer would have to find each one.
    let stream = if server && options & 8 == 0 { masked(stream) } else { stream.to_vec() };

    let whole = run(role, &config, Way::Recv, [&stream[..]]);
    let said = legal_frames(&whole.out);
    assert!(said.iter().all(|frame: &Frame| frame.is_masked() != server));
    if small {
        assert!(whole.events.iter().all(|event| event.as_bytes().len() <= 125));
    }
    let failed = whole.violation.is_some();
    assert_eq!(whole.connection.violation(), whole.violation);
    let closed = whole.events.iter().filter(|event| event.is_close()).count();
    assert_eq!(whole.connection.is_clean(), closed == 1 && !failed);
    assert_eq!(said.iter().any(|frame| frame.opcode == 8), failed || closed == 1);

    for way in WAYS {
        let cut = run(role, &config, way, Random::new(seed).cut(&stream));
        assert_eq!(cut.events, whole.events, "{way:?}");
        assert_eq!(cut.violation, whole.violation, "{way:?}");
        assert_eq!(cut.connection.state(), whole.connection.state(), "{way:?}");
        if stream.len() <= 1 << 10 {
            assert_eq!(cut.out, whole.out, "{way:?}");
            continue;
        }
        // In a flood only the newest ping is answered, and what a flood is depends on the reads.
        let (pongs, others): (Vec<_>, Vec<_>) =
            legal_frames(&cut.out).into_iter().partition(|frame| frame.opcode == 10);
        assert_eq!(pongs.last(), said.iter().rfind(|frame| frame.opcode == 10), "{way:?}");
        assert!(others.iter().eq(said.iter().filter(|frame| frame.opcode != 10)), "{way:?}");
    }
}
