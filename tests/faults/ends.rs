//! Faults that end a connection: each side that is hit has a typed error, and had a prefix of what was
//! said. Swept over the bytes of whole conversations, of the opening handshake, the messages and the
//! closing handshake; and once in the midst of a flood. What does not end by itself the deadlines end.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowstring::proto::Expired;
use bowstring::{CloseCode, Error};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::exchange::{Case, DOORS, Door, Outcome, Side, Sizes, Target, config, short};
use crate::harness::{FULL, echo_server_with, scale};
use crate::proxy::{Fault, Proxy};
use crate::{allow_descriptors, alone, fds_at_rest, run};

/// A fault behind so many bytes.
type At = fn(usize) -> Fault;

/// What may be said of an end: the name under which it is counted, or `None` if it must not be.
type Named = fn(&Error) -> Option<&'static str>;

/// How many messages a conversation has that is swept.
const FEW: u32 = 8;

/// Every way to have a short conversation.
fn conversations(ports: [u16; 2], hurry: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for door in DOORS {
        for (compressed, port) in [false, true].into_iter().zip(ports) {
            for target in [Target::Library, Target::Process(port)] {
                let config = config(compressed);
                let config = if hurry { short(config) } else { config };
                let (up, down) = (Fault::Clear, Fault::Clear);
                let (count, sizes, seed) = (FEW, Sizes::Mixed, 0);
                cases.push(Case { door, target, count, sizes, up, down, seed, config });
            }
        }
    }
    cases
}

fn with(mut case: Case, up: bool, fault: Fault) -> Case {
    *(if up { &mut case.up } else { &mut case.down }) = fault;
    case
}

/// Runs them all, so many at a time, each for at most `limit`.
async fn all(cases: Vec<Case>, at_once: usize, limit: Duration) -> Vec<(Case, Outcome)> {
    let turns = Arc::new(Semaphore::new(at_once));
    let mut running = JoinSet::new();
    for case in cases {
        let turns = Arc::clone(&turns);
        running.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            let outcome = tokio::time::timeout(limit, case.run()).await;
            let outcome = outcome.unwrap_or_else(|_| panic!("no end after {limit:?}: {case:?}"));
            (case, outcome)
        });
    }
    running.join_all().await
}

/// Counts how sides ended; panics at what none may end with.
#[derive(Default)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn note(&mut self, case: &Case, side: &Side, named: Named) {
        let name = match &side.end {
            Ok(()) => {
                assert_eq!(side.had, case.count, "{side:?}: {case:?}");
                "clean"
            }
            Err(error) => named(error).unwrap_or_else(|| panic!("{error:?}: {case:?}")),
        };
        *self.0.entry(name).or_default() += 1;
    }

    fn note_both(&mut self, case: &Case, outcome: &Outcome, named: Named) {
        self.note(case, &outcome.client, named);
        if let Some(server) = &outcome.server {
            self.note(case, server, named);
            assert!(outcome.client.had <= server.had, "more echoes than messages: {case:?}");
        }
    }

    /// The same where deadlines end it. Where a machine is so busy that one strikes before the fault,
    /// the other side is told, or sees that side's end.
    fn note_silence(&mut self, case: &Case, outcome: &Outcome) {
        let sides = || [Some(&outcome.client), outcome.server.as_ref()].into_iter().flatten();
        let gave_up = |side: &Side| side.end.as_ref().is_err_and(|error| expired(error).is_some());
        let was_given_up = |side: &Side| side.told == Some(CloseCode::INTERNAL_ERROR);
        assert!(sides().any(|side| gave_up(side) || was_given_up(side)), "{outcome:?}: {case:?}");
        for side in sides() {
            if was_given_up(side) {
                *self.0.entry("told").or_default() += 1;
            } else {
                self.note(case, side, |error| expired(error).or(ended(error)));
            }
        }
    }
}

/// Sweeps the byte at which the fault strikes over all bytes of all conversations, in each direction.
fn sweep(name: &str, fault: At, step: usize, named: Named) {
    let _alone = alone();
    let start = Instant::now();
    let processes = ["off", "full"].map(|mode| echo_server_with(&["--compression", mode]));
    let ports = processes.each_ref().map(|process| process.port);
    let fds = processes.each_ref().map(fds_at_rest);
    let mut tally = Tally::default();
    run(async {
        let limit = Duration::from_secs(30);
        // How long each of them is.
        let whole = all(conversations(ports, false), 4, limit).await;
        let mut cases = Vec::new();
        for (number, (case, outcome)) in whole.iter().enumerate() {
            assert!(outcome.client.end.is_ok() && outcome.client.had == FEW, "{outcome:?}");
            for (up, len) in [true, false].into_iter().zip(outcome.passed) {
                // Each begins elsewhere, so that together they strike everywhere.
                let from = number * step / whole.len();
                for n in (from..len).step_by(step).chain([0, len - 1, len + 1]) {
                    cases.push((n < len, with(case.clone(), up, fault(n))));
                }
            }
        }
        println!("{name}: {} conversations", cases.len());
        let (hit, spared): (Vec<_>, Vec<_>) = cases.into_iter().partition(|(hit, _)| *hit);
        for (hit, cases) in [(true, hit), (false, spared)] {
            let cases = cases.into_iter().map(|(_, case)| case).collect();
            for (case, outcome) in all(cases, 8, limit).await {
                tally.note_both(&case, &outcome, named);
                // It never has the peer's whole close frame, or the peer never had its.
                assert_eq!(outcome.client.end.is_err(), hit, "{outcome:?}: {case:?}");
            }
        }
    });
    for (process, fds) in processes.iter().zip(fds) {
        process.await_fds(fds);
    }
    println!("{name}: {:?} in {:.1?}", tally.0, start.elapsed());
}

/// How a connection that was reset may end.
fn reset(error: &Error) -> Option<&'static str> {
    match error {
        // A reset can come before the system has told of the connection.
        Error::Connect(tried) => {
            let kind = |kind| tried.attempts().iter().all(|one| one.error.kind() == kind);
            kind(ErrorKind::ConnectionReset).then_some("reset")
        }
        Error::Io(error) | Error::Opening(_, error) => match error.kind() {
            ErrorKind::ConnectionReset => Some("reset"),
            ErrorKind::BrokenPipe => Some("broken pipe"),
            _ => None,
        },
        // The kernel tells of a reset once. If that was a writer, the reader sees an end.
        Error::Lost => Some("lost"),
        Error::Closed(_) => Some("closed"),
        _ => None,
    }
}

/// How one may end whose peer's direction has.
fn ended(error: &Error) -> Option<&'static str> {
    match error {
        Error::Io(error) | Error::Opening(_, error) if error.kind() == ErrorKind::UnexpectedEof => {
            Some("in the handshake")
        }
        _ => reset(error),
    }
}

/// How one may end whose peer has fallen silent.
fn expired(error: &Error) -> Option<&'static str> {
    match error {
        Error::HandshakeTimeout(_) => Some("handshake"),
        Error::Timeout(Expired::Pong) => Some("pong"),
        Error::Timeout(Expired::Write) => Some("write"),
        Error::Timeout(Expired::Close) => Some("close"),
        Error::Closed(_) => Some("closed"),
        _ => None,
    }
}

#[test]
fn s28_a_reset_at_every_byte_of_a_conversation() {
    sweep("reset", Fault::Reset, scale(16, 400), reset);
}

#[test]
fn s28_a_half_close_at_every_byte_of_a_conversation() {
    sweep("half-close", Fault::HalfClose, scale(16, 400), ended);
}

/// Nothing comes, no end either: each side finds out by its own clock, within its deadlines.
#[test]
fn s34_silence_at_any_byte_of_a_conversation() {
    let _alone = alone();
    let start = Instant::now();
    let mut tally = Tally::default();
    allow_descriptors(3000);
    // The process has only the keep-alive's deadlines, of 0.5 s too.
    let keep_alive = ["--ping-interval", "0.5", "--pong-timeout", "0.5"];
    let processes = ["off", "full"]
        .map(|mode| echo_server_with(&[&["--compression", mode][..], &keep_alive].concat()));
    let ports = processes.each_ref().map(|process| process.port);
    run(async {
        // Handshake, keep-alive, close: 2.6 s; and a busy machine.
        let limit = Duration::from_secs(10);
        let whole = all(conversations(ports, false), 4, limit).await;
        let (mut cases, mut number) = (Vec::new(), 0);
        for (case, outcome) in &whole {
            let mut case = case.clone();
            case.config = short(case.config);
            for (up, len) in [true, false].into_iter().zip(outcome.passed) {
                number += 1;
                let step = scale(len / 16, len / 3);
                for n in (number % step..len).step_by(step).chain([len - 1]) {
                    for fault in [Fault::BlackHole, Fault::Stall] {
                        cases.push(with(case.clone(), up, fault(n)));
                    }
                }
            }
        }
        println!("silence: {} conversations", cases.len());
        for (case, outcome) in all(cases, 400, limit).await {
            tally.note_silence(&case, &outcome);
        }
    });
    println!("silence: {:?} in {:.1?}", tally.0, start.elapsed());
    assert!(["handshake", "pong", "close"].iter().all(|name| tally.0.contains_key(name)));
}

/// The process behind a proxy that falls silent for good finds out by its keep-alive, and frees the
/// connection, while the other end is still there.
#[test]
fn s34_a_silent_peer_costs_the_server_no_descriptor() {
    let _alone = alone();
    let server = echo_server_with(&["--ping-interval", "0.3", "--pong-timeout", "0.3"]);
    let fds = fds_at_rest(&server);
    run(async {
        let address = ([127, 0, 0, 1], server.port).into();
        let mut held = Vec::new();
        for taking in [true, false] {
            // Behind the handshake and some messages.
            let hole = if taking { Fault::BlackHole(2000) } else { Fault::Stall(2000) };
            let proxy = Proxy::open(address, hole, Fault::Clear, 0).await;
            for _ in 0..10 {
                let uri = format!("ws://{}/", proxy.address);
                let (mut ws, _) = bowstring::connect(&uri).await.unwrap();
                for _ in 0..40 {
                    ws.send("fifty bytes and its header, forty times: over 2,000").await.unwrap();
                }
                held.push(ws);
            }
            held.push({
                let uri = format!("ws://{}/", proxy.address);
                bowstring::connect(&uri).await.unwrap().0
            });
            let silent = Instant::now();
            // The last one, which is not struck, answers its pings as long as it is listened to.
            let listening = tokio::spawn(async move {
                let mut ws = held.pop().unwrap();
                let _ = ws.recv().await;
                (ws, held)
            });
            let waiting = tokio::task::block_in_place(|| server.await_fds(fds + 1));
            println!("silence: a server's descriptors are back after {waiting:.1?}");
            let limit = Duration::from_millis(if FULL { 1600 } else { 5000 });
            assert!(silent.elapsed() < limit, "{:?}", silent.elapsed());
            listening.abort();
            held = Vec::new();
            drop(proxy);
            tokio::task::block_in_place(|| server.await_fds(fds));
        }
    });
}

/// In the midst of 100,000 messages, anywhere.
#[test]
fn s28_ends_in_a_flood() {
    let _alone = alone();
    let start = Instant::now();
    let processes = ["off", "full"].map(|mode| echo_server_with(&["--compression", mode]));
    let ports = processes.each_ref().map(|process| process.port);
    let count = scale(100_000, 600) as u32;
    // Those that wait for deadlines do so together.
    let rounds: [(bool, &[At]); 2] =
        [(false, &[Fault::Reset, Fault::HalfClose]), (true, &[Fault::BlackHole, Fault::Stall])];
    let mut tally = Tally::default();
    let mut said = 0;
    run(async {
        for (silent, faults) in rounds {
            let mut cases = Vec::new();
            for (which, fault) in faults.iter().enumerate() {
                for (number, mut case) in conversations(ports, silent).into_iter().enumerate() {
                    // A message has more than 20 bytes, compressed too.
                    let n = count as usize * (1 + 3 * number % 8);
                    case.count = count;
                    cases.push(with(case, (number / 2 + which) % 2 == 0, fault(n)));
                }
            }
            let at_once = if silent { cases.len() } else { 4 };
            for (case, outcome) in all(cases, at_once, Duration::from_secs(60)).await {
                if silent {
                    tally.note_silence(&case, &outcome);
                } else {
                    tally.note_both(&case, &outcome, ended);
                    assert!(outcome.client.end.is_err(), "{case:?}");
                }
                said += outcome.client.had;
            }
        }
    });
    assert!(said > 0);
    println!("in a flood: {said} echoes, {:?} in {:.1?}", tally.0, start.elapsed());
}

/// A line so slow that the deadlines do not wait for it.
#[test]
fn s23_s34_s35_a_line_that_only_drips() {
    let _alone = alone();
    let base = |up, down| {
        let (count, sizes, seed) = (FEW, Sizes::Small, 0);
        let config = short(config(false));
        let (door, target) = (Door::Send, Target::Library);
        Case { door, target, count, sizes, up, down, seed, config }
    };
    run(async {
        let whole = base(Fault::Clear, Fault::Clear).run().await;
        assert!(whole.client.end.is_ok());
        let [up, down] = whole.passed;
        let drip = |n, ms| Fault::Drip(n, Duration::from_millis(ms));
        type Wanted = fn(&Error) -> bool;
        let handshake: Wanted = |error| matches!(error, Error::HandshakeTimeout(_));
        let pong: Wanted = |error| matches!(error, Error::Timeout(Expired::Pong));
        let close: Wanted = |error| matches!(error, Error::Timeout(Expired::Close));
        let lines = [
            // A byte each 20 ms: the request takes 4 s, the answer 2.5 s.
            (drip(0, 20), Fault::Clear, Some(handshake)),
            (Fault::Clear, drip(0, 20), Some(handshake)),
            // The first echoes come, then nothing for longer than ping and pong.
            (Fault::Clear, drip(down - 50, 2000), Some(pong)),
            // The server's close frame of 4 bytes takes longer than closing may; that bytes come now
            // and then is no reason to wait on.
            (Fault::Clear, drip(down - 4, 300), Some(close)),
            (drip(up - 8, 150), Fault::Clear, Some(close)),
            // Slow, but never silent for so long: nobody is given up.
            (drip(up - 100, 10), drip(down - 100, 10), None),
        ];
        let mut running = JoinSet::new();
        for (up, down, wanted) in lines {
            for door in DOORS {
                let mut case = base(up, down);
                case.door = door;
                running.spawn(async move { (case.run().await, case, wanted) });
            }
        }
        while let Some(done) = running.join_next().await {
            let (Outcome { client, server, .. }, case, wanted) = done.unwrap();
            let sides = [client, server.unwrap()];
            let Some(wanted) = wanted else {
                let well = |side: &Side| side.end.is_ok() && side.had == FEW;
                assert!(sides.iter().all(well), "{sides:?}: {case:?}");
                continue;
            };
            // Who gives up first ends it for the other, or lets it wait.
            let errors = || sides.iter().filter_map(|side| side.end.as_ref().err());
            assert!(errors().any(wanted), "{sides:?}: {case:?}");
            for error in errors() {
                assert!(ended(error).or(expired(error)).is_some(), "{error}: {case:?}");
            }
        }
    });
}
