//! Our client against a hostile server: a bare listener in this process.

use std::collections::HashSet;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bowstring::handshake::ClientRequest;
use bowstring::net::{OpeningStep, Transport, connect_with};
use bowstring::{Config, Error, Event, Message, WebSocket};
use sha1::{Digest, Sha1};
use tokio::net::TcpStream as Stream;

use crate::harness::*;

type Connected = Result<WebSocket<Transport>, Error>;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.expect("no hang") })
}

/// How long the client waits for the answer to its handshake.
const HANDSHAKE: Duration = Duration::from_secs(if FULL { 3 } else { 1 });

/// How long the client waits for the end of a close. At full size it is the default.
fn close_deadline() -> Duration {
    if FULL { Config::default().timeouts.close } else { Duration::from_secs(1) }
}

fn config() -> Config {
    let mut config = Config::default();
    config.handshake_timeout = HANDSHAKE;
    config.timeouts.close = close_deadline();
    config.limits.max_message_size = 1 << 20;
    config
}

async fn connect_to(port: u16) -> Connected {
    let uri = format!("ws://127.0.0.1:{port}/").parse().unwrap();
    connect_with(&ClientRequest::new(uri).protocol("chat"), &config()).await.map(|(ws, _)| ws)
}

/// The answer that opens a connection, to this request.
fn switching(request: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept(key(request))
    )
}

fn key(request: &str) -> &str {
    let line = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    line.expect(request)
}

fn accept(key: &str) -> String {
    let sum = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64_STANDARD.encode(sum.finalize())
}

/// A server that takes one connection, reads the request, and does with it what `serve` does.
fn against<T>(
    serve: impl FnOnce(Client, String) + Send + 'static,
    client: impl AsyncFnOnce(u16) -> T,
) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut peer = Client::over(listener.accept().unwrap().0);
        let request = peer.head();
        serve(peer, request);
    });
    let done = block_on(client(port));
    server.join().expect("the server's side holds too");
    done
}

/// A hostile server that opens the connection and sends these bytes with the 101; what the client
/// answers, and what its application sees.
fn hostile(bytes: Vec<u8>) -> (Option<Frame>, Result<Option<Message>, Error>) {
    let (tell, told) = std::sync::mpsc::channel();
    let seen = against(
        move |mut peer, request| {
            peer.send(&[switching(&request).into_bytes(), bytes].concat());
            let frame = peer.frame();
            let mut end = Vec::new();
            let _ = peer.stream.shutdown(std::net::Shutdown::Write);
            let _ = peer.stream.read_to_end(&mut end);
            tell.send(frame).unwrap();
        },
        async |port| connect_to(port).await.expect("opens").recv().await,
    );
    (told.recv().unwrap(), seen)
}

#[test]
fn s01_to_s19_a_server_that_breaks_the_rules() {
    let huge = |first, len: u64| [&[first, 127][..], &len.to_be_bytes()].concat();
    for (bytes, code) in [
        (huge(FIN | BINARY, 1 << 30), 1009),
        (huge(FIN | BINARY, i64::MAX as u64), 1009),
        (huge(FIN | BINARY, 1 << 63), 1002),
        (huge(FIN | BINARY, u64::MAX), 1002),
        (huge(FIN | BINARY, 5), 1002),
        (vec![FIN | BINARY, 126, 0, 5], 1002),
        ([server_frame(0x02, vec![0; 1 << 20]), huge(0x80, i64::MAX as u64)].concat(), 1009),
        ([server_frame(0x02, ""), server_frame(0, "").repeat(140_000)].concat(), 1008),
        (huge(0x8B, 1 << 40), 1002),
        (server_frame(FIN | TEXT | 0x40, "compressed?"), 1002),
        (server_frame(0x80, "nothing to continue"), 1002),
        (vec![FIN | PING, 126, 0, 126], 1002),
        (server_frame(0x09, "fragmented"), 1002),
        (server_frame(FIN | CLOSE, [3]), 1002),
        (server_frame(FIN | CLOSE, 1005_u16.to_be_bytes()), 1002),
        (server_frame(FIN | TEXT, b"\xED\xA0\x80"), 1007),
        // S19: a server must not mask.
        (client_frame(FIN | TEXT, "masked"), 1002),
        (vec![FIN | TEXT, 0x80, 0, 0, 0, 0], 1002),
    ] {
        let shown = format!("{}", bytes[..bytes.len().min(20)].escape_ascii());
        let (frame, seen) = hostile(bytes);
        let frame = frame.unwrap_or_else(|| panic!("no close frame for {shown}"));
        assert_eq!(frame.code(), code, "{shown}");
        assert!(frame.is_masked(), "{shown}");
        assert!(
            matches!(seen, Err(Error::Violation(v)) if u16::from(v.code()) == code),
            "{shown}: {seen:?}"
        );
    }
}

// ---- S20

/// What a server sees of one client's randomness: the nonces and the masking keys.
#[derive(Default)]
struct Seen {
    nonces: Vec<String>,
    keys: Vec<[u8; 4]>,
}

const CONNECTIONS: usize = 50;

fn frames_each() -> usize {
    scale(10_000, 1000)
}

/// The client of both processes: connections one after another, empty frames on each.
fn send_keys(port: u16) {
    block_on(async {
        for _ in 0..CONNECTIONS {
            let mut ws = connect_to(port).await.unwrap();
            for _ in 0..frames_each() {
                ws.feed(Event::Binary(b"")).await.unwrap();
            }
            ws.flush().await.unwrap();
        }
    });
}

fn collect_keys(mut stream: TcpStream, seen: &mut Seen) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut peer = Client::over(stream.try_clone().unwrap());
    let request = peer.head();
    seen.nonces.push(key(&request).to_owned());
    peer.send(switching(&request).as_bytes());
    let mut bytes = std::mem::take(&mut peer.input);
    let _ = stream.read_to_end(&mut bytes);
    assert_eq!(bytes.len(), frames_each() * 6);
    for frame in bytes.as_chunks::<6>().0 {
        assert_eq!(frame[..2], [FIN | BINARY, 0x80]);
        seen.keys.push([frame[2], frame[3], frame[4], frame[5]]);
    }
}

/// Two processes, 50 connections each, 1 M masking keys in release.
#[test]
fn s20_masking_keys_and_nonces_are_random() {
    // This test runs itself as the second process.
    if let Ok(port) = std::env::var("S20_PORT") {
        return send_keys(port.parse().unwrap());
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut seen = Seen::default();
        for _ in 0..2 * CONNECTIONS {
            collect_keys(listener.accept().unwrap().0, &mut seen);
        }
        seen
    });
    let mut other = Command::new(std::env::current_exe().unwrap());
    let name = "client::s20_masking_keys_and_nonces_are_random";
    let mut other =
        other.args([name, "--exact"]).env("S20_PORT", port.to_string()).spawn().unwrap();
    send_keys(port);
    assert!(other.wait().unwrap().success());
    let Seen { nonces, keys } = server.join().unwrap();

    let distinct: HashSet<_> = nonces.iter().collect();
    assert_eq!(distinct.len(), 2 * CONNECTIONS, "each nonce is new");
    assert!(nonces.iter().all(|nonce| BASE64_STANDARD.decode(nonce).unwrap().len() == 16));

    // Each of the four bytes is even over its 256 values. Chi-square with 255 degrees of freedom:
    // mean 255, deviation 22.6; 400 is at a probability of about 1e-8 for each.
    for place in 0..4 {
        let mut counts = [0_u32; 256];
        keys.iter().for_each(|key| counts[usize::from(key[place])] += 1);
        assert_even(&counts, keys.len(), &format!("byte {place} of the keys"));
    }
    // Nor does a key tell the next: their differences are even too.
    let mut counts = [0_u32; 256];
    keys.windows(2).for_each(|pair| counts[usize::from(pair[0][0] ^ pair[1][0])] += 1);
    assert_even(&counts, keys.len() - 1, "the differences");
    // Of n random keys, n²/2³³ pairs are equal: 116 of a million. 32-bit keys that come from a
    // counter, or from a generator seeded alike in both processes, would give none or many.
    let distinct: HashSet<_> = keys.iter().collect();
    let (equal, expected) =
        (keys.len() - distinct.len(), (keys.len() as f64).powi(2) / 2_f64.powi(33));
    println!("S20: {} keys, {equal} of them twice, {expected:.1} expected", keys.len());
    let deviation = 7.0 * expected.sqrt() + 7.0;
    assert!((equal as f64 - expected).abs() < deviation, "{equal} twice, {expected} expected");
    // No key is used for two frames in a row but by chance: 1e6 / 2³² pairs.
    let repeated = keys.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(repeated <= 1, "{repeated} keys were used for the next frame too");
}

#[track_caller]
fn assert_even(counts: &[u32; 256], total: usize, what: &str) {
    let expected = total as f64 / 256.0;
    let chi2: f64 = counts.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
    println!("S20: chi-square of {what}: {chi2:.0}");
    assert!((140.0..400.0).contains(&chi2), "{what}: {chi2}");
}

// ---- the handshake

/// Answers with these bytes in place of a 101; how the client takes it.
fn answered(answer: impl FnOnce(&str) -> Vec<u8> + Send + 'static) -> Connected {
    against(
        move |mut peer, request| {
            let _ = peer.stream.write_all(&answer(&request));
            // Not one frame may come.
            let _ = peer.stream.shutdown(std::net::Shutdown::Write);
            assert_eq!(peer.read_out(PATIENCE), b"", "the client says nothing more");
        },
        async |port| connect_to(port).await.map(drop),
    )
    .map(|()| unreachable!("a hostile answer was taken for a 101"))
}

#[test]
fn s25_every_part_of_the_answer_is_checked() {
    let line = |name: &'static str, new: &'static str| {
        move |request: &str| {
            let good = switching(request);
            let lines = good.split_inclusive("\r\n").map(|line| {
                if line.starts_with(name) {
                    new.replace("ACCEPT", &accept(key(request)))
                } else {
                    line.to_owned()
                }
            });
            lines.collect::<String>().into_bytes()
        }
    };
    let accept = "Sec-WebSocket-Accept";
    for (name, new) in [
        (accept, ""),
        (accept, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        (accept, "Sec-WebSocket-Accept: \r\n"),
        (accept, "Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Accept: ACCEPT\r\n"),
        (accept, "Sec-WebSocket-Accept: ACCEPT, ACCEPT\r\n"),
        (accept, "Sec-WebSocket-Accept: ACCEP\r\n"),
        (accept, "Sec-WebSocket-Accept: xACCEPT\r\n"),
        (accept, "Sec-WebSocket-Accept: \"ACCEPT\"\r\n"),
        (accept, "Sec-WebSocket-Accept: \u{80}\u{FF}\r\n"),
        ("Upgrade", ""),
        ("Upgrade", "Upgrade: h2c\r\n"),
        ("Upgrade", "Upgrade: websocket, h2c\r\n"),
        ("Connection", ""),
        ("Connection", "Connection: close\r\n"),
        ("Connection", "Connection: Upgrade\r\nSec-WebSocket-Protocol: unoffered\r\n"),
        ("Connection", "Connection: Upgrade\r\nSec-WebSocket-Protocol: Chat\r\n"),
        ("Connection", "Connection: Upgrade\r\nSec-WebSocket-Protocol: chat, chat\r\n"),
        (
            "Connection",
            "Connection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n",
        ),
        ("Connection", "Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-zstd\r\n"),
        (
            "Connection",
            "Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate; fast\r\n",
        ),
        ("Connection", "Connection: Upgrade\r\nSec-WebSocket-Extensions: __proto__\r\n"),
        ("Connection", "Connection: Upgrade\r\n folded\r\n"),
        ("HTTP/1.1", "HTTP/1.0 101 Switching Protocols\r\n"),
        ("HTTP/1.1", "HTTP/1.1 200 OK\r\n"),
        ("HTTP/1.1", "HTTP/1.1 301 Moved\r\nLocation: ws://elsewhere/\r\n"),
        ("HTTP/1.1", "HTTP/1.1 401 Unauthorized\r\n"),
        ("HTTP/1.1", "HTTP/1.1 999 Odd\r\n"),
        ("HTTP/1.1", "HTTP/2 101\r\n"),
        ("HTTP/1.1", "ICY 101 OK\r\n"),
    ] {
        let seen = answered(line(name, new)).err().unwrap();
        assert!(matches!(seen, Error::Response(_) | Error::Status(_)), "{name} {new:?}: {seen:?}");
    }
    // This one only goes before an answer, and none came.
    let seen = answered(line("HTTP/1.1", "HTTP/1.1 100 Continue\r\n")).err().unwrap();
    assert!(matches!(seen, Error::Opening(OpeningStep::Handshake, _)), "{seen:?}");
}

#[test]
fn s21_s25_answers_without_end() {
    let many: String = (0..10_000).map(|number| format!("X-{number}: a\r\n")).collect();
    for bytes in [
        vec![b'a'; 8 << 20],
        [b"HTTP/1.1 101 OK\r\nX: ".to_vec(), vec![b'a'; 8 << 20]].concat(),
        format!("HTTP/1.1 101 OK\r\n{many}\r\n").into_bytes(),
        vec![0; 100],
        [b'\r', b'\n'].repeat(10_000),
        b"HTTP/1.1 101 OK\nUpgrade: websocket\n\n".to_vec(),
    ] {
        let seen = answered(move |_| bytes).err().unwrap();
        assert!(matches!(seen, Error::Response(_)), "{seen:?}");
    }
    // A refusal's body is read up to 16 KiB.
    for head in ["", "Content-Length: 99999999999\r\n", "Transfer-Encoding: chunked\r\n"] {
        let head = format!("HTTP/1.1 403 Forbidden\r\n{head}\r\n");
        let chunked = head.contains("chunked");
        let mut bytes = head.into_bytes();
        bytes.extend(if chunked { b"800000\r\n".to_vec() } else { vec![] });
        bytes.extend(vec![b'a'; 8 << 20]);
        match answered(move |_| bytes).err().unwrap() {
            Error::Status(response) => assert_eq!(response.body().len(), 16 << 10),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn s23_a_server_that_never_answers() {
    let start = Instant::now();
    let seen = against(
        |mut peer, _| {
            let mut answer = b"HTTP/1.1 101 Switching".iter().cycle();
            while peer.stream.write_all(&[*answer.next().unwrap()]).is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        },
        async |port| connect_to(port).await,
    );
    assert!(matches!(seen, Err(Error::HandshakeTimeout(_))), "{seen:?}");
    let took = start.elapsed();
    assert!(took >= HANDSHAKE && took < HANDSHAKE + Duration::from_secs(2), "{took:?}");
}

#[test]
fn s24_odd_bytes_in_answers() {
    let odd: [&[u8]; 8] =
        [b"\x80\xFF", b"\xC3\x28", b"", b"\"", b"\x01", b"\x7F", b",,;;==", b"\xE2\x80\xAE"];
    for name in [
        "Sec-WebSocket-Accept",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Upgrade",
        "Connection",
        "\x00",
        "",
    ] {
        for value in odd {
            let seen = against(
                move |mut peer, request| {
                    let good = switching(&request);
                    let line = [name.as_bytes(), b": ", value, b"\r\n"].concat();
                    peer.send(&[&good.as_bytes()[..good.len() - 2], &line, b"\r\n"].concat());
                },
                async |port| connect_to(port).await,
            );
            // Empty lists and unknown bytes in some places are harmless; a panic is not.
            assert!(
                matches!(seen, Ok(_) | Err(Error::Response(_))),
                "{name} {}: {seen:?}",
                value.escape_ascii()
            );
        }
    }
}

#[test]
fn s27_frames_glued_to_the_answer() {
    let count = 20_000;
    let seen = against(
        move |mut peer, request| {
            let message =
                server_frame(FIN | TEXT, "glued to the answer, and not lost, not one of them");
            let all = [
                switching(&request).into_bytes(),
                message.repeat(count),
                server_frame(FIN | CLOSE, ""),
            ];
            peer.send(&all.concat());
            assert_eq!(peer.close_frame().payload, b"");
        },
        async |port| {
            let mut ws = connect_to(port).await.unwrap();
            let mut seen = 0;
            while let Some(message) = ws.recv().await.unwrap() {
                seen += usize::from(matches!(message, Message::Text(_)));
            }
            seen
        },
    );
    assert_eq!(seen, count);
}

#[test]
fn s28_a_server_that_ends_or_resets_at_every_byte() {
    let len = switching("Sec-WebSocket-Key: x").len();
    let frames = [
        server_frame(FIN | TEXT, "hello"),
        server_frame(FIN | BINARY, vec![0; 200]),
        server_frame(FIN | PING, "ping"),
    ]
    .concat();
    for end in 0..=len + frames.len() {
        for reset in [false, true] {
            let frames = frames.clone();
            let seen = against(
                move |mut peer, request| {
                    if reset {
                        let runtime = tokio::runtime::Builder::new_current_thread()
                            .enable_io()
                            .build()
                            .unwrap();
                        let _entered = runtime.enter();
                        peer.stream.set_nonblocking(true).unwrap();
                        let stream = Stream::from_std(peer.stream.try_clone().unwrap()).unwrap();
                        stream.set_zero_linger().unwrap();
                        peer.stream.set_nonblocking(false).unwrap();
                    }
                    peer.send(&[switching(&request).into_bytes(), frames].concat()[..end]);
                },
                async |port| {
                    let mut ws = connect_to(port).await?;
                    while ws.recv().await?.is_some() {}
                    Ok(())
                },
            );
            // It never looks like a connection that was closed as it should be.
            assert!(
                matches!(seen, Err(Error::Opening(..) | Error::Lost)),
                "{end}, {reset}: {seen:?}"
            );
        }
    }
}

#[test]
fn s29_nothing_is_smuggled_into_the_request() {
    let bad = ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "a\u{7F}b"];
    // A listener that nobody must ever talk to.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let uri = || format!("ws://127.0.0.1:{port}/").parse().unwrap();
    block_on(async {
        for text in bad {
            for request in [
                ClientRequest::new(uri()).protocol(text),
                ClientRequest::new(uri()).header("Origin", text),
                ClientRequest::new(uri()).header("X", text),
                ClientRequest::new(uri()).header(text, "x"),
                ClientRequest::new(uri()).header("Host", text),
            ] {
                // The connection may be there already, but not a byte goes over it.
                let seen = connect_with(&request, &config()).await.map(drop);
                assert!(matches!(seen, Err(Error::Build(_))), "{text:?}: {seen:?}");
            }
            let uri = format!("ws://127.0.0.1:{port}/{text}");
            assert!(bowstring::handshake::Uri::strict(&uri).is_err(), "{text:?}");
        }
        for name in [
            "Sec-WebSocket-Key",
            "sec-websocket-extensions",
            "Upgrade",
            "Connection",
            "Content-Length",
            "Transfer-Encoding",
        ] {
            let request = ClientRequest::new(uri()).header(name, "x");
            assert!(
                matches!(connect_with(&request, &config()).await.map(drop), Err(Error::Build(_))),
                "{name}"
            );
        }
    });
    listener.set_nonblocking(true).unwrap();
    while let Ok((mut stream, _)) = listener.accept() {
        stream.set_nonblocking(false).unwrap();
        let mut sent = Vec::new();
        let _ = stream.read_to_end(&mut sent);
        assert_eq!(sent, b"");
    }
}

/// A redirect is told, with where it leads, and goes nowhere: no byte, and so no credential, reaches
/// another server, whatever its scheme.
#[test]
fn s30_redirects_are_told_and_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = elsewhere.local_addr().unwrap();
    for status in [300, 301, 302, 303, 305, 307, 308] {
        for scheme in ["ws", "wss", "http", "https", "file"] {
            let location = format!("{scheme}://{there}/");
            let answer = format!(
                "HTTP/1.1 {status} Over There\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            );
            let seen = against(
                move |mut peer, request| {
                    assert!(request.contains("Authorization: Bearer secret\r\n"), "{request}");
                    peer.send(answer.as_bytes());
                    // Nor does it ask again.
                    assert_eq!(peer.read_out(PATIENCE), b"");
                },
                async |port| {
                    let uri = format!("ws://127.0.0.1:{port}/").parse().unwrap();
                    let request = ClientRequest::new(uri).header("Authorization", "Bearer secret");
                    connect_with(&request, &config()).await.map(drop)
                },
            );
            let Err(Error::Status(response)) = seen else { panic!("{status}: {seen:?}") };
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()["location"].to_str().unwrap(), location);
        }
    }
    elsewhere.set_nonblocking(true).unwrap();
    assert!(elsewhere.accept().is_err(), "nobody came");
    // What a URI must not have is not silently left out, least of all a password (§3).
    for uri in ["ws://user:secret@localhost/", "ws://localhost/#part", "http://localhost/"] {
        let error = uri.parse::<bowstring::handshake::Uri>().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}

/// A close reason is no line of text: whatever is in it stays in its frame.
#[test]
fn s29_a_close_reason_stays_in_its_frame() {
    against(
        |mut peer, request| {
            peer.send(switching(&request).as_bytes());
            let frame = peer.close_frame();
            assert_eq!(frame.payload[2..], *b"a\r\nX: y\0");
            peer.send(&server_frame(FIN | CLOSE, 1000_u16.to_be_bytes()));
        },
        async |port| {
            let mut ws = connect_to(port).await.unwrap();
            assert!(matches!(ws.close(1005, "").await, Err(Error::Misuse(_))));
            assert!(matches!(ws.close(1000, &"x".repeat(124)).await, Err(Error::Misuse(_))));
            ws.close(1000, "a\r\nX: y\0").await.unwrap();
        },
    );
}

#[test]
fn s35_a_server_that_never_answers_the_close() {
    for chatty in [false, true] {
        let start = Instant::now();
        let seen = against(
            move |mut peer, request| {
                peer.send(switching(&request).as_bytes());
                peer.close_frame();
                let flood = server_frame(FIN | TEXT, "still here").repeat(10_000);
                if chatty {
                    thread::scope(|scope| {
                        for _ in 0..2 {
                            // Two, so that the client may never find its receive buffer empty. They
                            // tear each other's frames, which is all the same to who only drains.
                            let mut stream = peer.stream.try_clone().unwrap();
                            let flood = &flood;
                            scope.spawn(move || {
                                while start.elapsed() < PATIENCE && stream.write_all(flood).is_ok()
                                {
                                }
                            });
                        }
                    });
                } else {
                    assert_eq!(peer.read_out(PATIENCE), b"");
                }
            },
            async |port| {
                let mut ws = connect_to(port).await.unwrap();
                ws.close(1000, "").await
            },
        );
        let took = start.elapsed();
        println!("S35: given up after {took:?}: {seen:?}");
        assert!(seen.is_err());
        let deadline = close_deadline();
        assert!(took >= deadline && took < deadline + Duration::from_secs(3), "{took:?}");
    }
}

/// A peer that is always ready: reading never has to wait, and so never gives the clock a turn.
#[test]
fn s35_a_flood_that_never_pauses() {
    for zero in [0x00, 0x82, 0x8A] {
        // Continuations of nothing; messages of 2 bytes, 0x82 0x82 …, in frames that are masked by
        // turns: all of them violations to a client, behind which it drains.
        let flood = tokio::io::join(tokio::io::repeat(zero), tokio::io::sink());
        let mut config = config();
        config.timeouts.close = Duration::from_millis(100);
        let role = bowstring::proto::Role::Client(bowstring::net::masking_key);
        let mut ws = WebSocket::from_raw(flood, role, [], &config);
        let start = Instant::now();
        let seen = block_on(async { ws.close(1000, "").await });
        assert!(seen.is_err());
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
}

/// S38: after the end, whatever it was, a stream that is polled again is at its end.
#[test]
fn s38_polled_a_million_times_after_a_reset() {
    against(
        |mut peer, request| {
            peer.send(
                &[switching(&request).into_bytes(), server_frame(FIN | TEXT, "last words")]
                    .concat(),
            );
            // Unread bytes make the kernel reset the connection.
            peer.stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut one = [0];
            peer.stream.read_exact(&mut one).unwrap();
        },
        async |port| {
            let mut ws = connect_to(port).await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some(Message::from("last words")));
            ws.send("unread by the peer, who resets").await.unwrap();
            assert!(ws.recv().await.is_err(), "a reset is no clean end");
            let start = Instant::now();
            for _ in 0..scale(1_000_000, 10_000) {
                assert!(matches!(ws.recv().await, Ok(None)));
            }
            assert!(ws.send("too late").await.is_err());
            println!("S38: {:?} for a million polls after the end", start.elapsed());
            assert!(start.elapsed() < Duration::from_secs(1));
        },
    );
}
