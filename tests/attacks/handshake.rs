//! The opening handshake under attack, server's side.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::*;

const BOUND: i64 = 64 * KIB;

/// Sends a request, expects this status, an end of TCP, and nothing behind the one answer. `None`
/// in place of a status: whatever it is, it is one clean answer or none.
#[track_caller]
fn answered(arena: &Arena, request: &[u8], status: Option<u16>) {
    let shown = request[..request.len().min(200)].escape_ascii();
    let mut client = Client::tcp(arena.port());
    let _ = client.stream.write_all(request);
    let _ = client.stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    client.stream.read_to_end(&mut answer).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) =
        answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{shown}: {answer:?}"));
    let came: u16 = head.get(9..12).and_then(|code| code.parse().ok()).expect(head);
    if let Some(status) = status {
        assert_eq!(came, status, "{shown}: {head}");
    }
    if came == 101 {
        return;
    }
    assert!(head.to_ascii_lowercase().contains("\r\nconnection: close"), "{shown}: {head}");
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned)
    });
    if !request.starts_with(b"HEAD") {
        assert_eq!(length, Some(body.len().to_string()), "{shown}: one answer, and no more");
    }
}

#[test]
fn s21_heads_without_end() {
    let mut arena = Arena::new();
    let start = "GET / HTTP/1.1\r\nHost: localhost\r\n";
    let name = "S21 a header without end, bytes";
    assert_growth(name, (64 << 20, 1 << 20), BOUND, |arena, total| {
        let mut client = Client::tcp(arena.port());
        client.send(format!("{start}X: ").as_bytes());
        let sent = client.send_while_taken(b"aaaaaaaaaaaaaaaa", total, Duration::from_millis(500));
        println!("S21: the server took {sent} of {total} bytes");
        client
    });
    let many: String = (0..10_000).map(|number| format!("X-{number}: a\r\n")).collect();
    let endless = |bytes: &str| [start.as_bytes(), bytes.as_bytes(), b"\r\n"].concat();
    for (request, status) in [
        (endless(&format!("X: {}\r\n", "a".repeat(16 << 10))), 431),
        (endless(&many), 431),
        (endless(&"X: a\r\n".repeat(100_000)), 431),
        (endless(&"X: a\r\n".repeat(130)), 431),
        (endless(&"Sec-WebSocket-Protocol: a\r\n".repeat(400)), 431),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20)).into_bytes(), 431),
        (b"GET / HTTP/1.1\nHost: localhost\n\n".to_vec(), 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\n\r\n\r\n".to_vec(), 400),
        (endless("X: a\0b\r\n"), 400),
        (endless("X: a\r\n folded\r\n"), 400),
        (endless("X: a\rb\r\n"), 400),
        (vec![b'\r'; 20_000], 400),
        (vec![0; 100], 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello \r\n\r\n".to_vec(), 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_vec(), 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 505),
    ] {
        answered(&arena, &request, Some(status));
    }
    arena.unharmed();
}

#[test]
fn s21_each_byte_is_looked_at_once() {
    let mut arena = Arena::new();
    let pad = 16 * 1024 - request("X: \r\n").len();
    let request = request(&format!("X: {}\r\n", "a".repeat(pad)));
    assert_eq!(request.len(), 16 * 1024);
    let trickle = |request: &[u8]| {
        let mut client = Client::tcp(arena.port());
        for byte in request.chunks(1) {
            client.send(byte);
        }
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    };
    let cpu = |bytes: &[u8]| {
        let before = arena.server.cpu();
        trickle(bytes);
        arena.server.cpu() - before
    };
    cpu(&request);
    let took = (0..3).map(|_| cpu(&request)).min().unwrap();
    println!("S21: {took:?} of processor time for 16 KiB in writes of one byte");
    // Each write is a wake-up, a read and little else.
    assert!(took < Duration::from_millis(if FULL { 200 } else { 1000 }), "{took:?}");
    arena.unharmed();
}

#[test]
fn s22_values_made_for_bad_parsers() {
    let mut arena = Arena::new();
    let pad = 15_000;
    let values = [
        format!("Sec-WebSocket-Protocol: b{}x\r\n", " ".repeat(pad)),
        format!("Sec-WebSocket-Protocol: {}\r\n", ",".repeat(pad)),
        format!("Sec-WebSocket-Protocol: a{}\r\n", ", a".repeat(pad / 3)),
        // All different: what looks for one twice must not be quadratic.
        format!(
            "Sec-WebSocket-Protocol: {}\r\n",
            (0..3000).map(|n| format!("{n:x}")).collect::<Vec<_>>().join(",")
        ),
        format!("Sec-WebSocket-Extensions: a{}\r\n", ";\"a\"".repeat(pad / 4)),
        format!("Sec-WebSocket-Extensions: a{}\r\n", ";a".repeat(pad / 2)),
        format!("Sec-WebSocket-Extensions: a;b=\"{}\r\n", "\\\"".repeat(pad / 2)),
        format!("Sec-WebSocket-Extensions: a;b=\"{}\r\n", "\\".repeat(pad)),
        format!("Sec-WebSocket-Extensions: {}\r\n", "a,".repeat(pad / 2)),
        format!("Connection: {}\r\n", "a, ".repeat(pad / 3)),
        format!("Upgrade: {}\r\n", " ,".repeat(pad / 2)),
        format!("Cookie: {}\r\n", "a".repeat(pad)),
    ];
    for value in &values {
        let run = || {
            let before = arena.server.cpu();
            answered(&arena, &request(value), None);
            arena.server.cpu() - before
        };
        run();
        let took = (0..5).map(|_| run()).min().unwrap();
        println!(
            "S22: {took:?} of processor time for {}",
            value[..value.len().min(50)].escape_default()
        );
        assert!(took < Duration::from_millis(if FULL { 1 } else { 20 }), "{took:?}: {value:.60}");
    }
    arena.unharmed();
}

#[test]
fn s23_slow_and_silent_handshakes_are_ended() {
    let mut arena = Arena::new();
    let count = scale(2000, 500);
    // The head that is under way is held too: 8 KiB are enough for all of it together.
    let grown =
        growth("S23 silent or slow handshakes, sockets", (2000, 500), i64::MAX, |arena, count| {
            let clients: Vec<_> = (0..count)
                .map(|number| {
                    let mut client = Client::tcp(arena.port());
                    if number % 2 == 0 {
                        client.send(b"GET / HTTP/1.1\r\nHost: ");
                    }
                    client
                })
                .collect();
            arena.open().echo("newcomers are welcome");
            clients
        });
    println!("S23: {} bytes for each pending handshake", grown / count as i64);
    assert!(grown / (count as i64) < 8 * KIB, "{grown}");

    arena.unharmed();
    drop(arena);

    let mut arena = Arena::around(hasty_server(&["--threads", "1"]));
    let start = Instant::now();
    let silent: Vec<_> = (0..200).map(|_| Client::tcp(arena.port())).collect();
    let mut slow: Vec<_> = (0..20).map(|_| Client::tcp(arena.port())).collect();
    let mut hello = Client::tcp(arena.port());
    hello.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    // A byte each 100 ms does not buy more time. Awaited is the end of all of them.
    let bytes = request(&format!("X: {}\r\n", "a".repeat(1000)));
    for &byte in &bytes {
        let alive = slow.iter_mut().map(|client| client.stream.write(&[byte]).is_ok());
        // Each of them, not up to the first that lives.
        let alive = alive.fold(false, |any, alive| any | alive);
        if !alive || start.elapsed() > PATIENCE {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    for mut client in silent.into_iter().chain(slow).chain([hello]) {
        assert!(client.is_over_within(Duration::from_secs(5)), "ended by the server");
    }
    let took = start.elapsed();
    println!("S23: all were ended after {took:?}");
    let least = HANDSHAKE_DEADLINE.mul_f64(0.95);
    assert!(took > least && took < HANDSHAKE_DEADLINE + Duration::from_secs(4), "{took:?}");
    arena.unharmed();
}

#[test]
fn s24_odd_bytes_in_handshakes() {
    let mut arena = Arena::new();
    let odd: [&[u8]; 12] = [
        b"\x80\xFF",
        b"\xC3\x28",
        b"",
        b" ",
        b"\t\t",
        b"\"",
        b"\x01",
        b"\x7F",
        b",,,;;;===",
        b"[::1",
        b"a b",
        b"\xE2\x80\xAE",
    ];
    let base = String::from_utf8(request("")).unwrap();
    for name in [
        "Host",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Accept",
        "Origin",
        "Cookie",
        "\u{0}",
        "",
    ] {
        for value in odd {
            // In the place of the header, and as a second one.
            let line = [name.as_bytes(), b": ", value, b"\r\n"].concat();
            let mut rest = String::new();
            for kept in
                base.split_inclusive("\r\n").filter(|kept| !kept.starts_with(&format!("{name}: ")))
            {
                rest.push_str(kept);
            }
            let (start, fields) = rest.split_once("\r\n").unwrap();
            answered(&arena, &[start.as_bytes(), b"\r\n", &line, fields.as_bytes()].concat(), None);
            answered(&arena, &[&base.as_bytes()[..base.len() - 2], &line, b"\r\n"].concat(), None);
        }
        if base.contains(&format!("\r\n{name}: ")) && !name.is_empty() {
            let without: String = base
                .split_inclusive("\r\n")
                .filter(|line| !line.starts_with(&format!("{name}: ")))
                .collect();
            answered(
                &arena,
                without.as_bytes(),
                Some(match name {
                    // A browser that asks for a page gets it.
                    "Upgrade" => 200,
                    _ => 400,
                }),
            );
        }
    }
    for name in ["constructor", "__proto__", "toString", "permessage-deflate; __proto__=1"] {
        answered(&arena, &request(&format!("Sec-WebSocket-Extensions: {name}\r\n")), Some(101));
        answered(
            &arena,
            &request(&format!("{}: 1\r\n", name.split(';').next().unwrap())),
            Some(101),
        );
    }
    for name in ["constructor", "__proto__"] {
        answered(&arena, &request(&format!("Sec-WebSocket-Protocol: {name}\r\n")), Some(101));
    }
    for key in [
        "",
        "short",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ==, x",
        "!!!!!!!!!!!!!!!!!!!!!!==",
    ] {
        answered(&arena, base.replace(handshake::KEY, key).as_bytes(), Some(400));
    }
    for host in ["a b", "a:b", "a:99999", "[::1", "a@b", "a/b", ""] {
        answered(
            &arena,
            base.replace("Host: localhost", &format!("Host: {host}")).as_bytes(),
            Some(400),
        );
    }
    for target in
        ["", "*", "/#f", "/\u{80}", "//", "ws://a/", "ftp://a/", "http://", "a", "?", "/ /"]
    {
        answered(&arena, base.replacen("GET / ", &format!("GET {target} "), 1).as_bytes(), None);
    }
    // More than the 128 headers, with those that matter after them.
    let crowd: String = (0..130).map(|number| format!("X-{number}: a\r\n")).collect();
    answered(
        &arena,
        base.replacen("Upgrade:", &format!("{crowd}Upgrade:"), 1).as_bytes(),
        Some(431),
    );
    arena.unharmed();
}

#[test]
fn s26_requests_within_requests() {
    let mut arena = Arena::new();
    let base = String::from_utf8(request("")).unwrap();
    let second = "GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let with = |more: &str, behind: &str| [request(more), behind.as_bytes().to_vec()].concat();
    let method = |name: &str| base.replacen("GET", name, 1).into_bytes();
    let version =
        |number: &str| base.replace("Version: 13", &format!("Version: {number}")).into_bytes();
    let len = format!("Content-Length: {}\r\n", second.len());
    for (request, status) in [
        (with(&len, second), 400),
        (with("Content-Length: 5\r\n", "hello"), 400),
        (with("Content-Length: 0\r\nContent-Length: 44\r\n", second), 400),
        (with("Content-Length: 0, 44\r\n", second), 400),
        (with("Content-Length: +0\r\n", second), 400),
        (with("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
        (with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), 400),
        (with("Transfer-Encoding: identity\r\n", second), 400),
        (with("Transfer-Encoding : chunked\r\n", second), 400),
        (version("7"), 426),
        (version("8"), 426),
        (version("12"), 426),
        (version("013"), 400),
        (version("13, 8"), 400),
        (base.replace("Connection: Upgrade\r\n", "").into_bytes(), 400),
        (base.replace("Connection: Upgrade", "Connection: close").into_bytes(), 400),
        // What wants to become something else is plain HTTP to us, and gets the page.
        (base.replace("Upgrade: websocket", "Upgrade: h2c").into_bytes(), 200),
        (method("POST"), 405),
        (method("HEAD"), 405),
        (method("OPTIONS"), 405),
        (base.replacen("HTTP/1.1", "HTTP/1.0", 1).into_bytes(), 505),
        // The bytes behind a refused request are nothing: not a second request, not frames.
        ([version("8"), second.as_bytes().to_vec()].concat(), 426),
        ([version("8"), client_frame(FIN | TEXT, "early")].concat(), 426),
        ([method("POST"), second.as_bytes().to_vec()].concat(), 405),
        // Nor are they behind a page.
        (second.repeat(2).into_bytes(), 200),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{len}\r\n{second}").into_bytes(), 200),
    ] {
        answered(&arena, &request, Some(status));
    }
    // Behind a 101 a second request is a broken frame: it is not answered as a request.
    let mut client = Client::tcp(arena.port());
    client.send(&with("", second));
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    client.closed_with(1002);
    arena.unharmed();
}

#[test]
fn s27_frames_glued_to_the_request() {
    let mut arena = Arena::new();
    let message = client_frame(FIN | TEXT, "glued to the request, and not lost");
    let count = (1 << 20) / message.len();
    let mut client = Client::tcp(arena.port());
    let mut writer = client.stream.try_clone().unwrap();
    let bytes = [request(""), message.repeat(count)].concat();
    thread::scope(|scope| {
        scope.spawn(move || writer.write_all(&bytes).unwrap());
        assert!(client.head().starts_with("HTTP/1.1 101 "));
        for number in 0..count {
            let echo = client.frame().unwrap_or_else(|| panic!("lost after {number}"));
            assert_eq!(echo.payload, b"glued to the request, and not lost");
        }
    });
    client.echo("and on it goes");
    drop(client);
    // Limits hold for them too.
    for (bytes, code) in [
        (header(FIN | TEXT, Some(KEY), 1 << 40), 1009),
        (server_frame(FIN | TEXT, "unmasked"), 1002),
        (client_frame(FIN | TEXT, b"\xFF"), 1007),
        (client_close(1000, ""), 1000),
    ] {
        let mut client = Client::tcp(arena.port());
        client.send(&[request(""), bytes].concat());
        assert!(client.head().starts_with("HTTP/1.1 101 "));
        client.closed_with(code);
    }
    // Held back until the head is whole, they are not gathered without bound.
    assert_growth(
        "S27 frames glued to the request, bytes",
        (64 << 20, 1 << 20),
        256 * KIB,
        |arena, total| {
            let mut client = Client::narrow(arena.port());
            client.send(&request(""));
            client.send_while_taken(&message, total, Duration::from_millis(500));
            client
        },
    );
    arena.unharmed();
}

/// What real clients send, and old proxies: the status says what is wrong, and what can be understood is.
#[test]
fn s24_s31_the_small_print_of_requests() {
    let mut arena = Arena::new();
    let base = String::from_utf8(request("")).unwrap();
    let line = |line: &str| base.replacen("GET / HTTP/1.1", line, 1);
    let origin =
        |origin: &str| String::from_utf8(request(&format!("Origin: {origin}\r\n"))).unwrap();
    for (request, status) in [
        (line("GET /ocpp/CP 001 HTTP/1.1"), 400),
        (line("GET / HTTP/1.2"), 101),
        (line("GET / HTTP/3.0"), 505),
        (String::from_utf8(request("Sec-WebSocket-Protocol:\r\n")).unwrap(), 101),
        (String::from_utf8(request("Sec-WebSocket-Extensions:\r\n")).unwrap(), 101),
        (base.replace("Sec-WebSocket-Version: 13\r\n", ""), 400),
        (String::from_utf8(request("Transfer-Encoding: compress\r\n")).unwrap(), 501),
        (String::from_utf8(request(&"X-Proxy: a\r\n".repeat(100))).unwrap(), 101),
        (origin("ws://localhost"), 101),
        (origin("wss://localhost"), 101),
        (origin("http://localhost/"), 101),
        (origin("http://elsewhere"), 403),
        // The host of an absolute target counts, not `Host`.
        (origin("http://localhost").replacen("GET / ", "GET http://elsewhere/ ", 1), 403),
        (origin("http://elsewhere").replacen("GET / ", "GET http://elsewhere/ ", 1), 101),
    ] {
        answered(&arena, request.as_bytes(), Some(status));
    }
    arena.unharmed();
}
