//! Ends of every kind: resets, half-closes, silence, signals.

use std::io::Write;
use std::net::Shutdown;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::*;

const STALL: Duration = Duration::from_millis(100);

/// What a connection says until it ends, for cutting anywhere.
fn conversation() -> Vec<u8> {
    [
        request(""),
        client_frame(FIN | TEXT, "hello"),
        client_frame(0x01, "half"),
        client_frame(FIN | PING, "ping"),
        client_frame(0x80, "way"),
        header(FIN | BINARY, Some(KEY), 300),
        vec![0; 300],
        client_close(1000, "bye"),
    ]
    .concat()
}

#[test]
fn s28_a_reset_at_every_byte() {
    let mut arena = Arena::with_threads(2);
    let bytes = conversation();
    let before = arena.server.cpu();
    let start = Instant::now();
    for end in 0..=bytes.len() {
        let mut client = Client::abrupt(arena.port());
        client.send(&bytes[..end]);
    }
    let took = arena.unharmed();
    println!(
        "S28: {} resets in {:?}, {:?} of processor time, the last file descriptor back after {took:?}",
        bytes.len() + 1,
        start.elapsed(),
        arena.server.cpu() - before
    );
    assert!(took < Duration::from_millis(if FULL { 100 } else { 1000 }), "{took:?}");
}

#[test]
fn s28_an_end_at_every_byte() {
    let mut arena = Arena::with_threads(2);
    let bytes = conversation();
    for end in 0..=bytes.len() {
        let mut client = Client::tcp(arena.port());
        client.send(&bytes[..end]);
        client.stream.shutdown(Shutdown::Write).unwrap();
        assert!(client.is_over_within(Duration::from_secs(2)), "not ended, cut at {end}");
    }
    let took = arena.unharmed();
    assert!(took < Duration::from_millis(if FULL { 100 } else { 1000 }), "{took:?}");
}

#[test]
fn s28_a_reset_with_an_answer_on_its_way() {
    let mut arena = Arena::with_threads(2);
    for _ in 0..scale(2000, 200) {
        let mut client = Client::abrupt(arena.port());
        client.send(&[request(""), client_frame(FIN | BINARY, vec![0; 10_000])].concat());
    }
    let mut client = Client::abrupt(arena.port()).upgraded();
    let sent = client.send_while_taken(&client_frame(FIN | BINARY, vec![0; 1000]), 64 << 20, STALL);
    assert!(sent < 64 << 20);
    drop(client);
    let took = arena.unharmed();
    assert!(took < Duration::from_millis(1000), "{took:?}");
}

/// Brings a connection into some state.
type Enter = fn(u16) -> Client;

/// Every state in which a peer may leave the server waiting.
const STATES: [(&str, Enter); 22] = [
    ("nothing sent", |port| Client::tcp(port)),
    ("half a request", |port| {
        let mut client = Client::tcp(port);
        client.send(&request("")[..50]);
        client
    }),
    ("half a request and a half-close", |port| {
        let mut client = Client::tcp(port);
        client.send(&request("")[..50]);
        client.stream.shutdown(Shutdown::Write).unwrap();
        client
    }),
    ("a page, not taken leave of", |port| {
        let mut client = Client::tcp(port);
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.head();
        client
    }),
    ("refused, with more coming", |port| {
        let mut client = Client::tcp(port);
        client.send(b"GET / HTTP/1.1\nHost: localhost\r\n\r\n");
        client.head();
        client.send(&[0; 50_000]);
        client
    }),
    ("refused for an endless head", |port| {
        let mut client = Client::tcp(port);
        client.send_while_taken(b"GET / HTTP/1.1\r\nX: aaa", 600 << 10, STALL);
        client
    }),
    ("open", Client::open),
    ("half-closed", |port| {
        let client = Client::open(port);
        client.stream.shutdown(Shutdown::Write).unwrap();
        client
    }),
    ("half a header", |port| {
        let mut client = Client::open(port);
        client.send(&header(FIN | TEXT, Some(KEY), 70_000)[..5]);
        client
    }),
    ("half a ping", |port| {
        let mut client = Client::open(port);
        client.send(&client_frame(FIN | PING, "half of it")[..10]);
        client
    }),
    ("half a message", |port| {
        let mut client = Client::open(port);
        client.send(&[header(FIN | BINARY, Some(KEY), 1 << 20), vec![0; 300_000]].concat());
        client
    }),
    ("half a message, half-closed", |port| {
        let mut client = Client::open(port);
        client.send(&[header(FIN | BINARY, Some(KEY), 1 << 20), vec![0; 300_000]].concat());
        client.stream.shutdown(Shutdown::Write).unwrap();
        client
    }),
    ("echoes not read", full),
    ("echoes not read, half-closed", |port| {
        let client = full(port);
        client.stream.shutdown(Shutdown::Write).unwrap();
        client
    }),
    ("one large echo not read", |port| {
        let mut client = Client::narrow(port).upgraded();
        client.send(&client_frame(FIN | BINARY, vec![0; 16 << 20]));
        client
    }),
    ("one large echo not read, then pings", |port| {
        let mut client = Client::narrow(port).upgraded();
        client.send(&client_frame(FIN | BINARY, vec![0; 16 << 20]));
        client.send_while_taken(&client_frame(FIN | PING, [0; 125]), 1 << 20, STALL);
        client
    }),
    ("pongs not read", |port| {
        let mut client = Client::narrow(port).upgraded();
        client.send_while_taken(&client_frame(FIN | PING, [0; 125]), 8 << 20, STALL);
        client
    }),
    ("pongs not read, then a message", |port| {
        let mut client = Client::narrow(port).upgraded();
        client.send_while_taken(&client_frame(FIN | PING, [0; 125]), 8 << 20, STALL);
        client.send(&client_frame(FIN | TEXT, "and a message"));
        client
    }),
    ("told of a violation, not taken leave of", |port| {
        let mut client = Client::open(port);
        client.send(&client_frame(FIN | TEXT, b"\xFF"));
        client.close_frame();
        client
    }),
    ("a violation behind pongs not read", |port| {
        let mut client = Client::narrow(port).upgraded();
        client.send_while_taken(&client_frame(FIN | PING, [0; 125]), 8 << 20, STALL);
        client.send(&client_frame(FIN | TEXT, b"\xFF"));
        client
    }),
    ("closed, not taken leave of", |port| {
        let mut client = Client::open(port);
        client.send(&client_close(1000, ""));
        client.close_frame();
        client
    }),
    ("a close behind pongs not read, half-closed", |port| {
        let mut client = Client::narrow(port).upgraded();
        client.send_while_taken(&client_frame(FIN | PING, [0; 125]), 8 << 20, STALL);
        client.send(&client_close(1000, ""));
        client.stream.shutdown(Shutdown::Write).unwrap();
        client
    }),
];

/// Reads no echo: the server stops reading.
fn full(port: u16) -> Client {
    let mut client = Client::narrow(port).upgraded();
    let sent = client.send_while_taken(&client_frame(FIN | BINARY, vec![0; 1000]), 64 << 20, STALL);
    assert!(sent < 64 << 20);
    client
}

/// No state makes the server spin or wake again and again; whatever it was, a reset frees it.
#[test]
fn s28_silence_costs_nothing_in_any_state() {
    // Each state in a process of its own, all waiting at the same time.
    let enter = |enter: Enter| {
        let arena = Arena::cold();
        let clients: Vec<_> = (0..5).map(|_| enter(arena.port())).collect();
        (arena, clients)
    };
    let entering = STATES.map(|(name, state)| (name, thread::spawn(move || enter(state))));
    let mut cases = entering.map(|(name, entering)| (name, entering.join().expect(name)));
    // The silence that is measured.
    thread::sleep(Duration::from_millis(300));
    let before = cases.each_ref().map(|(_, (arena, _))| arena.server.cpu());
    let silence = Duration::from_secs(2);
    thread::sleep(silence);
    for ((name, (arena, _)), before) in cases.iter().zip(before) {
        let took = arena.server.cpu() - before;
        println!("S28: {took:?} of processor time in {silence:?}: {name}");
        assert!(took < silence / 100, "{took:?}: {name}");
    }
    for (name, (arena, clients)) in &mut cases {
        clients.clear();
        let took = arena.unharmed();
        assert!(took < Duration::from_secs(1), "{took:?}: {name}");
    }
}

/// A violation at the front of a full read block: the close frame must not be overtaken by a reset.
#[test]
fn s28_a_violation_with_much_behind_it_is_told() {
    let mut arena = Arena::new();
    for len in [10, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 512 << 10, 1 << 20] {
        let mut client = arena.open();
        // By this the kernel learns to give it a large receive buffer.
        client.send_many(&client_frame(FIN | PONG, [0; 125]), scale(200_000, 40_000));
        client.echo("open");
        // Stopped, so that all of it lies there at the first read.
        arena.server.signal("STOP");
        let mut stream = client.stream.try_clone().unwrap();
        let writer = thread::spawn(move || stream.write_all(&vec![0xFF; len]));
        thread::sleep(Duration::from_millis(50));
        arena.server.signal("CONT");
        let close = client.close_frame();
        assert_eq!(close.code(), 1002, "{len} bytes");
        writer.join().unwrap().unwrap_or_else(|error| panic!("{len} bytes: {error}"));
        // It goes on reading until we are done: closing early would be a reset.
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(20));
            let sent = client.stream.write(&[0xFF; 10]);
            assert!(sent.is_ok(), "{len} bytes: {sent:?}");
        }
        client.ends();
    }
    arena.unharmed();
}

/// §7.1.1: a peer that answers no close frame, or goes on sending, is given the deadline of a close.
#[test]
fn s35_peers_that_never_end_tcp() {
    let mut arena = Arena::around(hasty_server(&["--threads", "1"]));
    let start = Instant::now();
    let mut silent = arena.open();
    silent.send(&client_frame(FIN | TEXT, b"\xFF"));
    let mut polite = arena.open();
    polite.send(&client_close(1000, ""));
    let mut narrow = full(arena.port());
    narrow.send_while_taken(&[0xFF], 1, STALL);
    let mut chatty = arena.open();
    chatty.send(&client_frame(FIN | TEXT, b"\xFF"));
    loop {
        thread::sleep(Duration::from_millis(20));
        if chatty.stream.write_all(&client_frame(FIN | TEXT, "still here")).is_err()
            || start.elapsed() > PATIENCE
        {
            break;
        }
    }
    let took = start.elapsed();
    let least = CLOSE_DEADLINE.mul_f64(0.8);
    assert!(took > least && took < CLOSE_DEADLINE + Duration::from_secs(3), "{took:?}");
    assert_eq!(silent.close_frame().code(), 1007);
    assert_eq!(polite.close_frame().code(), 1000);
    for mut client in [silent, polite] {
        assert!(client.is_over_within(Duration::from_secs(1)));
    }
    drop(narrow);
    arena.unharmed();
}

/// The keep-alive: a silent peer is pinged after 20 s, and given up 20 s later if nothing comes.
/// Takes 41 s, so only in release.
#[cfg(not(debug_assertions))]
#[test]
fn s34_a_peer_that_answers_no_ping_is_given_up() {
    let mut arena = Arena::new();
    let start = Instant::now();
    let long = Some(Duration::from_secs(30));
    let mut silent = arena.open();
    let mut half = arena.open();
    half.send(&client_frame(0x01, b"\xF0\x9F"));
    let mut stuck = full(arena.port());
    let mut answering = arena.open();
    let mut payload = Vec::new();
    for client in [&mut silent, &mut half, &mut answering] {
        client.stream.set_read_timeout(long).unwrap();
        let ping = client.frame().unwrap();
        assert_eq!((ping.first(), ping.key), (FIN | PING, None));
        // So that nobody can answer it before it comes.
        assert_eq!(ping.payload.len(), 4);
        payload = ping.payload;
        assert_eq!(start.elapsed().as_secs(), 20);
    }
    answering.send(&client_frame(FIN | PONG, payload));
    // The bystanders answer.
    arena.unharmed_but(4);
    for client in [&mut silent, &mut half] {
        assert_eq!(client.close_frame().code(), 1011);
        assert!(client.is_over_within(Duration::from_secs(1)));
        assert_eq!(start.elapsed().as_secs(), 40);
    }
    // Nor does one that takes no bytes stay for ever.
    stuck.stream.set_write_timeout(Some(STALL)).unwrap();
    until("the end of a stuck peer", || {
        stuck
            .stream
            .write(&[0; 1 << 16])
            .is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
    });
    assert!(start.elapsed() < Duration::from_secs(45), "{:?}", start.elapsed());
    assert_eq!(answering.frame().unwrap().first(), FIN | PING, "who answers is pinged again");
    drop((silent, half, stuck, answering));
    arena.unharmed();
}

/// S36: without file descriptors the server pauses, does not spin, and recovers.
#[test]
fn s36_out_of_file_descriptors() {
    let mut server = Server::spawn(Command::new("sh").args([
        "-c",
        &format!("ulimit -n 64; exec {} 0 --threads 2", env!("CARGO_BIN_EXE_echo-server")),
    ]));
    let mut bystander = Client::open(server.port);
    let crowd: Vec<_> = (0..200).map(|_| Client::tcp(server.port)).collect();
    until("all file descriptors to be taken", || server.fds() >= 64);
    let before = server.cpu();
    thread::sleep(Duration::from_secs(1));
    let took = server.cpu() - before;
    println!("S36: {took:?} of processor time in 1 s without file descriptors");
    assert!(took < Duration::from_millis(20), "{took:?}");
    bystander.echo("unimpressed");
    drop(crowd);
    Client::open(server.port).echo("and it recovers");
    server.assert_alive();
}

#[test]
fn s36_connections_by_the_thousand() {
    let mut arena = Arena::with_threads(2);
    let grown =
        growth("S36 connections opened and closed", (5000, 500), i64::MAX, |arena, count| {
            for number in 0..count {
                match number % 4 {
                    0 => drop(Client::tcp(arena.port())),
                    1 => drop(Client::abrupt(arena.port())),
                    2 => drop(arena.open()),
                    _ => {
                        let mut client = arena.open();
                        client.send(&client_close(1000, ""));
                        client.closed_with(1000);
                    }
                }
            }
        });
    assert!(grown < 512 * KIB, "{grown}");
    arena.unharmed();
}
