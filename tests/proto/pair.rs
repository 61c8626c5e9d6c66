//! Two connections joined by pipes that cut bytes wherever they like, under a clock that only this
//! file moves: whatever two ends say arrives in order, both end with agreeing codes, and each timer
//! fires when it must.

use std::time::{Duration, Instant};

use crate::support::*;
use bowstring::proto::*;
use proptest::prelude::*;

/// A call that an end makes.
#[derive(Clone, Debug)]
enum Call {
    Send(Message),
    Part(Message, bool),
}

/// One end: what it has still to say, and what it said and heard.
struct End {
    run: Run,
    /// In reverse.
    script: Vec<Call>,
    /// What was not refused.
    sent: Vec<Message>,
    /// Of a message whose last part is still to come.
    parts: Option<Message>,
}

impl End {
    fn new(role: Role, way: Way, mut script: Vec<Call>) -> Self {
        script.reverse();
        let run = Run::new(role, &ProtocolConfig::default(), way);
        Self { run, script, sent: Vec::new(), parts: None }
    }

    /// Makes the next call.
    fn speak(&mut self) {
        let Run { connection, out, .. } = &mut self.run;
        match self.script.pop() {
            None => {}
            Some(Call::Send(message)) => {
                let again = message.is_close() && connection.is_clean();
                match connection.feed(&message, out) {
                    Ok(()) if again => {}
                    Ok(()) => self.sent.push(message),
                    Err(misuse) => assert_eq!(misuse, Misuse::Closed),
                }
            }
            Some(Call::Part(part, fin)) => match connection.feed_part(&part, fin, out) {
                Err(misuse) => assert_eq!(misuse, Misuse::Closed),
                Ok(()) => {
                    let whole = match (self.parts.take(), part) {
                        (None, part) => part,
                        (Some(Message::Text(a)), Message::Text(b)) => {
                            Message::text(a.to_string() + &b)
                        }
                        (Some(a), b) => Message::binary([a.as_bytes(), b.as_bytes()].concat()),
                    };
                    if fin {
                        self.sent.push(whole);
                    } else {
                        self.parts = Some(whole);
                    }
                }
            },
        }
    }

    fn close(&self) -> Option<&Message> {
        self.run.events.iter().find(|event| event.is_close())
    }
}

/// Lets two ends talk, cutting at seeded places, until there is nothing left to say or to carry.
fn talk(ends: &mut [End; 2], seed: u64) {
    let mut random = Random::new(seed);
    let mut pipes = [Vec::new(), Vec::new()];
    loop {
        for (end, pipe) in ends.iter_mut().zip(&mut pipes) {
            pipe.append(&mut end.run.out);
        }
        if pipes.iter().all(Vec::is_empty) && ends.iter().all(|end| end.script.is_empty()) {
            break;
        }
        let i = random.below(2);
        if random.below(2) == 0 {
            ends[i].speak();
        } else if !pipes[i].is_empty() {
            let most = [1, 8, 200, pipes[i].len()][random.below(4)].min(pipes[i].len());
            let piece: Vec<u8> = pipes[i].drain(..1 + random.below(most)).collect();
            ends[1 - i].run.feed(&piece);
        }
    }
}

fn bytes_of(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), len)
}

fn script() -> impl Strategy<Value = Vec<Call>> {
    let text = || prop_oneof!["[a-z가🏹é]{0,40}", "[a-z]{120,140}"].prop_map(Message::from);
    let binary =
        || prop_oneof![0..60usize, 120..140usize].prop_flat_map(bytes_of).prop_map(Message::from);
    // What answers a ping starts like the ping, so a pong that nobody asked for starts otherwise.
    let control = (0..125usize, any::<bool>()).prop_map(|(len, ping)| match ping {
        true => Message::Ping(["?", &"*".repeat(len)].concat().into()),
        false => Message::Pong(["!", &"*".repeat(len)].concat().into()),
    });
    let in_parts =
        prop_oneof![prop::collection::vec(text(), 1..5), prop::collection::vec(binary(), 1..5),];
    let in_parts = (in_parts, prop::collection::vec(control.clone(), 0..3)).prop_map(
        |(parts, mut between)| {
            let last = parts.len() - 1;
            let mut calls = Vec::new();
            for (i, part) in parts.into_iter().enumerate() {
                calls.push(Call::Part(part, i == last));
                calls.extend(between.pop().map(Call::Send));
            }
            calls
        },
    );
    let said = prop_oneof![
        prop_oneof![text(), binary(), control].prop_map(|message| vec![Call::Send(message)]),
        in_parts,
    ];
    prop::collection::vec(said, 0..8).prop_map(|said| said.concat())
}

/// How an end closes, if it does: with no code, or with a code and a reason.
fn close() -> impl Strategy<Value = Option<Message>> {
    let code = prop::sample::select(vec![1000, 1001, 1011, 3000, 4999]).prop_map(|code: u16| {
        Message::Close(Some(CloseFrame { code: code.into(), reason: "the end".into() }))
    });
    prop_oneof![Just(None), Just(Some(Message::Close(None))), code.prop_map(Some)]
}

fn code_of(close: &Message) -> Option<CloseCode> {
    let Message::Close(close) = close else { panic!("{close:?}") };
    close.as_ref().map(|close| close.code)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Everything that was sent arrives, in order, complete; every ping is answered or overtaken by
    /// a newer one; and both ends close with agreeing codes.
    #[test]
    fn any_two_scripts(
        scripts in [script(), script()],
        closes in [close(), close()],
        ways in [prop::sample::select(&WAYS[..]), prop::sample::select(&WAYS[..])],
        seed: u64,
    ) {
        let closing = closes.iter().any(Option::is_some);
        let [a, b] = scripts;
        let [a, b] = [a, b].into_iter().zip(&closes).map(|(mut script, close)| {
            script.extend(close.clone().map(Call::Send));
            script.push(Call::Send("too late, if this end has closed".into()));
            script
        }).collect::<Vec<_>>().try_into().unwrap();
        let mut ends = [End::new(CLIENT, ways[0], a), End::new(Role::Server, ways[1], b)];
        talk(&mut ends, seed);

        for (me, peer) in [(&ends[0], &ends[1]), (&ends[1], &ends[0])] {
            let answers: Vec<_> = me.run.events.iter()
                .filter(|event| matches!(event, Message::Pong(payload) if payload.starts_with(b"?")))
                .collect();
            let mut heard = me.run.events.clone();
            heard.retain(|event| !answers.contains(&event));
            // An answer to a close was not in the script.
            let mut sent = peer.sent.clone();
            if !sent.iter().any(Message::is_close) && closing {
                let echo = me.sent.iter().find(|sent| sent.is_close()).unwrap();
                let code = code_of(echo);
                sent.push(Message::Close(code.map(|code| CloseFrame { code, reason: "".into() })));
            }
            prop_assert_eq!(heard, sent);

            let pings: Vec<_> = me.sent.iter().filter_map(|sent| match sent {
                Message::Ping(payload) => Some(payload),
                _ => None,
            }).collect();
            let mut rest = pings.iter();
            for answer in &answers {
                prop_assert!(rest.any(|ping| ping[..] == *answer.as_bytes()), "out of order");
            }
            if !closing {
                prop_assert_eq!(answers.len(), pings.len());
            }

            prop_assert_eq!(me.run.connection.is_clean(), closing);
            prop_assert_eq!(me.run.connection.state() == State::Open, !closing);
        }
        if closing {
            prop_assert!(ends[1].run.connection.should_end_transport());
            prop_assert!(!ends[0].run.connection.should_end_transport());
            // §7.1.5: the codes may differ only if both ends started to close.
            if ends.iter().filter(|end| end.sent.iter().any(Message::is_close)).count() == 1 {
                prop_assert_eq!(code_of(ends[0].close().unwrap()), code_of(ends[1].close().unwrap()));
            }
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn timed(role: Role, start: Instant) -> Connection {
    let mut config = ProtocolConfig::default();
    config.timeouts.keep_alive = Some(20 * SECOND);
    config.timeouts.pong = 10 * SECOND;
    config.timeouts.close = 5 * SECOND;
    Connection::new(role, &config, start)
}

/// Two ends that say nothing keep each other alive for a day, with no more pings than it takes.
#[test]
fn keep_alive() {
    let start = Instant::now();
    let mut ends = [timed(CLIENT, start), timed(Role::Server, start)];
    let mut now = start;
    let mut pings = 0;
    while now < start + 24 * 3600 * SECOND {
        let next = ends.iter_mut().filter_map(|end| end.poll_timeout(now)).min().unwrap();
        assert!(next > now, "a driver would spin");
        now = next;
        let mut wires = [Vec::new(), Vec::new()];
        for (end, out) in ends.iter_mut().zip(&mut wires) {
            end.handle_timeout(now, out).unwrap();
        }
        while wires.iter().any(|wire| !wire.is_empty()) {
            for i in 0..2 {
                let mut wire = std::mem::take(&mut wires[i]);
                pings += legal_frames(&wire).iter().filter(|frame| frame.opcode == 9).count();
                if !wire.is_empty() {
                    ends[1 - i].note_received();
                }
                let mut input = &mut wire[..];
                while ends[1 - i].recv(&mut input, &mut wires[1 - i]).unwrap().is_some() {}
            }
        }
    }
    let intervals = 24 * 3600 / 20;
    assert!((intervals - 1..=2 * intervals).contains(&pings), "{pings} pings");
}

#[test]
fn pong_timeout() {
    for role in BOTH {
        let start = Instant::now();
        let mut connection = timed(role, start);
        let mut out = Vec::new();
        assert_eq!(connection.poll_timeout(start), Some(start + 20 * SECOND));
        // Too early is nothing.
        assert_eq!(connection.handle_timeout(start + 19 * SECOND, &mut out), Ok(()));
        assert!(out.is_empty());
        // Any byte postpones it, from the next look at the clock.
        connection.note_received();
        assert_eq!(connection.poll_timeout(start + 5 * SECOND), Some(start + 25 * SECOND));
        assert_eq!(connection.poll_timeout(start + 6 * SECOND), Some(start + 25 * SECOND));
        assert_eq!(connection.handle_timeout(start + 25 * SECOND, &mut out), Ok(()));
        assert_eq!(legal_frames(&out).len(), 1);
        assert_eq!((legal_frames(&out)[0].opcode, legal_frames(&out)[0].payload.len()), (9, 0));
        // The ping had to wait for the transport: the time for the pong runs from there.
        assert_eq!(connection.poll_timeout(start + 25 * SECOND), Some(start + 35 * SECOND));
        connection.note_written();
        assert_eq!(connection.poll_timeout(start + 30 * SECOND), Some(start + 40 * SECOND));
        assert_eq!(connection.handle_timeout(start + 39 * SECOND, &mut out), Ok(()));
        // Any byte is as good as a pong.
        connection.note_received();
        assert_eq!(connection.poll_timeout(start + 39 * SECOND), Some(start + 59 * SECOND));
        out.clear();
        assert_eq!(connection.handle_timeout(start + 59 * SECOND, &mut out), Ok(()));
        out.clear();
        let late = start + 69 * SECOND;
        assert_eq!(connection.handle_timeout(late, &mut out), Err(Expired::Pong));
        assert_eq!(connection.state(), State::Closed);
        assert!(!connection.is_clean());
        let said = legal_frames(&out);
        assert_eq!((said.len(), &said[0].payload[..2]), (1, &1011u16.to_be_bytes()[..]));
        assert_eq!(connection.poll_timeout(late), None);
        assert_eq!(connection.handle_timeout(late, &mut out), Ok(()));
        assert_eq!(legal_frames(&out).len(), 1);
    }
}

/// A ping that comes due while a close frame of the peer waits for its answer.
#[test]
fn pong_timeout_behind_the_peers_close() {
    for role in BOTH {
        let start = Instant::now();
        let mut connection = timed(role, start);
        let mut out = Vec::new();
        connection.handle_timeout(start + 20 * SECOND, &mut out).unwrap();
        let mut close = from_peer_of(role, &bytes![0x88, 0]);
        assert!(connection.recv(&mut &mut close[..], &mut out).unwrap().is_some());
        assert_eq!(connection.handle_timeout(start + 30 * SECOND, &mut out), Ok(()));
        assert_eq!(connection.state(), State::Closed);
        legal_frames(&out);
    }
}

#[test]
fn close_timeout() {
    for role in BOTH {
        let start = Instant::now();
        let mut connection = timed(role, start);
        let mut out = Vec::new();
        connection.poll_timeout(start);
        connection.feed(Event::Close(None), &mut out).unwrap();
        let at = start + 15 * SECOND;
        assert_eq!(connection.poll_timeout(start + 10 * SECOND), Some(at));
        // Neither bytes nor another look at the clock move it.
        connection.note_received();
        connection.note_written();
        assert_eq!(connection.poll_timeout(start + 12 * SECOND), Some(at));
        assert_eq!(connection.handle_timeout(start + 14 * SECOND, &mut out), Ok(()));
        assert_eq!(connection.handle_timeout(at, &mut out), Err(Expired::Close));
        assert_eq!(connection.state(), State::Closed);
    }
}

/// With both close frames gone their way, a TCP that does not end is no error (§7.1.1).
#[test]
fn close_timeout_behind_both_closes() {
    for role in BOTH {
        let start = Instant::now();
        let mut connection = timed(role, start);
        let mut out = Vec::new();
        let mut close = from_peer_of(role, &bytes![0x88, 0]);
        assert!(connection.recv(&mut &mut close[..], &mut out).unwrap().is_some());
        connection.queue_replies(&mut out);
        let at = connection.poll_timeout(start).unwrap();
        assert_eq!(at, start + 5 * SECOND);
        assert_eq!(connection.handle_timeout(at, &mut out), Ok(()));
        assert_eq!(connection.state(), State::Closed);
        assert!(connection.is_clean());
    }
}

/// A ping under way gives way to the close deadline: the phases exclude each other.
#[test]
fn closing_while_pinged() {
    for role in BOTH {
        let start = Instant::now();
        let mut connection = timed(role, start);
        let mut out = Vec::new();
        connection.handle_timeout(start + 20 * SECOND, &mut out).unwrap();
        connection.feed(Event::Close(None), &mut out).unwrap();
        assert_eq!(connection.poll_timeout(start + 21 * SECOND), Some(start + 26 * SECOND));
        let expired = connection.handle_timeout(start + 30 * SECOND, &mut out);
        assert_eq!(expired, Err(Expired::Close));
        assert_eq!(legal_frames(&out).len(), 2);
    }
}

/// Durations no clock can hold mean never.
#[test]
fn endless_timeouts() {
    let start = Instant::now();
    let mut config = ProtocolConfig::default();
    assert_eq!(Connection::new(CLIENT, &config, start).poll_timeout(start), None);
    config.timeouts = Timeouts::default();
    config.timeouts.keep_alive = Some(Duration::MAX);
    config.timeouts.pong = Duration::MAX;
    config.timeouts.close = Duration::MAX;
    let mut connection = Connection::new(CLIENT, &config, start);
    assert_eq!(connection.poll_timeout(start), None);
    let mut out = Vec::new();
    connection.note_received();
    assert_eq!(connection.handle_timeout(start + 1000 * SECOND, &mut out), Ok(()));
    connection.feed(Event::Close(None), &mut out).unwrap();
    assert_eq!(connection.poll_timeout(start), None);
    for expired in [Expired::Pong, Expired::Close] {
        assert!(expired.to_string().contains("RFC 6455 §"));
    }
}

/// What a halved connection keeps of it: the half that receives knows the time.
#[test]
fn a_lifecycle_alone() {
    let start = Instant::now();
    let (mut lifecycle, _) = timed(CLIENT, start).split();
    // Quiet for 20 s, and 10 s for the pong.
    assert_eq!(lifecycle.stall_timeout(), Some(30 * SECOND));
    let endless = Lifecycle::new(CLIENT, &ProtocolConfig::default(), start);
    assert_eq!(endless.stall_timeout(), None);
    assert_eq!(lifecycle.handle_timeout(false, false, start + 19 * SECOND), None);
    assert_eq!(lifecycle.handle_timeout(false, false, start + 20 * SECOND), Some(Due::Ping));
    assert_eq!(lifecycle.handle_timeout(false, false, start + 29 * SECOND), None);
    assert_eq!((lifecycle.state(false), lifecycle.ending()), (State::Open, None));
    let gone = Some(Due::GiveUp(Expired::Pong));
    assert_eq!(lifecycle.handle_timeout(false, false, start + 30 * SECOND), gone);
    assert_eq!(lifecycle.state(false), State::Closed);
    assert_eq!(lifecycle.ending(), Some(Ending::Timeout(Expired::Pong)));
    // It is over: nothing is due any more, and what comes later changes nothing.
    assert_eq!(lifecycle.handle_timeout(true, false, start + 36 * SECOND), None);
    lifecycle.handle_eof();
    assert_eq!(lifecycle.ending(), Some(Ending::Timeout(Expired::Pong)));

    let (mut lifecycle, _) = timed(CLIENT, start).split();
    assert_eq!(lifecycle.handle_timeout(true, false, start + 31 * SECOND), None);
    let gone = Some(Due::GiveUp(Expired::Close));
    assert_eq!(lifecycle.handle_timeout(true, false, start + 36 * SECOND), gone);
}
