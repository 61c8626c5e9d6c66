//! Faults that only hold bytes up: everything is delivered exactly, whatever the door, with and
//! without compression, by our library's server and by the real one. 100,000 messages through each.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::exchange::{Case, DOORS, Sizes, Target, config};
use crate::harness::{echo_server_with, scale};
use crate::proxy::Fault;
use crate::{alone, run};

/// Says `(full, small)` messages through the fault, shared among all ways to do so.
fn delivers(name: &str, faults: [Fault; 2], sizes: Sizes, (full, small): (usize, usize)) {
    let _alone = alone();
    let start = Instant::now();
    let processes = ["off", "full"].map(|mode| echo_server_with(&["--compression", mode]));
    let mut cases = Vec::new();
    for door in DOORS {
        for (compressed, process) in [false, true].into_iter().zip(&processes) {
            for target in [Target::Library, Target::Process(process.port)] {
                let (seed, config) = (cases.len() as u64, config(compressed));
                // In either direction once, if they differ.
                let [up, down] = [faults[cases.len() % 2], faults[1 - cases.len() % 2]];
                cases.push(Case { door, target, count: 0, sizes, up, down, seed, config });
            }
        }
    }
    let count = (scale(full, small) / cases.len()) as u32;
    let (mut total, mut passed) = (0, [0, 0]);
    run(async {
        let mut running = JoinSet::new();
        for mut case in cases {
            case.count = count;
            running.spawn(async move { (case.run().await, case) });
        }
        while let Some(done) = running.join_next().await {
            let (outcome, case) = done.expect("every message is as it should be");
            for side in [Some(outcome.client), outcome.server].into_iter().flatten() {
                assert!(side.end.is_ok() && side.had == count, "{side:?}: {case:?}");
            }
            total += count;
            (0..2).for_each(|way| passed[way] += outcome.passed[way]);
        }
    });
    println!("{name}: {total} messages, {passed:?} bytes up and down, in {:.1?}", start.elapsed());
}

const FEW: usize = 3200;
const MANY: usize = 100_000;

#[test]
fn nothing_done_to_them() {
    delivers("clear", [Fault::Clear; 2], Sizes::Mixed, (MANY, FEW));
}

#[test]
fn delayed() {
    delivers("delay", [Fault::Delay(Duration::from_millis(5)); 2], Sizes::Mixed, (MANY, FEW));
}

#[test]
fn byte_by_byte() {
    // Each byte costs the kernel some microseconds: one direction for each.
    delivers("single bytes", [Fault::Bytes, Fault::Clear], Sizes::Small, (MANY, FEW / 2));
}

#[test]
fn coalesced() {
    delivers("coalesced", [Fault::Coalesce(64 << 10); 2], Sizes::Mixed, (MANY, FEW));
}

#[test]
fn throttled() {
    delivers("throttled", [Fault::Throttle(400_000); 2], Sizes::Mixed, (MANY, FEW));
}
