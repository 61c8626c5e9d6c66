//! Compression as a weapon: bombs, and memory for each connection.

use std::time::{Duration, Instant};

use zlib_rs::{Deflate, DeflateFlush};

use crate::harness::*;

/// FIN, RSV1 and the opcode.
const COMPRESSED: u8 = 0xC0;

/// How a message of `total` zeros goes over the wire (RFC 7692 §7.2.1).
fn zeros(total: usize) -> Vec<u8> {
    let mut engine = Deflate::new(9, false, 15);
    let (piece, mut wire) = (vec![0; 1 << 20], Vec::new());
    let mut room = vec![0; 64 << 10];
    let mut left = total;
    while left > 0 {
        let len = left.min(piece.len());
        left -= len;
        let flush = if left == 0 { DeflateFlush::SyncFlush } else { DeflateFlush::NoFlush };
        let before = engine.total_out();
        engine.compress(&piece[..len], &mut room, flush).unwrap();
        wire.extend_from_slice(&room[..(engine.total_out() - before) as usize]);
    }
    assert!(wire.ends_with(&[0, 0, 0xFF, 0xFF]));
    wire.truncate(wire.len() - 4);
    wire
}

/// What the peer does with the bytes of a bomb.
type Throw = fn(&[u8]) -> Vec<u8>;

/// 1 GiB of zeros in one message, against a limit of 1 MiB.
#[test]
fn s12_a_gigabyte_in_a_megabyte() {
    let bomb = zeros(scale(1 << 30, 64 << 20));
    let ways: [(&str, Throw); 2] = [
        ("one frame", |bomb| client_frame(COMPRESSED | 2, bomb)),
        ("1,000 fragments", |bomb| {
            let mut parts = bomb.chunks(bomb.len().div_ceil(1000)).map(<[u8]>::to_vec);
            let mut bytes = client_frame(0x42, parts.next().unwrap());
            parts.for_each(|part| bytes.extend(client_frame(0, part)));
            bytes
        }),
    ];
    for (way, throw) in ways {
        let bytes = throw(&bomb);
        let mut tries = Vec::new();
        while tries.len() < 3 && tries.last().is_none_or(|&(grown, _)| grown > MIB + 256 * KIB) {
            let mut server = echo_server_with(&["--threads", "1", "--max-message", "1048576"]);
            // Warm: a message of the largest size, compressed, there and back.
            let (mut warm, mut client) = (Client::tcp(server.port), Client::tcp(server.port));
            for client in [&mut warm, &mut client] {
                let answer = client.upgrade("Sec-WebSocket-Extensions: permessage-deflate\r\n");
                assert!(answer.contains("permessage-deflate"), "{answer}");
            }
            warm.send(&client_frame(COMPRESSED | 2, zeros(1000)));
            assert_eq!(warm.frame().unwrap().first(), COMPRESSED | 2);

            server.forget_peak();
            let (before, cpu) = (server.rss().max(server.peak()), server.cpu());
            // It may have had enough before all of it is sent.
            client.send_while_taken(&bytes, bytes.len(), Duration::from_secs(5));
            assert_eq!(client.close_frame().code(), 1009);
            let (grown, cpu) = (server.peak() - before, server.cpu() - cpu);
            tries.push((grown, cpu));
            warm.send(&client_frame(COMPRESSED | 2, zeros(1000)));
            assert_eq!(warm.frame().unwrap().first(), COMPRESSED | 2, "the others go on");
            server.assert_alive();
        }
        let (grown, cpu) = tries.into_iter().min().unwrap();
        println!("S12 {} bytes in {way}: +{} KiB, {cpu:?} of CPU", bomb.len(), grown / KIB);
        assert!(grown < MIB + 256 * KIB, "grew by {grown}");
        assert!(cpu < Duration::from_millis(if FULL { 50 } else { 500 }), "{cpu:?}");
    }
}

/// What a connection costs that has echoed a compressed message and now is idle, in every mode.
#[test]
fn s37_memory_of_idle_connections() {
    // Nobody else's message: letters in an order of their own, so that the window is used.
    let text: String = (0..300u32).map(|n| format!("{:x} ", n.wrapping_mul(0x9E37_79B9))).collect();
    let mut engine = Deflate::new(6, false, 9);
    let mut wire = vec![0; 2 * text.len()];
    engine.compress(text.as_bytes(), &mut wire, DeflateFlush::SyncFlush).unwrap();
    wire.truncate(engine.total_out() as usize - 4);
    let message = client_frame(COMPRESSED | 1, wire);

    let count = scale(10_000, 200);
    for (mode, most) in [
        ("off", 2 * KIB),
        ("shared", 2 * KIB),
        ("window=9", 4 * KIB),
        ("window=12", 12 * KIB),
        ("full", 360 * KIB),
    ] {
        let server = echo_server_with(&["--threads", "1", "--compression", mode]);
        let open = || {
            let mut client = Client::tcp(server.port);
            let offer = "permessage-deflate; client_max_window_bits";
            let answer = client.upgrade(&format!("Sec-WebSocket-Extensions: {offer}\r\n"));
            assert_eq!(answer.contains("permessage-deflate"), mode != "off", "{answer}");
            if mode == "off" {
                client.send(&client_frame(FIN | TEXT, &text));
            } else {
                client.send(&message);
            }
            let echo = client.frame().unwrap();
            assert_eq!(echo.first(), if mode == "off" { FIN | TEXT } else { COMPRESSED | 1 });
            client
        };
        let warm: Vec<_> = (0..20).map(|_| open()).collect();
        let before = server.rss();
        let start = Instant::now();
        let clients: Vec<_> = (0..count).map(|_| open()).collect();
        let each = (server.rss() - before) / count as i64;
        println!("S37 {mode}: {each} bytes for each of {count} ({:.1?})", start.elapsed());
        // A few connections share the noise of the allocator among fewer.
        assert!(each <= most * if FULL { 1 } else { 3 }, "{mode}: {each}");
        drop((warm, clients));
    }
}
