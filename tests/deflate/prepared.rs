//! Messages that are compressed once, for those who may share them.

use bowstring::proto::*;

use crate::support::*;

const NEWS: &str = "It is what it is, said the bow to the string, and what it is it is.";

fn compression(takeover: bool, window_bits: u8, level: u8, threshold: usize) -> Compression {
    let context = Context { takeover, window_bits };
    Compression { send: context, receive: context, level, threshold, pooled: false }
}

fn sender(role: Role, takeover: bool, window_bits: u8, level: u8, threshold: usize) -> Sender {
    Sender::new(role).with_compression(Some(&compression(takeover, window_bits, level, threshold)))
}

fn alone(window_bits: u8) -> Sender {
    sender(Role::Server, false, window_bits, 6, 0)
}

fn sent(sender: &mut Sender, event: impl AsEvent) -> Vec<u8> {
    let mut out = Vec::new();
    sender.feed(event, &mut out).unwrap();
    out
}

#[test]
fn compressed_once_for_each_window() {
    let prepared = Prepared::text(NEWS);
    for bits in 9..=15 {
        let first = sent(&mut alone(bits), &prepared);
        assert_eq!(first, sent(&mut alone(bits), NEWS));
        assert_eq!(first[0], 0xC1);
        // Nobody compresses it again: not even who would do so at another level.
        let mut other = sender(Role::Server, false, bits, 1, 0);
        assert_ne!(first, sent(&mut other, NEWS));
        assert_eq!(first, sent(&mut other, &prepared));
    }
    // No engine makes a window of 8 bits.
    assert_eq!(sent(&mut alone(8), &prepared), sent(&mut Sender::new(Role::Server), NEWS));
    assert_eq!(sent(&mut Sender::new(Role::Server), &prepared)[0], 0x81);
}

#[test]
fn what_does_not_shrink_or_is_short_goes_as_it_is() {
    let mut random = Random::new(1);
    let noise: Vec<u8> = (0..300).map(|_| random.below(256) as u8).collect();
    let prepared = Prepared::binary(&noise);
    let plain = sent(&mut Sender::new(Role::Server), &*noise);
    assert_eq!(sent(&mut alone(15), &prepared), plain);

    let prepared = Prepared::text(NEWS);
    let mut picky = sender(Role::Server, false, 15, 6, NEWS.len() + 1);
    assert_eq!(sent(&mut picky, &prepared)[0], 0x81);
    assert_eq!(sent(&mut alone(15), &prepared)[0], 0xC1);
}

/// With takeover each connection says it against what it said before.
#[test]
fn with_takeover_it_refers_back() {
    let prepared = Prepared::text(NEWS);
    let mut keeps = sender(Role::Server, true, 15, 6, 0);
    let (first, again) = (sent(&mut keeps, &prepared), sent(&mut keeps, &prepared));
    assert!(again.len() < first.len() / 2, "{} {}", first.len(), again.len());
    let mut receiver = Receiver::new(CLIENT, Limits::default())
        .with_compression(Some(&compression(true, 15, 6, 0)));
    let mut stream = [first, again].concat();
    let mut input = &mut *stream;
    for _ in 0..2 {
        assert_eq!(receiver.recv(&mut input), Ok(Some(Event::Text(NEWS))));
    }
}

/// §5.3: the compressed payload is shared, the mask is not.
#[test]
fn a_client_masks_what_was_compressed() {
    let prepared = Prepared::text(NEWS);
    let shared = sent(&mut alone(15), &prepared);
    let key = [1, 2, 3, 4];
    let mut client = sender(Role::Client(|| [1, 2, 3, 4]), false, 15, 6, 0);
    let mut masked = sent(&mut client, &prepared);
    assert_eq!(masked[..2], [0xC1, 0x80 | shared[1]]);
    Mask::new(key).apply(&mut masked[6..]);
    assert_eq!(masked[6..], shared[2..]);
}

/// What is large is written from one place by all, unless it is compressed against what was said before.
#[test]
fn a_large_frame_is_shared() {
    let large = NEWS.repeat(300);
    let prepared = Prepared::text(&large);
    let shared = alone(12).feed_shared(&prepared).unwrap().unwrap();
    assert_eq!(shared, sent(&mut alone(12), &*large));
    assert_eq!(shared.as_ptr(), alone(12).feed_shared(&prepared).unwrap().unwrap().as_ptr());
    assert_eq!(sender(Role::Server, true, 12, 6, 0).feed_shared(&prepared), Ok(None));
}

#[test]
fn counted_for_each_connection() {
    for prepared in [Prepared::text(NEWS), Prepared::text(&NEWS.repeat(300))] {
        let len = prepared.message().as_bytes().len() as u64;
        for _ in 0..2 {
            let (mut sender, mut sharer) = (alone(15), alone(15));
            let wire = sent(&mut sender, &prepared);
            let header = if wire[1] < 126 { 2 } else { 4 };
            assert_eq!(sender.ratio().plain, len);
            assert_eq!(sender.ratio().wire, wire.len() as u64 - header);
            if sharer.feed_shared(&prepared).unwrap().is_some() {
                assert_eq!(sharer.ratio(), sender.ratio());
            }
        }
    }
}
