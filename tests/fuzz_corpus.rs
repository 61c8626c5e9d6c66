//! The fuzz targets on stable Rust: each body over the seeds in `fuzz/corpus/TARGET`, whole and cut
//! short everywhere. The seeds are written here too:
//! `cargo test --test fuzz_corpus -- --ignored write_the_seeds`.

#[path = "support/scripted.rs"]
mod scripted;
mod support;

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;

use std::fs;
use std::path::PathBuf;

use support::*;

fn corpus(target: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fuzz", "corpus", target].iter().collect()
}

#[test]
fn every_body_over_its_seeds() {
    for (target, body) in bodies::BODIES {
        let seeds: Vec<_> = fs::read_dir(corpus(target)).unwrap().collect();
        assert!(seeds.len() > 4, "{target} has {} seeds", seeds.len());
        for seed in seeds {
            let data = fs::read(seed.unwrap().path()).unwrap();
            body(&data);
            for len in 0..data.len().min(300) {
                body(&data[..len]);
            }
        }
    }
}

/// Streams that mean something, by name; as a server sends them.
fn streams() -> Vec<(&'static str, Vec<u8>)> {
    let long = vec![b'*'; 300];
    let pings = bytes![0x89, 100, vec![b'?'; 100]].repeat(30);
    vec![
        ("nothing", bytes![]),
        ("text", bytes![0x81, 5, "Hello"]),
        ("binary", bytes![0x82, 4, 0, 255, 1, 254]),
        ("empty_messages", bytes![0x81, 0, 0x82, 0]),
        ("two_fragments", bytes![0x01, 3, "Hel", 0x80, 2, "lo"]),
        ("empty_fragments", bytes![0x02, 0, 0x00, 0, 0x00, 0, 0x80, 0]),
        ("ping_between_fragments", bytes![0x01, 1, "a", 0x89, 1, "?", 0x80, 1, "b"]),
        ("ping_pong", bytes![0x89, 0, 0x8A, 1, "!"]),
        ("close", bytes![0x88, 0]),
        ("close_with_a_reason", bytes![0x88, 5, 1000u16, "bye"]),
        ("close_bad_gateway", bytes![0x88, 2, 1014u16]),
        ("data_behind_a_close", bytes![0x88, 2, 1001u16, 0x81, 1, "a", 0xFF]),
        ("close_in_a_message", bytes![0x01, 1, "a", 0x88, 2, 3000u16]),
        ("16_bits", bytes![0x82, 126, 300u16, long]),
        ("64_bits_unfinished", bytes![0x81, 127, 65_536u64, "the first of it"]),
        ("not_minimal", bytes![0x82, 126, 125u16]),
        ("length_too_large", bytes![0x82, 127, 1u64 << 63]),
        ("declared_huge", bytes![0x82, 127, i64::MAX as u64, "ten bytes."]),
        ("reserved_bits", bytes![0xC1, 0]),
        ("reserved_opcode", bytes![0x83, 0]),
        ("long_control", bytes![0x89, 126, 126u16]),
        ("fragmented_control", bytes![0x09, 0]),
        ("unexpected_continuation", bytes![0x80, 0]),
        ("expected_continuation", bytes![0x01, 0, 0x81, 0]),
        ("half_a_close_code", bytes![0x88, 1, 3]),
        ("bad_close_code", bytes![0x88, 2, 1005u16]),
        ("bad_close_reason", bytes![0x88, 3, 1000u16, 0xFF]),
        ("half_characters", bytes![0x01, 2, b"\xf0\x9f", 0x80, 2, b"\x8f\xb9"]),
        ("bad_text", bytes![0x81, 4, "ok", b"\xc0\xaf"]),
        ("bad_text_unfinished", bytes![0x81, 100, "ok", b"\xed\xa0"]),
        ("half_a_character_at_the_end", bytes![0x01, 1, b"\xe2", 0x80, 1, b"\x82"]),
        ("masked_for_a_client", bytes![0x81, 0x85, &KEY, 0x7f, 0x9f, 0x4d, 0x51, 0x58]),
        ("ping_flood", pings),
        ("five_fragments", bytes![0x02, 1, 1, 0, 1, 2, 0, 1, 3, 0, 1, 4, 0x80, 1, 5]),
        ("sixty_one_bytes", bytes![0x82, 61, vec![0; 61]]),
    ]
}

#[test]
#[ignore = "writes fuzz/corpus"]
fn write_the_seeds() {
    let write = |target: &str, name: &str, data: Vec<u8>| {
        fs::create_dir_all(corpus(target)).unwrap();
        fs::write(corpus(target).join(name), data).unwrap();
    };
    for (name, stream) in streams() {
        for (role, options) in [("client", 0), ("server", 1)] {
            let data = bytes![options, 0, 7, stream.clone()];
            write("receive", &format!("{name}-{role}"), data.clone());
            write("differential", &format!("{name}-{role}"), data);
        }
        write("receive", &format!("{name}-small_limits"), bytes![6, 0, 7, stream]);
    }
    write("receive", "unmasked_for_a_server", bytes![9, 0, 7, 0x81, 0]);
    write("receive", "no_text", bytes![16, 0, 7, 0x81, 0]);
    write("receive", "no_binary", bytes![32, 0, 7, 0x82, 0]);
    write("differential", "unmasked_for_a_server", bytes![9, 0, 7, 0x81, 0]);
    write("differential", "bad_close_code_and_reason", bytes![0, 0, 7, 0x88, 3, 999u16, 0xFF]);
    write("differential", "ping_in_a_long_form", bytes![0, 0, 7, 0x89, 126, 1u16, "?"]);

    let headers: [(&str, Vec<u8>); 9] = [
        ("shortest", bytes![0x81, 0]),
        ("longest", bytes![0x02, 0xFF, i64::MAX as u64, &KEY]),
        ("16_bits", bytes![0x82, 126, 126u16]),
        ("16_bits_not_minimal", bytes![0x82, 126, 125u16]),
        ("64_bits", bytes![0x00, 127, 65_536u64]),
        ("64_bits_not_minimal", bytes![0x00, 127, 65_535u64]),
        ("too_large", bytes![0x82, 127, u64::MAX]),
        ("control", bytes![0xB9, 0xFD, &KEY]),
        ("long_control", bytes![0x88, 126]),
    ];
    for (name, data) in headers {
        write("header", name, data);
    }

    let (carry, peer) = (15, 0x80);
    let scripts: [(&str, Vec<u8>); 8] = [
        ("messages", bytes![0, 0, 3, 1, 200, carry, 9, peer, 3, carry | peer, 2]),
        ("parts", bytes![0x11, 2, 3, carry, 4, 2, 2, 3, 1, 4, 9, 5, 0]),
        ("kinds_mixed", bytes![0x22, 2, 3, 5, 3, 0, 1, 3, 1]),
        ("pings", bytes![0x12, 6, 3, 7, 3, 8, 124, 6, 125, peer | 6, 1]),
        ("client_closes", bytes![0x21, 0, 1, 10, 1, 0, 1, carry, 99, peer, 3, carry | peer, 255]),
        ("server_closes", bytes![0, peer | 9, 0, carry | peer, 0, carry | peer, 9, 0, 3]),
        ("both_close", bytes![0, 10, 4, peer | 10, 5, carry, 3, carry | peer, 1]),
        ("bad_closes", bytes![0, 10, 0, 10, 2, 10, 3, 10, 6, 10, 255]),
    ];
    for (name, data) in scripts {
        write("pair", name, data);
    }

    let texts: [(&str, Vec<u8>); 12] = [
        ("empty", bytes![]),
        ("ascii", bytes!["Hello"]),
        ("every_length", bytes!["aé가🏹"]),
        (
            "edges",
            bytes!["\0\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}"],
        ),
        ("long", bytes!["κόσμε ".repeat(30).as_str()]),
        ("surrogate", bytes!["κόσμε", b"\xed\xa0\x80", "edited"]),
        ("overlong", bytes![b"\xc0\xaf"]),
        ("overlong_of_three", bytes![b"\xe0\x9f\xbf"]),
        ("overlong_of_four", bytes![b"\xf0\x8f\xbf\xbf"]),
        ("too_high", bytes![b"\xf4\x90\x80\x80"]),
        ("lone_continuation", bytes!["ok", b"\x80"]),
        ("half_a_character", bytes!["🏹", b"\xf0\x9f\x8f"]),
    ];
    for (name, text) in texts {
        write("utf8", name, bytes![0, 7, text]);
    }

    let closes: [(&str, Vec<u8>); 10] = [
        ("empty", bytes![]),
        ("half_a_code", bytes![3]),
        ("normal", bytes![1000u16]),
        ("a_reason", bytes![4999u16, "the end, für heute"]),
        ("no_status", bytes![1005u16]),
        ("unassigned", bytes![2999u16, "?"]),
        ("bad_reason", bytes![1000u16, b"\xff"]),
        ("longest", bytes![3000u16, "*".repeat(123).as_str()]),
        ("too_long", bytes![3000u16, "*".repeat(124).as_str()]),
        ("bad_code_and_reason", bytes![999u16, b"\xc3"]),
    ];
    for (name, payload) in closes {
        for role in [0, 1] {
            write("close", &format!("{name}-{role}"), bytes![role, payload.clone()]);
        }
    }

    let upgrade = "GET /chat HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\
                   Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let requests = [
        ("upgrade", format!("{upgrade}\r\n")),
        ("frames_behind", format!("{upgrade}\r\n\u{81}\u{80}")),
        ("protocols", format!("{upgrade}Sec-WebSocket-Protocol: chat, super\r\n\r\n")),
        (
            "extensions",
            format!("{upgrade}Sec-WebSocket-Extensions: permessage-deflate; a=\"b\"\r\n\r\n"),
        ),
        ("body", format!("{upgrade}Content-Length: 3\r\n\r\nabc")),
        ("two_keys", format!("{upgrade}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")),
        ("old_version", upgrade.replace("13", "8") + "\r\n"),
        ("plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("post", "POST / HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("http_1_0", "GET / HTTP/1.0\r\n\r\n".into()),
        ("http_2_0", "GET / HTTP/2.0\r\n\r\n".into()),
        ("folded", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n".into()),
        ("bare_lf", "GET / HTTP/1.1\nHost: a\n\n".into()),
        ("nul", "GET / HTTP/1.1\r\nHost: \0\r\n\r\n".into()),
        ("too_large", format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(3000))),
        ("too_many", format!("GET / HTTP/1.1\r\n{}\r\n", "X: a\r\n".repeat(20))),
    ];
    for (name, request) in requests {
        write("request", name, bytes![3, request.as_str()]);
    }

    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                  Connection: Upgrade\r\nSec-WebSocket-Accept: $\r\n";
    let responses = [
        ("accept", 0, format!("{switch}\r\n")),
        ("protocol", 1, format!("{switch}Sec-WebSocket-Protocol: chat\r\n\r\n")),
        ("unoffered", 0, format!("{switch}Sec-WebSocket-Protocol: chat\r\n\r\n")),
        ("extension", 0, format!("{switch}Sec-WebSocket-Extensions: a; b=c\r\n\r\n")),
        ("two_accepts", 0, format!("{switch}Sec-WebSocket-Accept: $\r\n\r\n")),
        ("wrong_accept", 0, switch.replace('$', "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") + "\r\n"),
        ("challenge", 0, "HTTP/1.1 401 No\r\nContent-Length: 3\r\n\r\nabc".into()),
        ("chunks", 0, "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into()),
        ("redirect", 0, "HTTP/1.1 301 Moved\r\nLocation: ws://b/\r\n\r\n".into()),
        ("http_1_0", 0, "HTTP/1.0 101 OK\r\n\r\n".into()),
    ];
    for (name, options, response) in responses {
        write("response", name, bytes![3, options, response.as_str()]);
    }

    for (name, line) in [
        ("one", "permessage-deflate"),
        ("parameters", "permessage-deflate; client_max_window_bits; server_max_window_bits=10"),
        ("quoted", "a; b=\"c\"; d=\"e\\f\""),
        ("two", "a, b; c\n d; e=f"),
        ("unterminated", "a; b=\"c\\"),
        ("empty", ""),
        ("uri", "ws://user@example.com:80/chat?a=b#c"),
        ("ipv6", "wss://[::1]:4433/%20"),
        ("short_uri", "WS://a"),
    ] {
        write("extensions", name, bytes![line]);
    }

    let socks = bytes![5, 0, 0, 1, 10, 0, 0, 1, 0, 80];
    let proxies: [(&str, Vec<u8>); 12] = [
        ("tunnel", bytes![0, 3, "HTTP/1.1 200 OK\r\n\r\nearly"]),
        ("tunnel_of_1_0", bytes![1, 0, "HTTP/1.0 200 Connection established\r\n\r\n"]),
        ("informational", bytes![0, 9, "HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 204 OK\r\n\r\n"]),
        (
            "challenge",
            bytes![
                1,
                3,
                "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nabc"
            ],
        ),
        (
            "chunks",
            bytes![
                0,
                3,
                "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"
            ],
        ),
        ("until_the_end", bytes![0, 3, "HTTP/1.1 502 No\r\n\r\nno such host"]),
        ("no_http", bytes![0, 3, "SSH-2.0-x\r\n\r\n"]),
        ("socks", bytes![2, 0, 5, 0, socks.clone(), "early"]),
        ("socks_login", bytes![3, 0, 5, 2, 1, 0, socks.clone()]),
        ("socks_not_taken", bytes![3, 1, 5, 2, 1, 1]),
        ("socks_name", bytes![2, 2, 5, 0, 5, 0, 0, 3, 4, "self", 0, 80]),
        ("socks_refusal", bytes![2, 2, 5, 0, 5, 5, 0, 1, 0, 0, 0, 0, 0, 0]),
    ];
    for (name, answer) in proxies {
        write("proxy", name, answer);
    }

    // Programs have no names: these are drawn.
    for seed in 1..=12 {
        let mut random = Random::new(seed);
        let len = 20 * seed as usize;
        let program = (0..len).map(|_| random.below(256) as u8).collect();
        write("net", &format!("program_{seed}"), program);
    }

    let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    for (name, payloads) in [
        ("hello", bytes![7, hello]),
        ("hello_twice", bytes![7, hello, 5, b"\xf2\x00\x11\x00\x00"]),
        ("stored", bytes![11, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"]),
        ("final", bytes![8, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"]),
        ("two_blocks", bytes![13, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"]),
        ("empty", bytes![0, 1, 0, 0]),
        ("reserved_block", bytes![2, 6, 0]),
        ("too_far_back", bytes![4, b"\x4b\x04\x12\x00"]),
        ("cut_short", bytes![3, b"\xf2\x48\xcd"]),
    ] {
        write("inflate", name, bytes![0, 0, 7, payloads.clone()]);
        write("inflate", &format!("{name}-alone"), bytes![13, 0, 7, payloads]);
    }
    for (name, agreed, effort) in
        [("takeover", 14, 5), ("alone", 15, 5), ("small_window", 2, 8), ("tiny_window", 0, 0)]
    {
        let messages = bytes![9, 40, "bowstring", 0, 0, 5, 1, "Hello", 9, 63, "bowstring"];
        write("deflate_roundtrip", name, bytes![agreed, effort, 0, 7, messages.clone()]);
        write(
            "deflate_roundtrip",
            &format!("{name}-threshold"),
            bytes![agreed, 200, 0, 9, messages],
        );
    }
}
