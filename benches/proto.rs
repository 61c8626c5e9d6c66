//! What the core costs per message, without sockets: `cargo bench --bench proto`.
//!
//! Throughput is that of payloads. Masked frames have a key of zeros: it takes the same work, and
//! leaves the bytes as they were, for the next round.

use bowstring::proto::{Event, Header, Limits, Mask, Opcode, Receiver, Role, Sender};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// Payloads in bytes: a chat message, a small and a large one.
const LENS: [usize; 3] = [20, 1 << 10, 64 << 10];

/// How many frames lie in one input.
const FRAMES: usize = 16;

/// Frames as a client sends them.
fn frames(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..FRAMES {
        let len = payload.len() as u64;
        Header { fin: true, rsv: 0, opcode, mask: Some([0; 4]), len }.write(&mut bytes);
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// Receives all frames, of which there must be so many.
fn receive(receiver: &mut Receiver, bytes: &mut [u8]) {
    let mut rest = bytes;
    let mut events = 0;
    while let Some(event) = receiver.recv(&mut rest).unwrap() {
        black_box(event);
        events += 1;
    }
    assert_eq!(events, FRAMES);
}

fn server() -> Receiver {
    Receiver::new(Role::Server, Limits::default())
}

mod header {
    use super::*;

    #[divan::bench(args = LENS)]
    fn parse(bencher: Bencher<'_, '_>, len: usize) {
        let mut bytes = Vec::new();
        let header = Header {
            fin: true,
            rsv: 0,
            opcode: Opcode::Binary,
            mask: Some([7; 4]),
            len: len as u64,
        };
        header.write(&mut bytes);
        bencher.counter(ItemsCount::new(1usize)).bench_local(|| Header::parse(black_box(&bytes)));
    }

    #[divan::bench(args = LENS)]
    fn write(bencher: Bencher<'_, '_>, len: usize) {
        let header =
            Header { fin: true, rsv: 0, opcode: Opcode::Binary, mask: None, len: len as u64 };
        let mut out = Vec::with_capacity(Header::MAX_LEN);
        bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
            out.clear();
            black_box(&header).write(black_box(&mut out));
        });
    }
}

#[divan::bench(args = LENS)]
fn mask(bencher: Bencher<'_, '_>, len: usize) {
    let mut payload = vec![7; len];
    bencher
        .counter(BytesCount::new(len))
        .bench_local(|| Mask::new(black_box([1, 2, 3, 4])).apply(black_box(&mut payload)));
}

/// Receiving text, which is checked (§8.1): what it costs more than [`receive`](mod@receive) is the
/// price of UTF-8.
mod utf8 {
    use super::*;

    fn text(bencher: Bencher<'_, '_>, text: &str) {
        let mut bytes = frames(Opcode::Text, text.as_bytes());
        let mut receiver = server();
        bencher
            .counter(BytesCount::new(text.len() * FRAMES))
            .bench_local(|| receive(&mut receiver, black_box(&mut bytes)));
    }

    #[divan::bench(args = LENS)]
    fn ascii(bencher: Bencher<'_, '_>, len: usize) {
        text(bencher, &"a".repeat(len));
    }

    /// Three bytes each character.
    #[divan::bench(args = LENS)]
    fn korean(bencher: Bencher<'_, '_>, len: usize) {
        text(bencher, &"가".repeat(len / 3));
    }
}

mod receive {
    use super::*;

    #[divan::bench(args = LENS)]
    fn whole(bencher: Bencher<'_, '_>, len: usize) {
        let mut bytes = frames(Opcode::Binary, &vec![7; len]);
        let mut receiver = server();
        bencher
            .counter(BytesCount::new(len * FRAMES))
            .bench_local(|| super::receive(&mut receiver, black_box(&mut bytes)));
    }

    /// Owned: a copy of each.
    #[divan::bench(args = LENS)]
    fn owned(bencher: Bencher<'_, '_>, len: usize) {
        let mut bytes = frames(Opcode::Binary, &vec![7; len]);
        let mut receiver = server();
        bencher.counter(BytesCount::new(len * FRAMES)).bench_local(|| {
            let mut rest = black_box(&mut bytes[..]);
            while let Some(message) = receiver.recv_message(&mut rest).unwrap() {
                black_box(message);
            }
            assert!(rest.is_empty());
        });
    }

    /// Each in two halves, as off a stream that is cut anywhere.
    #[divan::bench(args = LENS)]
    fn cut(bencher: Bencher<'_, '_>, len: usize) {
        let mut bytes = frames(Opcode::Binary, &vec![7; len]);
        let frame_len = bytes.len() / FRAMES;
        let mut receiver = server();
        bencher.counter(BytesCount::new(len * FRAMES)).bench_local(|| {
            for frame in black_box(&mut bytes).chunks_mut(frame_len) {
                let (mut front, mut back) = frame.split_at_mut(frame_len / 2);
                assert_eq!(receiver.recv(&mut front).unwrap(), None);
                let event = receiver.recv(&mut back).unwrap();
                assert!(matches!(event, Some(Event::Binary(data)) if data.len() == len));
            }
        });
    }
}

mod send {
    use super::*;

    fn frame(bencher: Bencher<'_, '_>, role: Role, len: usize) {
        let payload = vec![7; len];
        let mut sender = Sender::new(role);
        let mut out = Vec::new();
        bencher.counter(BytesCount::new(len * FRAMES)).bench_local(|| {
            out.clear();
            for _ in 0..FRAMES {
                sender.feed(Event::Binary(black_box(&payload)), black_box(&mut out)).unwrap();
            }
        });
    }

    #[divan::bench(args = LENS)]
    fn by_a_server(bencher: Bencher<'_, '_>, len: usize) {
        frame(bencher, Role::Server, len);
    }

    /// Masked, with a key that costs nothing.
    #[divan::bench(args = LENS)]
    fn by_a_client(bencher: Bencher<'_, '_>, len: usize) {
        frame(bencher, Role::Client(|| [1, 2, 3, 4]), len);
    }
}
