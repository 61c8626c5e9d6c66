//! Large messages: read straight into where they stay, written from where they lie, over transports
//! that take and give them in pieces of any size.

use std::pin::pin;

use bowstring::net::masking_key;
use bowstring::proto::{Role, Violation};
use bowstring::{Config, Error, Event, Message, Prepared, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

use crate::support::*;

/// What a peer says: frames of every size about the limits at which reading and writing change.
fn conversation(masked: bool) -> (Vec<u8>, Vec<Message>) {
    let mut random = Random::new(11);
    let (mut wire, mut said) = (Vec::new(), Vec::new());
    for len in [300_000, 10, 65_535, 65_536, (256 << 10) - 14, 256 << 10, 1 << 20, 0, 700_000] {
        let data = random.bytes(len);
        wire.extend(frame(masked, true, 2, &data));
        said.push(Message::from(data));
    }
    // In fragments, with pings in between, and text.
    let data = random.bytes(900_000);
    wire.extend(frame(masked, false, 2, &data[..400_000]));
    wire.extend(frame(masked, true, 9, b"between"));
    wire.extend(frame(masked, false, 0, &data[400_000..400_001]));
    wire.extend(frame(masked, true, 0, &data[400_001..]));
    said.push(Message::from(data));
    let text = "활시위를 당기다 ".repeat(20_000);
    wire.extend(frame(masked, true, 1, text.as_bytes()));
    said.push(Message::from(text));
    wire.extend(frame(masked, true, 8, &[3, 232]));
    (wire, said)
}

/// Writes in pieces, of which many are small and some are larger than a read.
async fn drip(peer: &mut (impl AsyncWrite + Unpin), wire: &[u8], seed: u64) {
    let mut random = Random::new(seed);
    let mut rest = wire;
    while !rest.is_empty() {
        let most = [10, 5000, 70_000, 1 << 20][random.below(4)].min(rest.len());
        let (piece, behind) = rest.split_at(1 + random.below(most));
        peer.write_all(piece).await.unwrap();
        rest = behind;
        tokio::task::yield_now().await;
    }
    peer.shutdown().await.unwrap();
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Recv,
    Batch,
    /// Every other batch is dropped unread.
    Dropped,
    Parts,
}

async fn receive(ws: &mut WebSocket<DuplexStream>, way: Way) -> Vec<Message> {
    let (mut heard, mut parts, mut dropped) = (Vec::new(), Vec::new(), false);
    loop {
        if let Way::Recv = way {
            match ws.recv().await.unwrap() {
                Some(Message::Close(_)) | None => return heard,
                Some(message) => heard.push(message),
            }
            continue;
        }
        let Some((mut events, _)) = ws.batch().await.unwrap() else { return heard };
        dropped = !dropped;
        if let (Way::Dropped, true) = (way, dropped) {
            continue;
        }
        if let Way::Parts = way {
            while let Some(part) = events.next_part() {
                let is_text = matches!(part.event, Event::Text(_));
                match part.event {
                    Event::Text(text) => parts.extend_from_slice(text.as_bytes()),
                    Event::Binary(data) => parts.extend_from_slice(data),
                    _ => continue,
                }
                if part.fin {
                    let whole = std::mem::take(&mut parts);
                    let text = is_text.then(|| String::from_utf8(whole.clone()).unwrap());
                    heard.push(text.map_or(Message::from(whole), Message::from));
                }
            }
            continue;
        }
        while let Some(event) = events.next() {
            if !event.is_control() {
                heard.push(event.into());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn received_whole_however_it_comes() {
    for role in [Role::Server, Role::Client(masking_key)] {
        for way in [Way::Recv, Way::Batch, Way::Dropped, Way::Parts] {
            for (seed, pipe) in [(1, 4096), (2, 200_000), (3, 4 << 20)] {
                let (near, far) = tokio::io::duplex(pipe);
                let mut ws = WebSocket::from_raw(near, role, [], &Config::default());
                let (wire, said) = conversation(matches!(role, Role::Server));
                let (heard, _) = tokio::join!(
                    async {
                        let heard = receive(&mut ws, way).await;
                        drop(ws);
                        heard
                    },
                    async {
                        // It takes its pongs all the while.
                        let (mut reading, mut writing) = tokio::io::split(far);
                        let mut pongs = Vec::new();
                        let reading = reading.read_to_end(&mut pongs);
                        tokio::join!(drip(&mut writing, &wire, seed), reading).1.unwrap()
                    }
                );
                assert_eq!(heard.len(), said.len(), "{way:?} {seed}");
                for (n, (heard, said)) in heard.iter().zip(&said).enumerate() {
                    assert!(heard == said, "{way:?} {seed}: message {n}");
                }
            }
        }
    }
}

/// The limit holds for what is read straight, too: it was looked at when the header came.
#[tokio::test(start_paused = true)]
async fn a_fragment_too_many_behind_what_was_read_straight() {
    let mut config = Config::default();
    config.limits.max_message_size = 500_000;
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let mut ws = WebSocket::from_raw(near, Role::Client(masking_key), [], &config);
    let mut wire = frame(false, false, 2, &vec![0; 500_000]);
    wire.extend(frame(false, true, 0, b"!"));
    let (failed, _) = tokio::join!(
        async {
            let failed = ws.recv().await;
            drop(ws);
            failed
        },
        async {
            drip(&mut far, &wire, 5).await;
            far.read_to_end(&mut Vec::new()).await.unwrap()
        }
    );
    let too_large = Violation::MessageTooLarge { len: 500_001, limit: 500_000 };
    assert!(matches!(failed, Err(Error::Violation(violation)) if violation == too_large));
}

/// What is written from where it lies keeps its order with what waits, and with what comes behind.
#[tokio::test(start_paused = true)]
async fn sent_whole_however_it_goes() {
    let mut random = Random::new(23);
    let said: Vec<Vec<u8>> = [5, 20_000, 16 << 10, (16 << 10) - 1, 300_000, 1, 1, 100_000]
        .map(|n| random.bytes(n))
        .into();
    for (pipe, prepared) in [1 << 10, 30_000, 4 << 20].into_iter().flat_map(|n| [(n, 3), (n, 1)]) {
        let (near, mut far) = tokio::io::duplex(pipe);
        let mut ws = WebSocket::from_raw(near, Role::Server, [], &Config::default());
        let (_, wire) = tokio::join!(
            async {
                for (n, data) in said.iter().enumerate() {
                    match n % 3 {
                        _ if n % prepared == 0 => ws.feed(Prepared::binary(data)).await.unwrap(),
                        1 => ws.send(data).await.unwrap(),
                        _ => ws.feed(data).await.unwrap(),
                    }
                }
                {
                    let (mut events, mut outgoing) = ws.batch().await.unwrap().unwrap();
                    while events.next().is_some() {}
                    for data in &said {
                        outgoing.feed(data).unwrap();
                    }
                }
                ws.flush().await.unwrap();
                drop(ws);
            },
            async {
                far.write_all(&frame(true, true, 1, b"?")).await.unwrap();
                let mut wire = Vec::new();
                far.read_to_end(&mut wire).await.unwrap();
                wire
            }
        );
        let (frames, rest) = parse_frames(&wire);
        assert!(rest.is_empty(), "{pipe}");
        let heard: Vec<_> = frames.into_iter().map(|frame| frame.payload).collect();
        assert_eq!(heard.len(), 2 * said.len());
        assert!(heard.iter().zip(said.iter().chain(&said)).all(|(a, b)| a == b), "{pipe}");
    }
}

/// What many are sent is written from one place, wherever the stream stops, and whatever comes behind it.
#[tokio::test(start_paused = true)]
async fn what_is_shared_arrives_whole() {
    let large = Random::new(31).bytes(100_000);
    let shared = Prepared::binary(&large);
    let [whole, before, close, after] = [
        frame(false, true, 2, &large),
        frame(false, true, 1, b"before"),
        frame(false, true, 8, &[3, 232]),
        frame(false, true, 1, b"after"),
    ];
    for room in [0, 1, 9, 50_000, 100_017, 100_018, 100_019, 100_022, 300_000] {
        for behind in [false, true] {
            let (mut ws, peer) = server(&quiet());
            peer.room(room);
            now(ws.feed("before")).unwrap();
            now(ws.feed(&shared)).unwrap();
            let _ = poll(pin!(ws.flush()));
            if behind {
                // The frame is copied where a control frame comes behind it.
                let _ = poll(pin!(ws.close(1000, "")));
            }
            let parts = ws.into_inner();
            let sent = [peer.taken(), parts.unwritten].concat();
            let said = [&before[..], &whole, if behind { &close } else { &[] }].concat();
            assert!(sent == said, "{room} {behind}");

            // And from a message that is published, with room coming in pieces.
            let (ws, peer) = server(&quiet());
            peer.room(room);
            let (mut reader, writer) = ws.split();
            writer.try_send("before").unwrap();
            writer.try_send(shared.clone()).unwrap();
            let mut sent = peer.taken();
            while sent.len() < before.len() + whole.len() {
                peer.room(7777);
                not_yet(reader.recv());
                sent.extend(peer.taken());
            }
            peer.room(100);
            writer.try_send("after").unwrap();
            sent.extend(peer.taken());
            assert!(sent == [&before[..], &whole, &after].concat(), "{room}");
        }
    }
}

/// What is large is written at once, from where it lies, by a socket of one task or two; behind what was
/// fed before.
#[tokio::test(start_paused = true)]
async fn large_messages_do_not_wait_for_a_flush() {
    let large = Random::new(5).bytes(100_000);
    let all = [frame(false, true, 1, b"before"), frame(false, true, 2, &large)].concat();
    for split in [false, true] {
        for room in [0, 50_000, usize::MAX] {
            let (mut ws, peer) = server(&quiet());
            peer.room(room);
            let mut sent;
            if split {
                let (mut reader, writer) = ws.split();
                now(writer.feed("before")).unwrap();
                now(writer.feed(&large)).unwrap();
                sent = peer.taken();
                peer.room(usize::MAX);
                not_yet(reader.recv());
            } else {
                now(ws.feed("before")).unwrap();
                now(ws.feed(&large)).unwrap();
                sent = peer.taken();
                peer.room(usize::MAX);
                not_yet(ws.recv());
            }
            assert_eq!(sent.len(), room.min(all.len()), "{split}");
            sent.extend(peer.taken());
            assert!(sent == all, "{split} {room}");
        }
    }
}
