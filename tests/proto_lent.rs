//! What all threads together lend to messages that have only begun. It is counted for the whole
//! process, which this test therefore has for itself.

#![allow(missing_docs)]

mod support;

use std::sync::Barrier;
use std::thread;

use allocation_counter::measure;
use bowstring::proto::*;
use support::*;

const MIB: usize = 1 << 20;

/// S07: of 16 MiB to the byte, a thread's kept memory of a large message is lent to the next; beyond
/// that, peers that begin large messages and stall hold what they have sent.
#[test]
fn s07_sixteen_mebibytes_are_lent_to_those_who_stall() {
    let receiver = || Receiver::new(CLIENT, Limits::default());
    let large = server_frame(FIN | BINARY, &[7; MIB]);
    // Each thread keeps four messages' memory, and lends all of it.
    let kept = || {
        let messages = [(); 4].map(|()| {
            let (mut receiver, mut message) = (receiver(), None);
            for piece in large.clone().chunks_mut(MIB / 2) {
                message = receiver.recv_message(&mut &mut *piece).unwrap().or(message);
            }
            message.unwrap()
        });
        drop(messages);
    };
    let begin = || {
        let (mut receiver, mut front) = (receiver(), large[..1000].to_vec());
        let cost = measure(|| assert_eq!(receiver.recv(&mut &mut *front), Ok(None)));
        (receiver, cost.count_total == 0)
    };
    for _ in 0..2 {
        let order = [(); 5].map(|()| Barrier::new(2));
        let (all, order) = (&Barrier::new(5), &order);
        let lent: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..5)
                .map(|number| {
                    scope.spawn(move || {
                        kept();
                        // One after the other.
                        if number > 0 {
                            order[number].wait();
                        }
                        let begun = [(); 4].map(|()| begin());
                        if number < 4 {
                            order[number + 1].wait();
                        }
                        all.wait();
                        begun.map(|(_, lent)| lent)
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        // And when they have gone, it is there for others.
        assert_eq!(lent, [[true; 16].as_slice(), &[false; 4]].concat());
    }
}
