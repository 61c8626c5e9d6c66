//! What a thread lends to messages that have only begun: memory of earlier messages, within a bound,
//! whatever becomes of those who borrow it.

use std::thread;

use crate::support::*;
use allocation_counter::measure;
use bowstring::proto::*;

const MIB: usize = 1 << 20;

/// A receiver that has seen the first 1,000 bytes of this frame, and whether that took no memory of
/// its own.
fn begin(large: &[u8]) -> (Receiver, bool) {
    let (mut receiver, mut front) =
        (Receiver::new(CLIENT, Limits::default()), large[..1000].to_vec());
    let cost = measure(|| assert_eq!(receiver.recv(&mut &mut *front), Ok(None)));
    (receiver, cost.bytes_total < 100)
}

/// Receives messages in halves and drops them, all at once: the thread keeps their memory.
fn keep(large: &[u8], messages: usize) {
    let hear = |_| {
        let (mut receiver, mut message) = (Receiver::new(CLIENT, Limits::default()), None);
        for piece in large.to_vec().chunks_mut(large.len() / 2) {
            message = receiver.recv_message(&mut &mut *piece).unwrap().or(message);
        }
        message.unwrap()
    };
    drop((0..messages).map(hear).collect::<Vec<_>>());
}

/// What so many messages that only begin are lent, and those who received them.
fn borrow(large: &[u8], messages: usize) -> (Vec<Receiver>, Vec<bool>) {
    (0..messages).map(|_| begin(large)).unzip()
}

/// S07: a thread lends 16 MiB to the byte. Beyond that, peers that begin large messages and stall hold
/// what they have sent.
#[test]
fn s07_a_thread_lends_sixteen_mebibytes_to_those_who_stall() {
    let large = server_frame(FIN | BINARY, vec![7; MIB]);
    let own = || {
        for _ in 0..2 {
            keep(&large, 20);
            let (stalled, lent) = borrow(&large, 20);
            assert_eq!(lent, [[true; 16].as_slice(), &[false; 4]].concat());
            // What comes meanwhile is kept, and not lent: 16 MiB are.
            keep(&large, 8);
            assert_eq!(borrow(&large, 4).1, [false; 4]);
            // And when they have gone, it is there for others.
            drop(stalled);
        }
    };
    // Each thread has a bound of its own.
    thread::scope(|scope| {
        scope.spawn(own);
        scope.spawn(own);
    });
}

/// A loan ends where its borrower ends, on another thread too. The memory stays there if that thread
/// receives large messages itself.
#[test]
fn what_is_lent_may_end_on_another_thread() {
    let large = server_frame(FIN | BINARY, vec![7; MIB]);
    keep(&large, 16);
    let (stalled, lent) = borrow(&large, 16);
    assert_eq!(lent, [true; 16]);
    keep(&large, 1);
    assert_eq!(borrow(&large, 1).1, [false]);
    let large = &large;
    thread::scope(|scope| {
        scope.spawn(move || {
            keep(large, 1);
            drop(stalled);
            assert_eq!(borrow(large, 17).1, [[true; 16].as_slice(), &[false]].concat());
        });
    });
    assert_eq!(borrow(large, 1).1, [true]);
}

/// S08: of many messages that stall half way, each costs what has arrived, and all of them the bound.
#[test]
fn s08_a_thousand_messages_half_way_cost_what_arrived_and_64_kib() {
    let large = server_frame(FIN | BINARY, vec![7; 200 << 10]);
    keep(&large, 100);
    let kept = 16 * MIB as i64;
    let half = large.len() / 2;
    let mut input = vec![0; half];
    let mut stalled = Vec::new();
    let cost = measure(|| {
        for _ in 0..1000 {
            let mut receiver = Receiver::new(CLIENT, Limits::default());
            input.copy_from_slice(&large[..half]);
            assert_eq!(receiver.recv(&mut &mut *input), Ok(None));
            stalled.push(receiver);
        }
    });
    let each = (cost.bytes_current + kept) / 1000;
    assert!(each <= (half + (64 << 10)) as i64, "{each} bytes for {half}");
}
