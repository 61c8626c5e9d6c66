//! §8.1: a text message in any frames and cuts, against the standard library: the same verdict, the
//! same offset, and the verdict at the first byte that settles it.
//!
//! Bytes 0 and 1: where to cut. The rest: the text.

use bowstring::proto::{Message, ProtocolConfig, Violation};

use crate::support::{CLIENT, Dice, Run, WAYS, Way, frame, run};

pub fn utf8(data: &[u8]) {
    let [a, b, text @ ..] = data else { return };
    let expected = match std::str::from_utf8(text) {
        Ok(text) => Ok(Message::from(text)),
        Err(error) => Err(Violation::InvalidUtf8 { offset: error.valid_up_to() as u64 }),
    };
    let mut dice = Dice::new(u64::from(u16::from_be_bytes([*a, *b])));
    let fragments = dice.cut(text);
    let mut stream = Vec::new();
    for (i, fragment) in fragments.iter().enumerate() {
        let fin = i + 1 == fragments.len();
        stream.extend(frame(fin, u8::from(i == 0), fragment));
        if !fin && dice.roll(4) == 0 {
            stream.extend(frame(true, 10, &[0xFF]));
        }
    }
    if fragments.is_empty() {
        stream = frame(true, 1, b"");
    }
    let config = ProtocolConfig::default();
    for way in WAYS {
        for pieces in [vec![&stream[..]], dice.cut(&stream)] {
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
