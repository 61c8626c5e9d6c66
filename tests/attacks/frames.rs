//! Frames that lie, or that must not be.

use std::time::Duration;

use crate::harness::*;

/// One message of the server's: 16 MiB at most.
const LIMIT: u64 = 16 << 20;

/// What a connection may cost in resident memory beyond what its peer sent.
const BOUND: i64 = 64 * KIB;

/// Sends `bytes` on a connection of its own, expects this close code and a clean end.
#[track_caller]
fn refused(arena: &Arena, bytes: &[u8], code: u16) {
    let mut client = arena.open();
    client.send(bytes);
    client.closed_with(code);
}

/// The processor time that the server takes for each of `count` runs.
fn cpu_each(arena: &Arena, count: u32, mut run: impl FnMut()) -> Duration {
    let before = arena.server.cpu();
    (0..count).for_each(|_| run());
    (arena.server.cpu() - before) / count
}

#[test]
fn s01_a_declared_length_costs_nothing() {
    let mut arena = Arena::new();
    let lengths = [1 << 30, 1 << 31, 1 << 32, (1 << 32) + 5, i64::MAX as u64];
    for first in [FIN | TEXT, FIN | BINARY, TEXT, BINARY] {
        for len in lengths {
            let mut client = arena.open();
            client.send(&header(first, Some(KEY), len));
            client.send(b"0123456789");
            client.closed_with(1009);
        }
    }
    // The header alone is enough: not one byte of payload is waited for.
    refused(&arena, &header(FIN | BINARY, Some(KEY), LIMIT + 1), 1009);
    let mut client = arena.open();
    client.send(&header(FIN | BINARY, Some(KEY), LIMIT));
    client.send(&[0; 10]);
    assert!(!client.is_over_within(Duration::from_millis(200)), "the limit itself is allowed");
    drop(client);

    assert_growth("S01 declared length 2^63-1, times", (1000, 20), BOUND, |arena, count| {
        for _ in 0..count {
            let mut client = arena.open();
            client.send(
                &[header(FIN | BINARY, Some(KEY), i64::MAX as u64), b"0123456789".to_vec()]
                    .concat(),
            );
            client.closed_with(1009);
        }
    });
    // One that stays within the limit is not believed either.
    assert_growth(
        "S01 declared length 16 MiB, 10 bytes sent, peers",
        (20, 5),
        20 * 8 * KIB,
        |arena, count| {
            let peers: Vec<_> = (0..count)
                .map(|_| {
                    let mut client = arena.open();
                    client.send(
                        &[header(FIN | BINARY, Some(KEY), LIMIT), b"0123456789".to_vec()].concat(),
                    );
                    client
                })
                .collect();
            arena.open().echo("they have been read");
            peers
        },
    );
    arena.unharmed();
}

#[test]
fn s02_a_length_with_its_highest_bit_set() {
    let mut arena = Arena::new();
    for len in [1 << 63, u64::MAX] {
        for first in [FIN | TEXT, FIN | BINARY, 0x02, 0x80] {
            refused(&arena, &header_with(first, Some(KEY), 127, &len.to_be_bytes()), 1002);
        }
    }
    assert_growth("S02 length 2^64-1, times", (1000, 20), BOUND, |arena, count| {
        for _ in 0..count {
            refused(arena, &header_with(FIN | BINARY, Some(KEY), 127, &[0xFF; 8]), 1002);
        }
    });
    let each = cpu_each(&arena, 50, || {
        refused(&arena, &header_with(FIN | BINARY, Some(KEY), 127, &[0xFF; 8]), 1002);
    });
    println!("S02: {each:?} of processor time for a whole connection");
    assert!(each < if FULL { Duration::from_millis(1) } else { Duration::from_millis(10) });
    arena.unharmed();
}

#[test]
fn s03_lengths_not_in_their_shortest_form() {
    let mut arena = Arena::new();
    for first in [FIN | TEXT, FIN | BINARY] {
        for len in [0_u16, 5, 125] {
            refused(&arena, &header_with(first, Some(KEY), 126, &len.to_be_bytes()), 1002);
        }
        for len in [0_u64, 5, 125, 126, 65535] {
            refused(&arena, &header_with(first, Some(KEY), 127, &len.to_be_bytes()), 1002);
        }
    }
    arena.unharmed();
}

#[test]
fn s04_lengths_that_overflow_in_sum() {
    let mut arena = Arena::new();
    let near = [header(0x02, Some(KEY), LIMIT - 1), vec![0; LIMIT as usize - 1]].concat();
    for (len, code) in [(i64::MAX as u64, 1009), (2, 1009), (u64::MAX, 1002), (1 << 63, 1002)] {
        let mut client = arena.open();
        client.send(&near);
        client.send(&header_with(0x80, Some(KEY), 127, &len.to_be_bytes()));
        // 2 is not in its shortest form this way, which is found first.
        client.closed_with(if len == 2 { 1002 } else { code });
    }
    // Sums that wrap 64 and 32 bits.
    for lens in [[1, u64::MAX >> 1], [5, (1 << 32) - 5], [1 << 20, (1 << 32) - (1 << 20)]] {
        let mut client = arena.open();
        client.send(&header(0x02, Some(KEY), lens[0]));
        client.send(&vec![0; lens[0] as usize]);
        client.send(&header(0x80, Some(KEY), lens[1]));
        client.closed_with(1009);
    }
    let mut client = arena.open();
    client.send(&near);
    client.send(&client_frame(0x80, "ab"));
    client.closed_with(1009);
    let mut client = arena.open();
    client.send(&near);
    client.send(&client_frame(0x80, "a"));
    assert_eq!(client.frame().expect("the limit itself passes").payload.len() as u64, LIMIT);
    drop(client);
    arena.unharmed();
}

#[test]
fn s05_tiny_fragments_are_counted() {
    let mut arena = Arena::new();
    assert_growth(
        "S05 one-byte fragments without end",
        (4_000_000, 150_000),
        // At the cap of 131,072 fragments the payload is 128 KiB, in a vector that doubles.
        256 * KIB + BOUND,
        |arena, count| {
            let mut client = arena.open();
            client.send(&client_frame(0x01, "a"));
            client.send_many(&client_frame(0x00, "b"), count);
            let close = client.close_frame();
            assert_eq!(close.code(), 1008);
            client
        },
    );
    // Below the cap they are a message like any other.
    let mut client = arena.open();
    client.send(&client_frame(0x01, "a"));
    client.send_many(&client_frame(0x00, "b"), 100_000);
    client.send(&client_frame(0x80, "c"));
    assert_eq!(client.frame().unwrap().payload.len(), 100_002);
    drop(client);
    arena.unharmed();
}

#[test]
fn s06_empty_fragments_are_counted() {
    let mut arena = Arena::new();
    assert_growth(
        "S06 empty fragments without end",
        (10_000_000, 150_000),
        BOUND,
        |arena, count| {
            let mut client = arena.open();
            client.send(&client_frame(0x01, ""));
            client.send_many(&client_frame(0x00, ""), count);
            assert_eq!(client.close_frame().code(), 1008);
            client
        },
    );
    // What a message's worth of them costs, and that the count starts anew with each message.
    let mut client = arena.open();
    let (messages, fragments) = (scale(100, 5), 100_000);
    let before = arena.server.cpu();
    for _ in 0..messages {
        client.send(&client_frame(0x01, ""));
        client.send_many(&client_frame(0x00, ""), fragments);
        client.send(&client_frame(0x80, ""));
        assert_eq!(
            client.frame().unwrap(),
            Frame { fin: true, rsv: 0, opcode: TEXT, key: None, payload: vec![] }
        );
    }
    let each = (arena.server.cpu() - before) / (messages * fragments) as u32;
    println!("S06: {each:?} of processor time for each empty fragment, system calls included");
    // S06 allows 30 ns without them; an object or an allocation for each would take some hundred.
    assert!(each < if FULL { Duration::from_nanos(200) } else { Duration::from_micros(5) });
    drop(client);
    arena.unharmed();
}

#[test]
fn s07_continuations_without_end() {
    let mut arena = Arena::new();
    let piece = client_frame(0x00, vec![0; 1 << 20]);
    assert_growth(
        "S07 continuations of 1 MiB without end",
        (64, 18),
        // The message at its limit, in a vector that doubles, with untouched pages not resident;
        // and one read block.
        LIMIT as i64 + 512 * KIB,
        |arena, count| {
            let mut client = arena.open();
            client.send(&client_frame(0x02, ""));
            for _ in 0..count {
                client.send(&piece);
            }
            assert_eq!(client.close_frame().code(), 1009);
            client
        },
    );
    arena.unharmed();
}

#[test]
fn s16_reserved_bits_and_opcodes() {
    let mut arena = Arena::new();
    let huge = (1_u64 << 40).to_be_bytes();
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        for fin in [0x00, 0x80] {
            refused(&arena, &header_with(fin | opcode, Some(KEY), 127, &huge), 1002);
            refused(&arena, &header(fin | opcode, Some(KEY), 0), 1002);
        }
    }
    for rsv in [0x40, 0x20, 0x10, 0x70] {
        for first in [FIN | TEXT, FIN | BINARY, FIN | PING, FIN | PONG, FIN | CLOSE] {
            refused(&arena, &client_frame(first | rsv, ""), 1002);
        }
        refused(&arena, &header_with(FIN | TEXT | rsv, Some(KEY), 127, &huge), 1002);
        let mut client = arena.open();
        client.send(&client_frame(0x01, "a"));
        client.send(&client_frame(0x80 | rsv, "b"));
        client.closed_with(1002);
    }
    assert_growth(
        "S16 unknown opcode with length 2^40, times",
        (1000, 20),
        BOUND,
        |arena, count| {
            for _ in 0..count {
                refused(arena, &header_with(0x8B, Some(KEY), 127, &huge), 1002);
            }
        },
    );
    arena.unharmed();
}

#[test]
fn s17_control_frames() {
    let mut arena = Arena::new();
    for first in [FIN | PING, FIN | PONG, FIN | CLOSE] {
        refused(&arena, &header(first, Some(KEY), 126), 1002);
        refused(&arena, &header_with(first, Some(KEY), 127, &(1_u64 << 40).to_be_bytes()), 1002);
        refused(&arena, &client_frame(first & 0x7F, ""), 1002);
    }
    refused(&arena, &client_frame(FIN | CLOSE, [3]), 1002);
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        refused(&arena, &client_close(code, ""), 1002);
    }
    for reason in [&b"\xFF"[..], b"\xC3", b"\xED\xA0\x80", b"ok \xC0\xAF"] {
        refused(
            &arena,
            &client_frame(FIN | CLOSE, [&1000_u16.to_be_bytes(), reason].concat()),
            1007,
        );
    }
    for code in [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999] {
        let mut client = arena.open();
        client.send(&client_close(code, "so long"));
        client.closed_with(code);
    }
    let mut client = arena.open();
    client.send(&client_frame(FIN | CLOSE, ""));
    assert_eq!(client.close_frame().payload, b"", "a close without a code is answered in kind");
    client.ends();

    // A ping between fragments is answered at once, before the message ends.
    let mut client = arena.open();
    client.send(&client_frame(0x01, "a"));
    client.send(&client_frame(FIN | PING, "now"));
    let pong = client.frame().unwrap();
    assert_eq!((pong.first(), &*pong.payload), (FIN | PONG, &b"now"[..]));
    client.send(&client_frame(FIN | PING, [7; 125]));
    assert_eq!(client.frame().unwrap().payload, [7; 125]);
    client.send(&client_frame(0x80, "b"));
    assert_eq!(client.frame().unwrap().payload, b"ab");
    drop(client);
    arena.unharmed();
}

#[test]
fn s18_text_that_is_not_utf8() {
    let mut arena = Arena::new();
    let bad: [&[u8]; 9] = [
        b"\xFF",
        b"\xC0\xAF",
        b"\xE0\x80\xAF",
        b"\xED\xA0\x80",
        b"\xED\xBF\xBF",
        b"\xF0\x80\x80\xAF",
        b"\xF4\x90\x80\x80",
        b"\xF8\x88\x80\x80\x80",
        b"\x80",
    ];
    for bytes in bad {
        refused(&arena, &client_frame(FIN | TEXT, bytes), 1007);
        // At the first hopeless byte, with neither FIN nor the rest of the frame.
        refused(
            &arena,
            &[header(0x01, Some(KEY), 1 << 20), client_frame(0, bytes)[6..].to_vec()].concat(),
            1007,
        );
        let hopeless = match bytes[0] {
            0xE0 | 0xED | 0xF0 | 0xF4 => 2,
            _ => 1,
        };
        let mut client = arena.open();
        client.send(&client_frame(0x01, "가"));
        for &byte in &bytes[..hopeless] {
            client.send(&client_frame(0x00, [byte]));
        }
        client.closed_with(1007);
    }
    // Cut short by the end of the message.
    for bytes in [&b"\xC3"[..], b"\xE2\x82", b"\xF0\x9F\x98"] {
        refused(&arena, &client_frame(FIN | TEXT, bytes), 1007);
        refused(&arena, &[client_frame(0x01, bytes), client_frame(0x80, "")].concat(), 1007);
    }
    // Bad at byte k of a long text in one-byte frames.
    let len = scale(100_000, 10_000);
    for k in [0, 1, len / 2, len - 1] {
        let mut client = arena.open();
        client.send(&client_frame(0x01, ""));
        client.send_many(&client_frame(0x00, "a"), k);
        client.send(&client_frame(0x00, b"\xFF"));
        client.closed_with(1007);
    }
    // Half a character and silence: the others notice nothing, and it may yet be finished.
    let mut client = arena.open();
    client.send(&client_frame(0x01, b"\xF0\x9F"));
    arena.unharmed_but(1);
    client.send(&client_frame(0x80, b"\x98\x80"));
    assert_eq!(client.frame().unwrap().payload, "😀".as_bytes());
    drop(client);
    arena.unharmed();
}

#[test]
fn s19_what_comes_from_a_client_is_masked() {
    let mut arena = Arena::new();
    for first in [FIN | TEXT, FIN | BINARY, FIN | PING, FIN | PONG, FIN | CLOSE] {
        refused(&arena, &server_frame(first, ""), 1002);
        refused(&arena, &server_frame(first, "unmasked"), 1002);
    }
    refused(&arena, &server_frame(0x02, vec![0; 70_000])[..10], 1002);
    let mut client = arena.open();
    client.send(&[&[FIN | TEXT, 0x85, 0, 0, 0, 0][..], b"plain"].concat());
    assert_eq!(client.frame().unwrap().payload, b"plain", "a key of zeros is a key");
    client.send(&client_frame(FIN | TEXT, "masked"));
    let echo = client.frame().unwrap();
    assert_eq!((echo.key, &*echo.payload), (None, &b"masked"[..]));
    drop(client);
    arena.unharmed();
}
