//! §5.5.1, §7.4: a close frame with any payload, received; and any code and reason, sent.
//!
//! Byte 0: the role. The rest: the payload.

use bowstring::proto::{Close, CloseFrame, Message, Misuse, ProtocolConfig, Role, Violation};

use crate::support::{
    CLIENT, CLOSE, FIN, Run, WAYS, Way, from_peer_of, legal_frames, run, server_frame,
};

fn legal(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

pub fn close(data: &[u8]) {
    let [options, payload @ ..] = data else { return };
    let (role, other) =
        if options & 1 == 0 { (CLIENT, Role::Server) } else { (Role::Server, CLIENT) };

    let expected = match payload {
        [..] if payload.len() > 125 => Err(Violation::LongControl),
        [] => Ok(None),
        [_] => Err(Violation::ShortClose),
        [a, b, reason @ ..] => {
            let code = u16::from_be_bytes([*a, *b]);
            match std::str::from_utf8(reason) {
                _ if !legal(code) => Err(Violation::InvalidCloseCode(code)),
                Err(_) => Err(Violation::InvalidCloseReason),
                Ok(reason) => Ok(Some(CloseFrame { code: code.into(), reason: reason.into() })),
            }
        }
    };
    let stream = from_peer_of(role, &server_frame(FIN | CLOSE, payload));
    for way in WAYS {
        let run = run(role, &ProtocolConfig::default(), way, stream.chunks(7));
        let said = legal_frames(&run.out);
        assert_eq!(said.len(), 1);
        match &expected {
            Ok(close) => {
                assert_eq!(run.events, [Message::Close(close.clone())]);
                assert_eq!(said[0].payload, payload[..payload.len().min(2)]);
                assert!(run.connection.is_clean());
            }
            Err(violation) => {
                assert_eq!(run.violation, Some(*violation));
                assert_eq!(said[0].payload[..2], violation.code().get().to_be_bytes());
                assert_eq!(said[0].payload[2..], *violation.to_string().as_bytes());
            }
        }
    }

    let [a, b, reason @ ..] = payload else { return };
    let Ok(reason) = std::str::from_utf8(reason) else { return };
    let code = u16::from_be_bytes([*a, *b]);
    let mut end = Run::new(role, &ProtocolConfig::default(), Way::Recv);
    let sent = end.connection.feed(Close { code: code.into(), reason }, &mut end.out);
    if !legal(code) {
        assert_eq!(sent, Err(Misuse::InvalidCloseCode(code)));
    } else if payload.len() > 125 {
        assert_eq!(sent, Err(Misuse::LongControl { len: payload.len() }));
    } else {
        assert_eq!(sent, Ok(()));
        let mut peer = run(other, &ProtocolConfig::default(), Way::Recv, [&end.out[..]]);
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        assert_eq!(peer.events, [Message::Close(Some(frame))]);
        end.feed(&std::mem::take(&mut peer.out));
        assert!(end.connection.is_clean() && peer.connection.is_clean());
        return;
    }
    assert!(end.out.is_empty());
}
