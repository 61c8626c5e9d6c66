//! What holds for any bytes: a valid stream gives the same events however it is cut; any other ends
//! in one violation that stays, with well-formed output; and masking has no seams.

use std::time::Instant;

use crate::support::*;
use bowstring::proto::*;
use proptest::prelude::*;

/// A valid stream as a server sends it, and the events it must give.
#[derive(Clone, Debug)]
struct Stream {
    bytes: Vec<u8>,
    events: Vec<Message>,
}

#[derive(Clone, Debug)]
struct Said {
    message: Message,
    /// Where the payload is cut into fragments, and the control frame behind each cut.
    cuts: Vec<(prop::sample::Index, Option<Message>)>,
}

fn control() -> impl Strategy<Value = Message> {
    (prop::collection::vec(any::<u8>(), 0..=125), any::<bool>()).prop_map(|(payload, ping)| {
        if ping { Message::Ping(payload.into()) } else { Message::Pong(payload.into()) }
    })
}

fn said() -> impl Strategy<Value = Said> {
    let len = || prop_oneof![4 => 0..100usize, 1 => 120..300usize, 1 => 65_530..65_540usize];
    let text = prop_oneof![0..30usize, 100..200usize]
        .prop_flat_map(|len| prop::collection::vec(any::<char>(), len))
        .prop_map(|text| Message::from(String::from_iter(text)));
    let binary =
        len().prop_flat_map(|len| prop::collection::vec(any::<u8>(), len)).prop_map(Message::from);
    let cut = (any::<prop::sample::Index>(), prop::option::of(control()));
    prop_oneof![
        2 => (prop_oneof![text, binary], prop::collection::vec(cut, 0..4))
            .prop_map(|(message, cuts)| Said { message, cuts }),
        1 => control().prop_map(|message| Said { message, cuts: vec![] }),
    ]
}

fn write_control(message: &Message, stream: &mut Stream) {
    let opcode = if let Message::Ping(_) = message { 9 } else { 10 };
    stream.bytes.extend(server_frame(FIN | opcode, message.as_bytes()));
    stream.events.push(message.clone());
}

fn stream() -> impl Strategy<Value = Stream> {
    prop::collection::vec(said(), 0..6).prop_map(|all| {
        let mut stream = Stream { bytes: vec![], events: vec![] };
        for Said { message, mut cuts } in all {
            let mut opcode = match &message {
                Message::Text(_) => 1,
                Message::Binary(_) => 2,
                control => {
                    write_control(control, &mut stream);
                    continue;
                }
            };
            let payload = message.as_bytes();
            cuts.sort_by_key(|(cut, _)| cut.index(payload.len() + 1));
            let mut from = 0;
            for (cut, between) in &cuts {
                let to = cut.index(payload.len() + 1);
                stream.bytes.extend(server_frame(opcode, &payload[from..to]));
                if let Some(control) = between {
                    write_control(control, &mut stream);
                }
                (from, opcode) = (to, 0);
            }
            stream.bytes.extend(server_frame(FIN | opcode, &payload[from..]));
            stream.events.push(message);
        }
        stream
    })
}

/// Bytes that look like frames for a while.
fn almost_a_stream() -> impl Strategy<Value = Vec<u8>> {
    let spoilt =
        (stream(), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4))
            .prop_map(|(stream, spoil)| {
                let mut bytes = stream.bytes;
                for (at, byte) in spoil {
                    if !bytes.is_empty() {
                        // Early bytes are headers more often.
                        let len = bytes.len().min(200);
                        bytes[at.index(len)] = byte;
                    }
                }
                bytes
            });
    prop_oneof![3 => spoilt, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_cuts_give_the_same_events(stream in stream(), seed: u64) {
        let pongs: Vec<_> = stream.events.iter().filter_map(|event| match event {
            Message::Ping(payload) => Some(payload.to_vec()),
            _ => None,
        }).collect();
        for role in BOTH {
            let bytes = from_peer_of(role, &stream.bytes);
            let mut random = Random::new(seed);
            for way in WAYS {
                let run = run(role, &ProtocolConfig::default(), way, random.cut(&bytes));
                prop_assert_eq!(run.violation, None);
                prop_assert_eq!(&run.events, &stream.events, "{:?} {:?}", role, way);
                let said: Vec<_> = legal_frames(&run.out).into_iter().map(|f| (f.opcode, f.payload)).collect();
                let expected: Vec<_> = pongs.iter().map(|ping| (10, ping.clone())).collect();
                prop_assert_eq!(said, expected);
            }
        }
    }

    /// `recv` and `recv_part` in any mixture lose nothing: what `recv` leaves out was given in parts,
    /// and the pieces of a message are in order.
    #[test]
    fn ways_mixed(stream in stream(), seed: u64) {
        let mut random = Random::new(seed);
        let bytes = stream.bytes;
        let mut connection = Connection::new(CLIENT, &ProtocolConfig::default(), Instant::now());
        let (mut heard, mut left, mut out) = (Vec::new(), Vec::new(), Vec::new());
        for piece in random.cut(&bytes) {
            left.extend(piece);
            let mut input = &mut left[..];
            loop {
                let (event, fin) = match random.below(3) {
                    0 => match connection.recv(&mut input, &mut out).unwrap() {
                        Some(event) => (Message::from(event), true),
                        None => break,
                    },
                    1 => match connection.recv_message(&mut input, &mut out).unwrap() {
                        Some(message) => (message, true),
                        None => break,
                    },
                    _ => match connection.recv_part(&mut input, &mut out).unwrap() {
                        Some(part) => (Message::from(part.event), part.fin),
                        None => break,
                    },
                };
                heard.push((event, fin));
            }
            left = input.to_vec();
        }
        // Control frames may come between the parts of a message.
        let data = |event: &Message| event.is_text() || event.is_binary();
        let (parts, controls): (Vec<_>, Vec<_>) = heard.into_iter().partition(|(e, _)| data(e));
        let (messages, expected): (Vec<_>, Vec<_>) = stream.events.into_iter().partition(data);
        prop_assert!(controls.into_iter().map(|(event, _)| event).eq(expected));
        let mut parts = parts.into_iter();
        for message in messages {
            let mut joined = Vec::<u8>::new();
            loop {
                let (part, fin) = parts.next().unwrap();
                prop_assert_eq!(part.is_text(), message.is_text());
                joined.extend(part.as_bytes());
                if fin {
                    break;
                }
            }
            prop_assert_eq!(&joined[..], message.as_bytes());
        }
        prop_assert_eq!(parts.next(), None);
    }

    /// No panic, one violation that stays (the runner sees to that), output that a stranger can
    /// read, and the same outcome for every way and all cuts.
    #[test]
    fn arbitrary_bytes(bytes in almost_a_stream(), plain: bool, seed: u64) {
        for role in BOTH {
            let bytes = if plain { bytes.clone() } else { from_peer_of(role, &bytes) };
            let whole = run(role, &ProtocolConfig::default(), Way::Recv, [&bytes[..]]);
            let said = legal_frames(&whole.out);
            prop_assert!(said.iter().all(|frame| frame.is_masked() == matches!(role, Role::Client(_))));
            if let Some(violation) = whole.violation {
                let last = said.last().unwrap();
                prop_assert_eq!(last.opcode, 8);
                prop_assert_eq!(&last.payload[..2], violation.code().get().to_be_bytes());
            }
            prop_assert!(whole.out.len() <= 2 * bytes.len() + 200);
            for way in WAYS {
                let other = run(role, &ProtocolConfig::default(), way, Random::new(seed).cut(&bytes));
                prop_assert_eq!(&other.events, &whole.events);
                prop_assert_eq!(other.violation, whole.violation);
                prop_assert_eq!(&other.out, &whole.out);
                prop_assert_eq!(other.connection.state(), whole.connection.state());
                prop_assert_eq!(other.connection.is_clean(), whole.connection.is_clean());
            }
        }
    }

    /// §5.3: what one end masks the other unmasks, whatever the key; and twice is not at all.
    #[test]
    fn masks(key: [u8; 4], payload: Vec<u8>, cut: prop::sample::Index) {
        let mut masked = payload.clone();
        let (front, back) = masked.split_at_mut(cut.index(payload.len() + 1));
        let mut mask = Mask::new(key);
        mask.apply(front);
        mask.apply(back);
        for (i, byte) in masked.iter().enumerate() {
            prop_assert_eq!(byte ^ payload[i], key[i % 4]);
        }
        Mask::new(key).apply(&mut masked);
        prop_assert_eq!(masked, payload);
    }

    /// What is sent, whole or in parts, reads the same to a stranger, in both roles.
    #[test]
    fn what_is_sent_is_well_formed(all in prop::collection::vec(said(), 0..6)) {
        for role in BOTH {
            let mut connection = Connection::new(role, &ProtocolConfig::default(), Instant::now());
            let mut out = Vec::new();
            let mut expected = Vec::new();
            for Said { message, cuts } in &all {
                match message {
                    Message::Binary(data) if !cuts.is_empty() => {
                        for chunk in data.chunks(data.len().max(1).div_ceil(3)) {
                            connection.feed_part(chunk, false, &mut out).unwrap();
                            expected.push(chunk.to_vec());
                        }
                        connection.feed_part(b"", true, &mut out).unwrap();
                        expected.push(vec![]);
                    }
                    message => {
                        connection.feed(message, &mut out).unwrap();
                        expected.push(message.as_bytes().to_vec());
                    }
                }
            }
            let payloads: Vec<_> = legal_frames(&out).into_iter().map(|frame| frame.payload).collect();
            prop_assert_eq!(payloads, expected);
        }
    }
}
