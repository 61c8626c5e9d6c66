//! What permessage-deflate costs per message (RFC 7692): `cargo bench --bench deflate`.
//!
//! Throughput is that of what was said, not of what went over the wire.

use bowstring::proto::{Compression, Context, Event, Limits, Receiver, Role, Sender};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// Messages in bytes, and whether they refer to the ones before.
const CASES: [(usize, bool); 4] =
    [(1 << 10, false), (1 << 10, true), (64 << 10, false), (64 << 10, true)];

/// JSON as servers send it, so long.
fn json(len: usize) -> String {
    let mut text = String::new();
    for n in 0.. {
        if text.len() >= len {
            break;
        }
        let (price, side) = (n * 7919 % 100_000, if n % 3 == 0 { "buy" } else { "sell" });
        text += &format!(r#"{{"id":{n},"symbol":"BTC-EUR","side":"{side}","price":{price}}},"#);
    }
    text.truncate(len);
    text
}

fn compression(takeover: bool) -> Compression {
    let context = Context { takeover, window_bits: 15 };
    Compression { send: context, receive: context, level: 3, threshold: 0, pooled: false }
}

#[divan::bench(args = CASES)]
fn compress(bencher: Bencher<'_, '_>, (len, takeover): (usize, bool)) {
    let text = json(len);
    let mut sender = Sender::new(Role::Server).with_compression(Some(&compression(takeover)));
    let mut out = Vec::new();
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        out.clear();
        sender.feed(Event::Text(black_box(&text)), &mut out).unwrap();
    });
}

/// Messages that are too short to be compressed, 16 of them in one input: what they cost where compression
/// was agreed on, and where it was not.
#[divan::bench(args = [false, true])]
fn plain(bencher: Bencher<'_, '_>, agreed: bool) {
    let compression = agreed.then(|| compression(true));
    let mut sender = Sender::new(Role::Server);
    let client = Role::Client(|| [0; 4]);
    let mut receiver =
        Receiver::new(client, Limits::default()).with_compression(compression.as_ref());
    let mut out = Vec::new();
    for _ in 0..16 {
        sender.feed("twenty bytes of text", &mut out).unwrap();
    }
    bencher.counter(BytesCount::new(16 * 20usize)).bench_local(|| {
        let mut rest = black_box(&mut out[..]);
        while let Some(event) = receiver.recv(&mut rest).unwrap() {
            black_box(event);
        }
        assert!(rest.is_empty());
    });
}

/// Each message is the same, but with takeover the bytes of the first two are not.
#[divan::bench(args = CASES)]
fn inflate(bencher: Bencher<'_, '_>, (len, takeover): (usize, bool)) {
    let text = json(len);
    let compression = compression(takeover);
    let mut sender = Sender::new(Role::Server).with_compression(Some(&compression));
    let client = Role::Client(|| [0; 4]);
    let mut receiver =
        Receiver::new(client, Limits::default()).with_compression(Some(&compression));
    let mut out = Vec::new();
    for _ in 0..2 {
        out.clear();
        sender.feed(Event::Text(&text), &mut out).unwrap();
        assert_eq!(receiver.recv(&mut &mut out[..]).unwrap(), Some(Event::Text(&text)));
    }
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        let event = receiver.recv(&mut black_box(&mut out[..])).unwrap();
        assert!(matches!(event, Some(Event::Text(text)) if text.len() == len));
    });
}
