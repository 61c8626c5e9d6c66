//! §8.1: a text message in any frames and cuts, against the standard library: the same verdict, the
//! same offset, and the verdict at the first byte that settles it.
//!
//! Bytes 0 and 1: where to cut. The rest: the text.

use bowstring::proto::{Message, ProtocolConfig, Violation};

use crate::support::{
    CLIENT, FIN, PONG, Random, Run, TEXT, WAYS, Way, fragments, run, server_frame,
};

pub fn utf8(data: &[u8]) {
    let [a, b, text @ ..] = data else { return };
    let expected = match std::str::from_utf8(text) {
        Ok(text) => Ok(Message::from(text)),
        Err(error) => Err(Violation::InvalidUtf8 { offset: error.valid_up_to() as u64 }),
    };
    let mut random = Random::new(u64::from(u16::from_be_bytes([*a, *b])));
    let mut stream = Vec::new();
    for fragment in fragments(TEXT, &random.cut(text)) {
        if !stream.is_empty() && random.below(4) == 0 {
            stream.extend(server_frame(FIN | PONG, [0xFF]));
        }
        stream.extend(fragment);
    }
    let config = ProtocolConfig::default();
    for way in WAYS {
        for pieces in [vec![&stream[..]], random.cut(&stream)] {
            let run = run(CLIENT, &config, way, pieces);
            let outcome = match run.violation {
                None => Ok(run.events.into_iter().find(Message::is_text).expect("a message")),
                Some(violation) => Err(violation),
            };
            assert_eq!(outcome, expected, "{way:?}");
        }
    }
    // Without a length the library's error is only that bytes are missing.
    if text.len() <= 200 {
        let mut run = Run::new(CLIENT, &config, Way::Recv);
        run.feed(&[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        for i in 0..text.len() {
            run.feed(&text[i..=i]);
            let hopeless =
                std::str::from_utf8(&text[..=i]).is_err_and(|error| error.error_len().is_some());
            assert_eq!(run.violation.is_some(), hopeless, "byte {i}");
        }
    }
}
