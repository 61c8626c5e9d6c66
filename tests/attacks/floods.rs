//! Too much of everything, and peers that never read.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::*;

const BOUND: i64 = 64 * KIB;

/// Long enough without a byte taken to say that the server has stopped reading.
const STALL: Duration = Duration::from_millis(500);

#[test]
fn s08_one_byte_at_a_time() {
    let mut arena = Arena::new();
    let len = scale(64 << 10, 8 << 10);
    let message = client_frame(FIN | BINARY, vec![5; len]);
    assert_growth(
        "S08 a message in writes of one byte, bytes",
        (64 << 10, 8 << 10),
        2 * BOUND,
        |arena, len| {
            let mut client = arena.open();
            let message = client_frame(FIN | BINARY, vec![5; len]);
            for byte in message.chunks(1) {
                client.send(byte);
            }
            assert_eq!(client.frame().unwrap().payload.len(), len);
            client
        },
    );
    assert_eq!(message.len(), len + header(FIN | BINARY, Some(KEY), len as u64).len());
    arena.unharmed();
}

#[test]
fn s08_a_thousand_connections_half_way() {
    let mut arena = Arena::new();
    let (held, piece) = (8 << 10, 1 << 10);
    let count = scale(1000, 200);
    let grown = growth(
        "S08 half-way messages of 8 KiB in 1 KiB writes, connections",
        (1000, 200),
        i64::MAX,
        |arena, count| {
            let mut clients: Vec<_> = (0..count)
                .map(|number| {
                    let mut client = arena.open();
                    // A whole frame that is to be 16 MiB long, or fragments without end.
                    if number % 2 == 0 {
                        client.send(&header(FIN | BINARY, Some(KEY), 16 << 20));
                    } else {
                        client.send(&client_frame(0x02, ""));
                    }
                    client
                })
                .collect();
            for _ in 0..held / piece {
                for (number, client) in clients.iter_mut().enumerate() {
                    let bytes = if number % 2 == 0 {
                        vec![0; piece]
                    } else {
                        client_frame(0, vec![0; piece])
                    };
                    client.send(&bytes);
                }
            }
            for client in &mut clients {
                client.send(&[]);
            }
            arena.open().echo("they have been read");
            clients
        },
    );
    let each = grown / count as i64;
    println!("S08: {each} bytes for each connection that holds {held}");
    assert!(each <= held as i64 * 2 + 4 * KIB, "{each} bytes each");
    arena.unharmed();
}

/// A peer that pings and never reads: the server either answers only the newest or stops reading.
#[test]
fn s09_pings_from_a_peer_that_never_reads() {
    let mut arena = Arena::new();
    let ping = client_frame(FIN | PING, [b'p'; 125]);
    assert_growth(
        "S09 pings from a peer that never reads, bytes",
        (256 << 20, 32 << 20),
        BOUND,
        |arena, total| {
            let mut client = Client::narrow(arena.port()).upgraded();
            let sent = client.send_while_taken(&ping, total, STALL);
            println!("S09: the server took {sent} of {total} bytes");
            client
        },
    );
    arena.unharmed();
}

/// The pongs that come when such a peer reads at last are whole, and the newest is among them.
#[test]
fn s09_the_newest_ping_is_answered() {
    let mut arena = Arena::new();
    let mut client = Client::narrow(arena.port()).upgraded();
    let count = scale(200_000, 20_000);
    let mut bytes = Vec::new();
    for number in 0..count as u32 {
        bytes.extend(client_frame(FIN | PING, number.to_be_bytes()));
    }
    client.send(&bytes);
    let mut last = None;
    loop {
        let pong = client.frame().expect("a pong");
        assert_eq!(pong.first(), FIN | PONG);
        let number = u32::from_be_bytes(pong.payload.try_into().unwrap());
        assert!(last < Some(number), "in order, none twice: {last:?}, {number}");
        last = Some(number);
        if number == count as u32 - 1 {
            break;
        }
    }
    client.echo("it lives");
    drop(client);
    arena.unharmed();
}

#[test]
fn s10_pongs_nobody_asked_for() {
    let mut arena = Arena::new();
    let pong = client_frame(FIN | PONG, "unasked");
    assert_growth("S10 unsolicited pongs", (10_000_000, 100_000), BOUND, |arena, count| {
        let mut client = arena.open();
        client.send_many(&pong, count);
        client.echo("none was answered");
        client
    });
    arena.unharmed();
}

#[test]
fn s10_data_behind_a_close_frame() {
    let mut arena = Arena::new();
    let late = client_frame(FIN | TEXT, "too late");
    assert_growth(
        "S10 messages behind a close frame",
        (1_000_000, 10_000),
        BOUND,
        |arena, count| {
            let mut client = arena.open();
            client.send(&client_close(1000, ""));
            client.send_many(&late, count);
            client.closed_with(1000);
        },
    );
    // Many close frames get one answer.
    let mut client = arena.open();
    client.send_many(&client_close(1000, "and another"), scale(100_000, 1000));
    client.closed_with(1000);
    arena.unharmed();
}

/// It was told to go, and sends for ever: the close deadline of 5 s ends it all the same, even if
/// the server never finds its receive buffer empty.
#[test]
fn s10_a_flood_behind_a_violation_is_ended_in_time() {
    let mut arena = Arena::around(hasty_server(&["--threads", "1"]));
    let mut clients: Vec<_> = (0..2).map(|_| arena.open()).collect();
    let start = Instant::now();
    thread::scope(|scope| {
        for client in &mut clients {
            client.send(&header(FIN | TEXT | 0x70, Some(KEY), 0));
            for _ in 0..2 {
                let mut stream = client.stream.try_clone().unwrap();
                scope.spawn(move || {
                    let junk = vec![0; 1 << 20];
                    let end = start + PATIENCE;
                    while Instant::now() < end && stream.write(&junk).is_ok() {}
                });
            }
        }
    });
    let took = start.elapsed();
    println!("S10: a flood behind a violation was ended after {took:?}");
    assert!(took > CLOSE_DEADLINE.mul_f64(0.8), "the peer is given time: {took:?}");
    assert!(took < CLOSE_DEADLINE + Duration::from_secs(3), "{took:?}");
    drop(clients);
    arena.unharmed();
}

#[test]
fn s11_echoes_for_a_peer_that_never_reads() {
    let mut arena = Arena::new();
    for len in [20, 1000, 100_000] {
        let message = client_frame(FIN | BINARY, vec![1; len]);
        let name = format!("S11 messages of {len} from a peer that never reads, bytes");
        // One read block of echoes above the 64 KiB at which reading stops, in a vector that doubles.
        assert_growth(&name, (128 << 20, 32 << 20), 200 * KIB, |arena, total| {
            let mut client = Client::narrow(arena.port()).upgraded();
            let sent = client.send_while_taken(&message, total, STALL);
            assert!(sent < total, "the server stops reading");
            client
        });
    }
    arena.unharmed();
}

/// Peers that send and read as fast as they can get the others' turns late, but not for long.
#[test]
fn s11_floods_do_not_starve_the_others() {
    let mut arena = Arena::new();
    let mut bystander = arena.open();
    let stop = AtomicBool::new(false);
    for (name, message) in [
        ("messages of 10 bytes", client_frame(FIN | TEXT, "0123456789")),
        ("empty fragments", client_frame(0x00, "")),
        ("pings", client_frame(FIN | PING, "")),
    ] {
        stop.store(false, Ordering::Relaxed);
        let many = message.repeat(20_000);
        let mut waits = Vec::new();
        thread::scope(|scope| {
            let _stop = StopOnDrop(&stop);
            for _ in 0..3 {
                let mut client = arena.open();
                let mut reading = client.stream.try_clone().unwrap();
                scope.spawn(move || {
                    let mut piece = vec![0; 1 << 18];
                    while matches!(reading.read(&mut piece), Ok(1..)) {}
                });
                let (stop, many) = (&stop, &many);
                scope.spawn(move || {
                    let (begin, end) = (client_frame(0x01, ""), client_frame(0x80, ""));
                    let begun = many[0] == 0x00;
                    while !stop.load(Ordering::Relaxed) {
                        let message = [
                            if begun { &begin[..] } else { &[] },
                            many,
                            if begun { &end[..] } else { &[] },
                        ];
                        if message.iter().any(|bytes| client.stream.write_all(bytes).is_err()) {
                            break;
                        }
                    }
                    let _ = client.stream.shutdown(Shutdown::Both);
                });
            }
            let start = Instant::now();
            let long = Duration::from_secs(if FULL { 3 } else { 1 });
            while start.elapsed() < long {
                let asked = Instant::now();
                bystander.echo("my turn?");
                waits.push(asked.elapsed());
                thread::sleep(Duration::from_millis(5));
            }
        });
        waits.sort();
        let (half, most) = (waits[waits.len() / 2], waits[waits.len() - 1]);
        println!(
            "S11: three floods of {name}: {} others, half within {half:?}, all within {most:?}",
            waits.len()
        );
        assert!(
            most < if FULL { Duration::from_millis(250) } else { Duration::from_secs(10) },
            "{most:?}"
        );
    }
    drop(bystander);
    arena.unharmed();
}

#[test]
fn s11_many_peers_that_never_read() {
    let mut arena = Arena::new();
    let message = client_frame(FIN | BINARY, vec![1; 1000]);
    let count = scale(200, 20);
    let grown = growth("S11 peers that never read", (200, 20), i64::MAX, |arena, count| {
        let clients: Vec<_> = (0..count)
            .map(|_| {
                let mut client = Client::narrow(arena.port()).upgraded();
                client.send_while_taken(&message, 8 << 20, Duration::from_millis(20));
                client
            })
            .collect();
        arena.open().echo("they have been read");
        clients
    });
    let each = grown / count as i64;
    println!("S11: {} KiB for each peer that never reads", each / KIB);
    assert!(each <= 160 * KIB, "{each} bytes each");
    arena.unharmed();
}
