//! The one deadline of a connection, in virtual time (§5.5.2): when a ping is due, what answers it, and when
//! the peer is given up.

use std::time::{Duration, Instant};

use crate::support::*;
use bowstring::proto::*;

const KEEP_ALIVE: Duration = Duration::from_secs(10);
const PONG: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);

fn timeouts(keep_alive: Option<Duration>, pong: Duration) -> ProtocolConfig {
    let mut config = ProtocolConfig::default();
    config.timeouts.keep_alive = keep_alive;
    config.timeouts.pong = pong;
    config
}

fn open(now: Instant) -> Lifecycle {
    Lifecycle::new(CLIENT, &timeouts(Some(KEEP_ALIVE), PONG), now)
}

/// A pong of the peer arrives.
fn pong(lifecycle: &mut Lifecycle, payload: &[u8]) {
    let mut bytes = server_frame(FIN | 0xA, payload);
    let heard = lifecycle.receiver_mut().recv(&mut &mut *bytes);
    assert_eq!(heard, Ok(Some(Event::Pong(payload))));
}

/// §5.5.3: the pong with the same payload answers a ping, and it does so once. Any byte shows that the peer
/// lives.
#[test]
fn a_ping_waits_for_its_own_pong_and_for_any_byte() {
    let now = Instant::now();
    let mut lifecycle = open(now);
    assert!(!lifecycle.is_pinged());
    assert_eq!(lifecycle.receiver().awaited_pong(), None);
    lifecycle.note_ping(*b"ping", now + SECOND);
    assert!(lifecycle.is_pinged());
    assert_eq!(lifecycle.receiver().awaited_pong(), Some(*b"ping"));
    assert_eq!(lifecycle.poll_timeout(false, now + SECOND), Some(now + SECOND + PONG));

    lifecycle.note_received();
    assert!(!lifecycle.is_pinged());
    pong(&mut lifecycle, b"pong");
    assert!(!lifecycle.receiver_mut().take_pong());
    assert_eq!(lifecycle.receiver().awaited_pong(), Some(*b"ping"));
    let later = now + 3 * SECOND;
    assert_eq!(lifecycle.poll_timeout(false, later), Some(later + KEEP_ALIVE));

    pong(&mut lifecycle, b"ping");
    assert_eq!(lifecycle.receiver().awaited_pong(), None);
    assert!(lifecycle.receiver_mut().take_pong());
    assert!(!lifecycle.receiver_mut().take_pong());
}

/// A pong that is read before its driver notes the bytes ends the wait as well.
#[test]
fn the_pong_alone_ends_the_wait() {
    let now = Instant::now();
    let mut lifecycle = open(now);
    lifecycle.note_ping(*b"ping", now);
    assert!(lifecycle.is_pinged());
    pong(&mut lifecycle, b"ping");
    assert!(!lifecycle.is_pinged());
}

/// What came before the ping is no answer to it.
#[test]
fn bytes_before_a_ping_do_not_answer_it() {
    let now = Instant::now();
    let mut lifecycle = open(now);
    lifecycle.note_received();
    lifecycle.note_ping(*b"ping", now);
    assert!(lifecycle.is_pinged());
    assert_eq!(lifecycle.poll_timeout(false, now), Some(now + PONG));
}

/// Pings do not buy the peer time: the first that waits counts. The pong of the last is of interest.
#[test]
fn a_second_ping_does_not_start_the_time_anew() {
    let now = Instant::now();
    let mut lifecycle = open(now);
    lifecycle.note_ping(*b"one.", now);
    lifecycle.note_ping(*b"two.", now + 3 * SECOND);
    assert_eq!(lifecycle.poll_timeout(false, now + 3 * SECOND), Some(now + PONG));
    assert_eq!(lifecycle.receiver().awaited_pong(), Some(*b"two."));
    // Nor does one that is due.
    let mut lifecycle = open(now);
    assert_eq!(lifecycle.handle_timeout(false, false, now + KEEP_ALIVE), Some(Due::Ping));
    lifecycle.note_ping(*b"ping", now + KEEP_ALIVE + SECOND);
    let until = now + KEEP_ALIVE + PONG;
    assert_eq!(lifecycle.poll_timeout(false, now + KEEP_ALIVE + SECOND), Some(until));
    // Nor while it closes.
    let mut lifecycle = open(now);
    let until = Some(now + Timeouts::default().close);
    assert_eq!(lifecycle.poll_timeout(true, now), until);
    lifecycle.note_ping(*b"ping", now + SECOND);
    assert_eq!(lifecycle.poll_timeout(true, now + SECOND), until);
    assert!(!lifecycle.is_pinged());
}

/// Where the ping itself did not get out, it is not the pong that is missing.
#[test]
fn who_does_not_answer_is_given_up() {
    for (unwritten, expired, told) in
        [(false, Expired::Pong, "no answer to a ping"), (true, Expired::Write, "nothing was read")]
    {
        let now = Instant::now();
        let mut lifecycle = open(now);
        lifecycle.note_ping(*b"ping", now);
        assert_eq!(lifecycle.handle_timeout(false, unwritten, now + PONG - SECOND), None);
        assert_eq!(lifecycle.ending(), None);
        let due = lifecycle.handle_timeout(false, unwritten, now + PONG);
        assert_eq!(due, Some(Due::GiveUp(expired)));
        let close = Close { code: CloseCode::INTERNAL_ERROR, reason: told };
        assert_eq!(due.and_then(Due::close), Some(close));
        assert_eq!(lifecycle.ending(), Some(Ending::Timeout(expired)));
        assert_eq!(lifecycle.state(false), State::Closed);
        assert!(!lifecycle.is_pinged());
    }
    assert_eq!(Due::Ping.close(), None);
    assert_eq!(Due::GiveUp(Expired::Close).close(), None);
}

/// Bytes that the transport takes late show that the peer reads: the time for its pong starts there.
#[test]
fn the_time_for_a_pong_starts_when_the_ping_has_gone() {
    let now = Instant::now();
    let mut lifecycle = open(now);
    lifecycle.note_ping(*b"ping", now);
    lifecycle.note_written();
    let later = now + PONG - SECOND;
    assert_eq!(lifecycle.poll_timeout(false, later), Some(later + PONG));
    assert!(lifecycle.is_pinged());
}

/// The first end counts, and nothing is timed after it.
#[test]
fn what_is_given_up_stays_given_up() {
    let now = Instant::now();
    let mut lifecycle = open(now);
    lifecycle.give_up(Expired::Write);
    lifecycle.handle_eof();
    lifecycle.give_up(Expired::Pong);
    assert_eq!(lifecycle.ending(), Some(Ending::Timeout(Expired::Write)));
    assert_eq!(lifecycle.state(false), State::Closed);
    lifecycle.note_ping(*b"ping", now);
    lifecycle.note_received();
    assert!(!lifecycle.is_pinged());
    assert_eq!(lifecycle.poll_timeout(false, now), None);
    assert_eq!(lifecycle.handle_timeout(false, true, now + 100 * KEEP_ALIVE), None);
}

/// Silence until a ping, and then without an answer; for ever where one of them is.
#[test]
fn how_long_a_peer_may_stall() {
    let days = Duration::from_secs(50 * 24 * 60 * 60);
    for (keep_alive, pong, stall) in [
        (Some(KEEP_ALIVE), PONG, Some(KEEP_ALIVE + PONG)),
        (None, PONG, None),
        (Some(days), PONG, None),
        (Some(KEEP_ALIVE), days, None),
        // Rounded up to a millisecond.
        (Some(Duration::from_nanos(1)), Duration::ZERO, Some(Duration::from_millis(1))),
    ] {
        let now = Instant::now();
        let mut lifecycle = Lifecycle::new(Role::Server, &timeouts(keep_alive, pong), now);
        assert_eq!(lifecycle.stall_timeout(), stall, "{keep_alive:?} {pong:?}");
        let quiet = keep_alive.filter(|time| *time < days);
        let first = quiet.map(|time| now + time.max(Duration::from_millis(1)));
        assert_eq!(lifecycle.poll_timeout(false, now), first, "{keep_alive:?} {pong:?}");
    }
}

#[test]
fn what_did_not_come_in_time_names_its_section() {
    for (expired, has) in [
        (Expired::Pong, "nothing came back for a ping in time (RFC 6455 §5.5.2)"),
        (Expired::Write, "it does not read (RFC 6455 §5.5.2)"),
        (Expired::Close, "the closing handshake did not end in time (RFC 6455 §7.1.1)"),
    ] {
        assert!(expired.to_string().ends_with(has), "{expired}");
    }
}
