//! Against tungstenite: the same bytes give the same messages.
//!
//! Byte 0: options. Bytes 1 and 2: where our input is cut. The rest: the stream.

use std::io::{self, Read, Write};

use bowstring::proto::{CloseCode, CloseFrame, Message, ProtocolConfig, Role, Violation};
use tungstenite::protocol::{self, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message as Theirs};

use crate::support::{CLIENT, Random, Way, masked, run};

const LIMIT: usize = 1 << 16;

/// A peer that said all this, and listens.
struct Peer<'a>(&'a [u8]);

impl Read for Peer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(buffer)
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite makes of the stream, up to a close frame or an error; whether it was an error.
fn theirs(role: protocol::Role, stream: &[u8]) -> (Vec<Message>, Option<Error>) {
    let config =
        WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT));
    let mut socket = WebSocket::from_raw_socket(Peer(stream), role, Some(config));
    let mut events = Vec::new();
    loop {
        events.push(match socket.read() {
            Ok(Theirs::Text(text)) => Message::from(text.as_str()),
            Ok(Theirs::Binary(data)) => Message::binary(data),
            Ok(Theirs::Ping(payload)) => Message::Ping(payload),
            Ok(Theirs::Pong(payload)) => Message::Pong(payload),
            Ok(Theirs::Close(close)) => {
                events.push(Message::Close(close.map(|close| CloseFrame {
                    code: u16::from(close.code).into(),
                    reason: close.reason.as_str().into(),
                })));
                return (events, None);
            }
            Ok(Theirs::Frame(_)) => unreachable!("only sent"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return (events, None);
            }
            Err(error) => return (events, Some(error)),
        });
    }
}

pub fn differential(data: &[u8]) {
    let [options, a, b, stream @ ..] = data else { return };
    let (role, their_role) = if options & 1 == 0 {
        (CLIENT, protocol::Role::Client)
    } else {
        (Role::Server, protocol::Role::Server)
    };
    let mask = options & 1 != 0 && options & 8 == 0;
    let stream = if mask { masked(stream) } else { stream.to_vec() };

    let mut config = ProtocolConfig::default();
    config.limits.max_message_size = LIMIT;
    config.limits.max_fragments = u32::MAX; // They have no such limit.
    let cuts = Random::new(u64::from(u16::from_be_bytes([*a, *b]))).cut(&stream);
    let ours = run(role, &config, Way::Message, cuts);
    let (mut theirs, error) = theirs(their_role, &stream);
    // 1014 was registered after the codes that they know: they refuse it, as a close with 1002.
    if let Some(ours @ Message::Close(Some(close))) = ours.events.last()
        && close.code == CloseCode::BAD_GATEWAY
        && let Some(theirs @ Message::Close(Some(_))) = theirs.last_mut()
    {
        let (code, reason) = (CloseCode::PROTOCOL_ERROR, "Protocol violation".into());
        assert_eq!(*theirs, Message::Close(Some(CloseFrame { code, reason })));
        theirs.clone_from(ours);
    }

    match ours.violation {
        None => {
            assert_eq!(ours.events, theirs);
            assert!(error.is_none(), "we take what they refuse: {error:?}");
        }
        // They take a length in any form, that of a control frame too, and go on.
        Some(Violation::LengthNotMinimal | Violation::LengthTooLarge | Violation::LongControl) => {
            assert!(theirs.starts_with(&ours.events))
        }
        // They report such a close as one with 1002, and answer that, if its reason is UTF-8.
        Some(Violation::InvalidCloseCode(_)) => {
            let before = theirs.iter().filter(|event| !event.is_close());
            assert!(before.eq(&ours.events));
            assert!(error.is_some() || theirs.last().is_some_and(Message::is_close));
        }
        // Else they must not see more than we do. That they see no error may be: they wait for the
        // rest of a header or a frame where we know that it is broken by now (§8.1).
        Some(_) => assert_eq!(ours.events, theirs, "{:?} {error:?}", ours.violation),
    }
}
