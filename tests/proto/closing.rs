//! The table of states in `proto::close`, enumerated: what was sent × what was received × what
//! happens next, in both roles (§5.5.1, §7.1), and all 65,536 status codes in both directions.

use std::time::{Duration, Instant};

use crate::support::*;
use bowstring::proto::*;

/// What has happened before.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Open,
    /// The peer's close frame came and is not answered yet.
    Received,
    /// We sent a close frame.
    Sent,
    /// Both, the peer's first: ours echoes its code.
    Answered,
    /// Both, ours first.
    WasAnswered,
    /// The peer broke a rule, and was told.
    Failed,
    /// The peer broke a rule behind our close frame: there is no telling it.
    SentThenFailed,
    /// TCP ended with no close frame at all.
    Ended,
}

const BEFORE: [Before; 8] = [
    Before::Open,
    Before::Received,
    Before::Sent,
    Before::Answered,
    Before::WasAnswered,
    Before::Failed,
    Before::SentThenFailed,
    Before::Ended,
];

const OURS: Close<'_> = Close { code: CloseCode::GOING_AWAY, reason: "ours" };
const BROKEN: Violation = Violation::ReservedOpcode(3);

/// A connection and what it has said so far, unmasked.
struct Side {
    role: Role,
    connection: Connection,
    out: Vec<u8>,
}

impl Side {
    fn new(role: Role, before: Before) -> Self {
        let connection = Connection::new(role, &ProtocolConfig::default(), Instant::now());
        let mut side = Self { role, connection, out: Vec::new() };
        let theirs = bytes![0x88, 2, 4000u16];
        let broken = bytes![0x83, 0];
        match before {
            Before::Open => {}
            Before::Received => drop(side.hear(&theirs)),
            Before::Sent => side.close(),
            Before::Answered => {
                let _ = side.hear(&theirs);
                side.connection.queue_replies(&mut side.out);
            }
            Before::WasAnswered => {
                side.close();
                let _ = side.hear(&theirs);
                side.connection.queue_replies(&mut side.out);
            }
            Before::Failed => drop(side.hear(&broken)),
            Before::SentThenFailed => {
                side.close();
                let _ = side.hear(&broken);
            }
            Before::Ended => side.connection.handle_eof(),
        }
        side
    }

    fn close(&mut self) {
        self.connection.feed(OURS, &mut self.out).unwrap();
    }

    /// One call of `recv` with what a peer sends.
    fn hear(&mut self, stream: &[u8]) -> Result<Option<Message>, Violation> {
        let mut bytes = from_peer_of(self.role, stream);
        let mut input = &mut bytes[..];
        let event = self.connection.recv(&mut input, &mut self.out)?.map(Message::from);
        if event.is_none() {
            assert!(input.is_empty(), "bytes are neither taken nor waited for");
        }
        Ok(event)
    }

    fn said(&self) -> Vec<u8> {
        legal_frames(&self.out)
            .into_iter()
            .flat_map(|f| server_frame(f.first(), &f.payload))
            .collect()
    }
}

fn ours() -> Vec<u8> {
    bytes![0x88, 6, 1001u16, "ours"]
}

fn theirs() -> Option<Message> {
    Some(Message::Close(Some(CloseFrame { code: 4000.into(), reason: "".into() })))
}

/// The states of the table, and who ends TCP.
#[test]
fn states() {
    for before in BEFORE {
        for role in BOTH {
            let side = Side::new(role, before);
            let server = matches!(role, Role::Server);
            let (said, state, clean, wants_end) = match before {
                Before::Open => (vec![], State::Open, false, false),
                Before::Received => (vec![], State::Closing, false, false),
                Before::Sent => (ours(), State::Closing, false, false),
                // §7.1.1: the server ends TCP first, the client waits.
                Before::Answered => (bytes![0x88, 2, 4000u16], State::Closing, true, server),
                Before::WasAnswered => (ours(), State::Closing, true, server),
                // §7.1.7: after a violation either side does.
                Before::Failed => (complaint(BROKEN), State::Closing, false, true),
                Before::SentThenFailed => (ours(), State::Closing, false, true),
                Before::Ended => (vec![], State::Closed, false, false),
            };
            let connection = &side.connection;
            assert_eq!(side.said(), said, "{role:?} {before:?}");
            assert_eq!(connection.state(), state, "{role:?} {before:?}");
            assert_eq!(connection.is_clean(), clean, "{role:?} {before:?}");
            assert_eq!(connection.should_end_transport(), wants_end, "{role:?} {before:?}");
            let failed = matches!(before, Before::Failed | Before::SentThenFailed);
            assert_eq!(connection.violation(), failed.then_some(BROKEN), "{role:?} {before:?}");
        }
    }
}

/// What the peer may still say in each state, and what comes of it.
#[test]
fn input_in_every_state() {
    for before in BEFORE {
        for role in BOTH {
            for (stream, event, answer) in [
                (bytes![0x81, 1, "a"], Some(Message::text("a")), vec![]),
                (bytes![0x89, 1, "?"], Some(Message::Ping("?".into())), bytes![0x8A, 1, "?"]),
                (bytes![0x8A, 0], Some(Message::Pong("".into())), vec![]),
                (bytes![0x88, 2, 4000u16], theirs(), bytes![0x88, 2, 4000u16]),
            ] {
                let mut side = Side::new(role, before);
                let mut said = side.said();
                let heard = side.hear(&stream);
                side.connection.queue_replies(&mut side.out);
                match before {
                    Before::Open | Before::Ended => {
                        assert_eq!(heard, Ok(event), "{role:?} {before:?}");
                        said.extend(answer);
                    }
                    // Messages still arrive until the peer's close frame does, but nothing is
                    // said behind our own.
                    Before::Sent => assert_eq!(heard, Ok(event), "{role:?} {before:?}"),
                    // The answer that was owed; what came behind the close frame is dropped.
                    Before::Received => {
                        assert_eq!(heard, Ok(None), "{role:?} {before:?}");
                        said.extend(bytes![0x88, 2, 4000u16]);
                    }
                    Before::Answered | Before::WasAnswered => {
                        assert_eq!(heard, Ok(None), "{role:?} {before:?}");
                    }
                    Before::Failed | Before::SentThenFailed => {
                        assert_eq!(heard, Err(BROKEN), "{role:?} {before:?}");
                    }
                }
                assert_eq!(side.said(), said, "{role:?} {before:?}");
            }
        }
    }
}

/// How it ends is known as soon as nothing can change it, and what came first counts.
#[test]
fn ending_in_every_state() {
    for before in BEFORE {
        for role in BOTH {
            let mut side = Side::new(role, before);
            let ending = match before {
                Before::Open | Before::Sent => None,
                Before::Received | Before::Answered | Before::WasAnswered => {
                    let frame = CloseFrame { code: 4000.into(), reason: "".into() };
                    Some(Ending::Closed(Some(frame)))
                }
                Before::Failed | Before::SentThenFailed => Some(Ending::Violation(BROKEN)),
                Before::Ended => Some(Ending::Lost),
            };
            assert_eq!(side.connection.ending(), ending, "{role:?} {before:?}");
            side.connection.handle_eof();
            let ending = ending.unwrap_or(Ending::Lost);
            assert_eq!(side.connection.ending(), Some(ending), "{role:?} {before:?}");
        }
    }
}

/// §7.1.5, §7.1.6: the code and the reason of each ending, and whether the peer took part in it.
#[test]
fn endings_as_close_frames() {
    let theirs = CloseFrame { code: 4000.into(), reason: "why".into() };
    for (ending, code, reason) in [
        (Ending::Closed(Some(theirs)), 4000, "why".to_owned()),
        (Ending::Closed(None), 1005, String::new()),
        (Ending::Violation(BROKEN), 1002, BROKEN.to_string()),
        (Ending::Timeout(Expired::Pong), 1006, Expired::Pong.to_string()),
        (Ending::Timeout(Expired::Write), 1006, Expired::Write.to_string()),
        (Ending::Timeout(Expired::Close), 1006, Expired::Close.to_string()),
        (Ending::Lost, 1006, String::new()),
    ] {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        assert_eq!(ending.close_frame(), frame, "{ending:?}");
        assert_eq!(ending.code(), frame.code, "{ending:?}");
        assert_eq!(ending.is_clean(), matches!(ending, Ending::Closed(_)), "{ending:?}");
    }
}

/// Garbage behind the peer's close frame, and behind a violation, changes nothing.
#[test]
fn garbage_in_every_state() {
    for before in BEFORE {
        for role in BOTH {
            let mut side = Side::new(role, before);
            let heard = side.hear(&bytes![0x85, 0]);
            let expected = match before {
                Before::Received | Before::Answered | Before::WasAnswered => Ok(None),
                Before::Failed | Before::SentThenFailed => Err(BROKEN),
                _ => Err(Violation::ReservedOpcode(5)),
            };
            assert_eq!(heard, expected, "{role:?} {before:?}");
            assert_eq!(side.connection.is_clean(), expected == Ok(None), "{role:?} {before:?}");
        }
    }
}

/// What we may still say in each state.
#[test]
fn output_in_every_state() {
    for before in BEFORE {
        for role in BOTH {
            let may_speak = matches!(before, Before::Open | Before::Received | Before::Ended);
            for (event, framed) in [
                (Event::Text("a"), bytes![0x81, 1, "a"]),
                (Event::Binary(b"a"), bytes![0x82, 1, "a"]),
                (Event::Ping(b"a"), bytes![0x89, 1, "a"]),
                (Event::Pong(b"a"), bytes![0x8A, 1, "a"]),
            ] {
                let mut side = Side::new(role, before);
                let mut said = side.said();
                let sent = side.connection.feed(event, &mut side.out);
                assert_eq!(sent.is_ok(), may_speak, "{role:?} {before:?}");
                if may_speak {
                    said.extend(framed);
                } else {
                    assert_eq!(sent, Err(Misuse::Closed));
                }
                assert_eq!(side.said(), said, "{role:?} {before:?}");
            }
            // A second close frame is no error, and not sent.
            let mut side = Side::new(role, before);
            let mut said = side.said();
            side.close();
            if may_speak {
                said.extend(ours());
            }
            // Where the peer's was waiting for an answer, ours was one.
            side.connection.queue_replies(&mut side.out);
            assert_eq!(side.said(), said, "{role:?} {before:?}");
            assert_eq!(side.connection.is_clean(), {
                matches!(before, Before::Received | Before::Answered | Before::WasAnswered)
            });
        }
    }
}

/// The end of TCP ends every state, and is no error however often it is told.
#[test]
fn eof_in_every_state() {
    for before in BEFORE {
        for role in BOTH {
            let mut side = Side::new(role, before);
            let clean = side.connection.is_clean();
            for _ in 0..2 {
                side.connection.handle_eof();
                assert_eq!(side.connection.state(), State::Closed);
                assert_eq!(side.connection.is_clean(), clean);
                let later = Instant::now() + Duration::from_secs(1_000_000);
                assert_eq!(side.connection.poll_timeout(later), None);
                assert_eq!(side.connection.handle_timeout(later, &mut side.out), Ok(()));
            }
        }
    }
}

/// §7.1.1: once our close frame is sent, the peer has `close` to let TCP end.
#[test]
fn timeout_in_every_state() {
    for before in BEFORE {
        for role in BOTH {
            let mut side = Side::new(role, before);
            let now = Instant::now();
            let (second, close) = (Duration::from_secs(1), Timeouts::default().close);
            let timed = !matches!(before, Before::Open | Before::Received | Before::Ended);
            assert_eq!(side.connection.poll_timeout(now), timed.then_some(now + close));
            let said = side.said();
            // Whatever arrives meanwhile buys no time.
            side.connection.note_received();
            side.connection.note_written();
            assert_eq!(side.connection.handle_timeout(now + close - second, &mut side.out), Ok(()));
            let ended = side.connection.handle_timeout(now + close, &mut side.out);
            // The peer that never answered is at fault; the others did their part, or it is known.
            let missing = before == Before::Sent;
            assert_eq!(ended, if missing { Err(Expired::Close) } else { Ok(()) }, "{before:?}");
            let closed = timed || before == Before::Ended;
            assert_eq!(side.connection.state() == State::Closed, closed, "{role:?} {before:?}");
            assert_eq!(side.said(), said);
        }
    }
}

/// Both close frames cross on the way: each side is done, and neither answers (§5.5.1).
#[test]
fn simultaneous_close() {
    let mut client = Side::new(CLIENT, Before::Open);
    let mut server = Side::new(Role::Server, Before::Open);
    client.connection.feed(Close { code: 3001.into(), reason: "c" }, &mut client.out).unwrap();
    server.connection.feed(Close { code: 3002.into(), reason: "s" }, &mut server.out).unwrap();
    let from_server = server.said();
    let from_client = client.said();
    let close = |code: u16, reason: &'static str| {
        Ok(Some(Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))))
    };
    assert_eq!(client.hear(&from_server), close(3002, "s"));
    assert_eq!(server.hear(&from_client), close(3001, "c"));
    for side in [&mut client, &mut server] {
        let before = side.out.len();
        side.connection.queue_replies(&mut side.out);
        assert_eq!(side.out.len(), before);
        assert!(side.connection.is_clean());
    }
    assert!(server.connection.should_end_transport() && !client.connection.should_end_transport());
}

/// All of them; under Miri those about the smallest that are legal.
fn codes() -> std::ops::RangeInclusive<u16> {
    if cfg!(miri) { 990..=1020 } else { 0..=u16::MAX }
}

/// §5.5.1: the answer carries the code that came, or none if none came; not the reason.
#[test]
fn every_code_received() {
    for code in codes() {
        let legal = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        for role in BOTH {
            let mut side = Side::new(role, Before::Open);
            let heard = side.hear(&bytes![0x88, 5, code, "why"]);
            side.connection.queue_replies(&mut side.out);
            if legal {
                let frame = CloseFrame { code: code.into(), reason: "why".into() };
                assert_eq!(heard, Ok(Some(Message::Close(Some(frame)))));
                assert_eq!(side.said(), bytes![0x88, 2, code]);
            } else {
                assert_eq!(heard, Err(Violation::InvalidCloseCode(code)));
                assert_eq!(side.said(), complaint(Violation::InvalidCloseCode(code)));
            }
        }
    }
}

/// §7.4: a code that must not be on the wire is refused, and the connection goes on.
#[test]
fn every_code_sent() {
    for code in codes() {
        let legal = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        for role in BOTH {
            let mut side = Side::new(role, Before::Open);
            let sent = side.connection.feed(Close { code: code.into(), reason: "" }, &mut side.out);
            if legal {
                assert_eq!(sent, Ok(()));
                assert_eq!(side.said(), bytes![0x88, 2, code]);
            } else {
                assert_eq!(sent, Err(Misuse::InvalidCloseCode(code)));
                assert_eq!(side.connection.state(), State::Open);
                assert_eq!(side.connection.feed("still open", &mut side.out), Ok(()));
            }
        }
    }
}

/// The halves in two hands: what the receiver owes is settled by the sender.
#[test]
fn split_halves_close_too() {
    for role in BOTH {
        let connection = Connection::new(role, &ProtocolConfig::default(), Instant::now());
        let (mut lifecycle, mut sender) = connection.split();
        let receiver = lifecycle.receiver_mut();
        let stream = bytes![0x89, 1, "?", 0x81, 1, "a", 0x88, 2, 1000u16, 0x83];
        for way in WAYS {
            let mut bytes = from_peer_of(role, &stream);
            let mut input = &mut bytes[..];
            let mut events = 0;
            loop {
                let got = match way {
                    Way::Recv => receiver.recv(&mut input).unwrap().is_some(),
                    Way::Message => receiver.recv_message(&mut input).unwrap().is_some(),
                    Way::Part => receiver.recv_part(&mut input).unwrap().is_some(),
                };
                if !got {
                    break;
                }
                events += 1;
            }
            // After the close frame the other two ways find nothing.
            assert_eq!(events, if way == Way::Recv { 3 } else { 0 });
            assert!(receiver.has_closed() && receiver.is_done() && input.is_empty());
        }
        let mut out = Vec::new();
        assert!(!sender.has_closed());
        sender.queue_replies(receiver.replies(), &mut out);
        assert!(sender.has_closed() && receiver.replies().is_empty());
        let said = legal_frames(&out);
        assert_eq!((said[0].opcode, &*said[0].payload), (0xA, &b"?"[..]));
        assert_eq!((said[1].opcode, &*said[1].payload), (0x8, &1000u16.to_be_bytes()[..]));
        assert_eq!(said.len(), 2);
        let now = Instant::now();
        let closed = sender.has_closed();
        assert_eq!(lifecycle.poll_timeout(closed, now), Some(now + Timeouts::default().close));
    }
}

#[test]
fn split_halves_fail_too() {
    for role in BOTH {
        let connection = Connection::new(role, &ProtocolConfig::default(), Instant::now());
        let (mut lifecycle, mut sender) = connection.split();
        let receiver = lifecycle.receiver_mut();
        let mut bytes = from_peer_of(role, &bytes![0x89, 1, "?", 0x83, 0]);
        let mut input = &mut bytes[..];
        assert_eq!(receiver.recv(&mut input), Ok(Some(Event::Ping(b"?"))));
        assert_eq!(receiver.recv(&mut input), Err(BROKEN));
        assert_eq!(receiver.recv_message(&mut input), Err(BROKEN));
        assert_eq!(receiver.recv_part(&mut input), Err(BROKEN));
        assert!(receiver.violation() == Some(BROKEN) && !receiver.has_closed());
        let mut out = Vec::new();
        sender.queue_replies(receiver.replies(), &mut out);
        // The ping came before it, and was legal.
        let said =
            legal_frames(&out).into_iter().flat_map(|f| server_frame(FIN | f.opcode, &f.payload));
        assert_eq!(said.collect::<Vec<_>>(), bytes![0x8A, 1, "?", complaint(BROKEN)]);
    }
}

/// §7.1.5: the code that the peer's close frame had, 1005 if it had none, and nothing before.
#[test]
fn the_code_of_the_connection() {
    for (close, code) in [(bytes![0x88, 2, 4000u16], 4000), (bytes![0x88, 0], 1005)] {
        let mut receiver = Receiver::new(CLIENT, Limits::default());
        assert_eq!(receiver.close_code(), None);
        let mut close = close;
        assert!(receiver.recv(&mut &mut *close).unwrap().is_some());
        assert_eq!(receiver.close_code(), Some(code.into()));
    }
    let mut receiver = Receiver::new(CLIENT, Limits::default());
    assert!(receiver.recv(&mut &mut *bytes![0x83, 0]).is_err());
    assert_eq!(receiver.close_code(), None);
}
