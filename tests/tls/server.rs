//! What a server shows, to whom, and how TLS ends.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use bowstring::net::rustls::ClientConnection;
use bowstring::net::rustls::pki_types::ServerName;
use bowstring::net::{TlsError, Transport};
use bowstring::server::{Listener, Server, ServerLimits, Tls};
use bowstring::{Config, Error, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::*;

async fn tcp(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

/// TLS without our crate.
async fn foreign(server: &Echo, authority: &Authority) -> TlsStream<TcpStream> {
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(trusting([authority]));
    in_time(connector.connect(name, tcp(server.port).await)).await.unwrap()
}

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A foreign client after the opening handshake.
async fn upgraded(server: &Echo, authority: &Authority) -> TlsStream<TcpStream> {
    let mut stream = foreign(server, authority).await;
    stream.write_all(REQUEST).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(in_time(stream.read_u8()).await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    stream
}

/// A close frame with 1000, from a client with a mask of zeros.
const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];

#[tokio::test]
async fn a_closing_handshake_ends_with_close_notify() {
    let authority = Authority::new();
    let server = Echo::new(authority.issue(&["localhost"]).tls()).await;
    let mut stream = upgraded(&server, &authority).await;
    stream.write_all(CLOSE).await.unwrap();
    let mut rest = Vec::new();
    // Without a close_notify this is an error.
    in_time(stream.read_to_end(&mut rest)).await.expect("a clean end of TLS");
    assert_eq!(rest, [0x88, 0x02, 0x03, 0xe8]);
    drop(stream);
    // A refusal, too.
    let mut stream = foreign(&server, &authority).await;
    stream.write_all(b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    in_time(stream.read_to_string(&mut answer)).await.expect("a clean end of TLS");
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    drop(stream);
    let report = server.end().await;
    assert_eq!((report.closed, report.refused), (1, 1), "{report:?}");
}

#[tokio::test]
async fn an_end_without_close_notify_behind_the_closing_handshake_is_no_error() {
    let authority = Authority::new();
    let server = Echo::new(authority.issue(&["localhost"]).tls()).await;
    for _ in 0..2 {
        let mut stream = upgraded(&server, &authority).await;
        stream.write_all(CLOSE).await.unwrap();
        let mut frame = [0; 4];
        in_time(stream.read_exact(&mut frame)).await.unwrap();
        stream.get_mut().0.shutdown().await.unwrap();
    }
    // Cut off within a connection, it is one: data may be missing (RFC 8446 §6.1).
    for notified in [false, true] {
        let mut stream = upgraded(&server, &authority).await;
        if notified {
            stream.shutdown().await.unwrap();
        }
        drop(stream);
    }
    let report = server.end().await;
    assert_eq!((report.closed, report.failed), (2, 2), "{report:?}");
}

/// The client's side of it: servers that end TCP at once, and that cut it off.
#[tokio::test]
async fn a_server_that_ends_without_close_notify() {
    let authority = Authority::new();
    let acceptor =
        tokio_rustls::TlsAcceptor::from(Arc::new(authority.issue(&["localhost"]).server_config()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    for closes in [true, false] {
        let tls = trusting([&authority]);
        let (ws, served) = tokio::join!(connect(&uri, &tls), async {
            let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            bowstring::accept(stream).await.unwrap()
        });
        let mut ws = ws.unwrap();
        let mut stream = served.into_inner().stream;
        if closes {
            stream.write_all(&[0x88, 0x02, 0x03, 0xe8]).await.unwrap();
            stream.flush().await.unwrap();
            let received = in_time(ws.recv()).await.unwrap();
            assert!(matches!(received, Some(Message::Close(_))), "{received:?}");
            // Our answer; with bytes unread TCP would end with a reset.
            in_time(stream.read_exact(&mut [0; 8])).await.unwrap();
        }
        drop(stream);
        match in_time(ws.recv()).await {
            Ok(None) => assert!(closes),
            // TLS was cut without its own farewell: a loss like any other.
            Err(Error::Lost) => assert!(!closes),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_plain_request_is_told_and_garbage_is_ended() {
    let authority = Authority::new();
    let server = Echo::new(authority.issue(&["localhost"]).tls()).await;
    for request in [
        REQUEST,
        b"GET / HTTP/1.0\r\n\r\n",
        b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"what?\r\n\r\n",
    ] {
        let mut stream = tcp(server.port).await;
        // A byte at first: that is what it looks at.
        stream.write_all(&request[..1]).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(&request[1..]).await.unwrap();
        let mut answer = String::new();
        in_time(stream.read_to_string(&mut answer)).await.expect("a clean end");
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        if request.starts_with(b"GET") {
            assert!(answer.ends_with("this port speaks TLS: https:// or wss://\n"), "{answer}");
        }
    }
    // An alert at most, nothing of ours (RFC 8446 §6.2).
    for garbage in [
        &b"\x16\x03\x01\x00\x05hello"[..],
        b"\x80\x2e\x01\x00\x02",
        b"\x00",
        b"\x16\x03\xff\xff\xff",
    ] {
        let mut stream = tcp(server.port).await;
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = in_time(stream.read_to_end(&mut answer)).await;
        assert!(answer.is_empty() || answer[0] == 0x15, "{}", answer.escape_ascii());
    }
    assert!(server.asked().is_empty());
    let mut ws = server.connect("localhost", &trusting([&authority])).await.unwrap();
    says(&mut ws, "unharmed").await;
}

#[tokio::test]
async fn a_certificate_is_changed_while_connections_stay() {
    let (old, new, dir) = (Authority::new(), Authority::new(), Directory::new());
    let (chain, key) = old.issue(&["localhost"]).write(&dir);
    let tls = Tls::from_pem_files(&chain, &key).unwrap();
    let server = Echo::new(tls.clone()).await;
    let mut before = server.connect("localhost", &trusting([&old])).await.unwrap();
    says(&mut before, "before").await;

    new.issue(&["localhost"]).write(&dir);
    let mut between = server.connect("localhost", &trusting([&old])).await.unwrap();
    says(&mut between, "it is not read by itself").await;
    tls.reload().unwrap();
    let mut after = server.connect("localhost", &trusting([&new])).await.unwrap();
    says(&mut after, "after").await;
    let error = server.connect("localhost", &trusting([&old])).await.unwrap_err();
    assert!(matches!(error, Error::Tls(TlsError::UnknownIssuer)), "{error:?}");
    for ws in [&mut before, &mut between] {
        says(ws, "still here").await;
    }

    // What is bad changes nothing, and is named.
    let bad = |content: &str, file: &std::path::Path| std::fs::write(file, content).unwrap();
    let other = old.issue(&["localhost"]);
    bad(&other.key.serialize_pem(), &key);
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("key.pem: it is the key of another certificate"), "{error}");
    bad("", &key);
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("key.pem: "), "{error}");
    bad("nothing\n", &chain);
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("chain.pem: there is no certificate in it"), "{error}");
    // The first certificate is good, and what follows is none.
    let good = std::fs::read_to_string(new.issue(&["localhost"]).write(&dir).0).unwrap();
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    bad(&format!("{good}{garbage}"), &chain);
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("chain.pem: "), "{error}");
    std::fs::remove_file(&chain).unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("chain.pem: "), "{error}");
    assert!(Tls::from_pem_files(&chain, &key).is_err());
    let mut after = server.connect("localhost", &trusting([&new])).await.unwrap();
    says(&mut after, "as before").await;

    let made = other.tls();
    assert_eq!(made.reload().unwrap_err().kind(), ErrorKind::Unsupported);
    tls.replace(Arc::new(other.server_config()));
    let mut ws = server.connect("localhost", &trusting([&old])).await.unwrap();
    says(&mut ws, "by hand").await;
}

/// S23: nor does whoever was told so keep others waiting.
#[tokio::test]
async fn s23_a_plain_request_that_stays_keeps_nobody_waiting() {
    let authority = Authority::new();
    let mut config = Config::default();
    config.handshake_timeout = Duration::from_secs(3600);
    let mut limits = ServerLimits::default();
    limits.handshakes = 1;
    let tls = authority.issue(&["localhost"]).tls();
    let server =
        Echo::on("127.0.0.1:0", |server| server.tls(tls).config(config).limits(limits)).await;
    let mut lingering = tcp(server.port).await;
    // Half of it: whoever speaks in the clear is refused from the first letter on.
    lingering.write_all(&REQUEST[..20]).await.unwrap();
    let mut ws = server.connect("localhost", &trusting([&authority])).await.unwrap();
    says(&mut ws, "not in the way").await;
    lingering.write_all(&REQUEST[20..]).await.unwrap();
    let mut answer = [0; 12];
    in_time(lingering.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}

/// S23: rustls takes up to 64 KiB of a handshake, and that is all; for a moment they are there half
/// as often again, while it makes room for more.
#[test]
fn s23_what_a_tls_handshake_costs_at_most() {
    let authority = Authority::new();
    let tls = authority.issue(&["localhost"]).tls();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address = runtime.block_on(async {
        let server = Server::bind("127.0.0.1:0").await.unwrap().tls(tls);
        let address = server.local_addrs().next().unwrap();
        tokio::spawn(server.serve(async |_| {}));
        address
    });
    let cost = |len: u32| {
        let mut hello = [&[1][..], &len.to_be_bytes()[1..]].concat();
        hello.resize(len as usize + 4, 0);
        let mut bytes = Vec::new();
        for piece in hello.chunks(16_000) {
            bytes.extend_from_slice(&[22, 3, 1]);
            bytes.extend_from_slice(&(piece.len() as u16).to_be_bytes());
            bytes.extend_from_slice(piece);
        }
        let cost = measure(|| {
            runtime.block_on(async {
                let mut stream = TcpStream::connect(address).await.unwrap();
                // It is no ClientHello, which shows when it is whole, or longer than they are.
                let _ = stream.write_all(&bytes).await;
                let mut alert = Vec::new();
                let _ = in_time(stream.read_to_end(&mut alert)).await;
                assert!(alert.is_empty() || (alert.len(), alert[0]) == (7, 21), "{alert:?}");
            });
        });
        cost.bytes_max
    };
    cost(1);
    let costs = [cost(1), cost(60_000), cost(65_535), cost(1 << 20)];
    println!("S23: within TLS up to {costs:?} bytes");
    assert!(costs.into_iter().all(|cost| cost < 112 << 10), "{costs:?}");
}

/// A ClientHello and no more.
fn client_hello(authority: &Authority) -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut session = ClientConnection::new(trusting([authority]), name).unwrap();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    hello
}

/// S23: who begins a TLS handshake and falls silent counts as pending, no longer than the timeout.
#[tokio::test]
async fn s23_handshakes_that_stall_are_ended_and_let_others_in() {
    let authority = Authority::new();
    let mut config = Config::default();
    config.handshake_timeout = Duration::from_millis(500);
    let mut limits = ServerLimits::default();
    limits.handshakes = 10;
    let tls = authority.issue(&["localhost"]).tls();
    let server =
        Echo::on("127.0.0.1:0", |server| server.tls(tls).config(config).limits(limits)).await;
    let hello = client_hello(&authority);
    let start = Instant::now();
    let mut stalled = Vec::new();
    for number in 0..30 {
        let mut stream = tcp(server.port).await;
        // Nothing, a part, all of it.
        let upto = [0, 1, 100, hello.len()][number % 4];
        stream.write_all(&hello[..upto]).await.unwrap();
        stalled.push(stream);
    }
    // Three times as many as may be pending came before: each has its half second.
    let mut ws = server.connect("localhost", &trusting([&authority])).await.unwrap();
    let took = start.elapsed();
    says(&mut ws, "in at last").await;
    assert!(took > Duration::from_millis(1400), "{took:?}");
    for mut stream in stalled {
        let mut said = Vec::new();
        let _ = in_time(stream.read_to_end(&mut said)).await;
        assert!(said.is_empty() || said[0] == 0x16, "nothing but the handshake");
    }
}

/// ServerLimits and draining are told through TLS, not into it.
#[tokio::test]
async fn s36_who_finds_no_place_is_told_through_tls() {
    let authority = Authority::new();
    let mut limits = ServerLimits::default();
    limits.connections = 1;
    let tls = authority.issue(&["localhost"]).tls();
    let server = Echo::on("127.0.0.1:0", |server| server.tls(tls).limits(limits)).await;
    let trusted = trusting([&authority]);
    let mut first = server.connect("localhost", &trusted).await.unwrap();
    says(&mut first, "one").await;
    let error = server.connect("localhost", &trusted).await.unwrap_err();
    let Error::Status(response) = error else { panic!("{error:?}") };
    assert_eq!(response.status(), 503);
    server.handle.drain();
    let farewell = in_time(first.recv()).await.unwrap();
    assert!(matches!(farewell, Some(Message::Close(Some(close))) if close.code == 1001));
    assert!(in_time(first.recv()).await.unwrap().is_none());
    let report = server.end().await;
    assert_eq!((report.closed, report.refused), (1, 1), "{report:?}");
}

/// One server, three doors: in the clear, with TLS, and with TLS through a Unix socket.
#[cfg(unix)]
#[tokio::test]
async fn each_listener_has_its_own() {
    let (authority, dir) = (Authority::new(), Directory::new());
    let tls = authority.issue(&["localhost"]).tls();
    let path = dir.path().join("socket");
    let plain = Listener::bind("127.0.0.1:0").await.unwrap();
    let plain_port = plain.local_addr().unwrap().port();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().tls(tls.clone());
    let unix = Listener::bind_unix(&path).await.unwrap().tls(tls);
    let server = Echo::serve(Server::new().listen(listener).listen(unix).listen(plain));
    let mut ws = server.connect("localhost", &trusting([&authority])).await.unwrap();
    says(&mut ws, "with").await;
    let uri = format!("ws://localhost:{plain_port}/");
    let (mut ws, _) = in_time(bowstring::connect(&uri)).await.unwrap();
    says(&mut ws, "without").await;
    assert!(matches!(ws.get_ref(), Transport::Tcp(_)));

    let stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream =
        TlsConnector::from(trusting([&authority])).connect(name, stream).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    stream.write_all(CLOSE).await.unwrap();
    let mut answer = Vec::new();
    in_time(stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 101 ") && answer.ends_with(&[0x88, 2, 3, 0xe8]));
    let asked: Vec<_> = server.asked().iter().map(Option::is_some).collect();
    assert_eq!(asked, [true, false, true]);
}

/// The threads of a server share the certificate, and its changes.
#[test]
fn threads_share_it() {
    let (old, new) = (Authority::new(), Authority::new());
    let tls = old.issue(&["localhost"]).tls();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::bind("127.0.0.1:0")).unwrap().tls(tls.clone());
    let port = server.local_addrs().next().unwrap().port();
    let handle = server.handle();
    let serving = std::thread::spawn(move || {
        let threads = std::num::NonZero::new(3).unwrap();
        server.serve_on_threads(threads, async |mut connection| {
            while let Some(message) = connection.recv().await? {
                connection.send(message).await?;
            }
            Ok::<_, Error>(())
        })
    });
    runtime.block_on(async {
        let uri = format!("wss://localhost:{port}/");
        for authority in [&old, &new] {
            if std::ptr::eq(authority, &raw const new) {
                tls.replace(Arc::new(new.issue(&["localhost"]).server_config()));
            }
            for _ in 0..20 {
                let mut ws = connect(&uri, &trusting([authority])).await.unwrap();
                says(&mut ws, "whichever thread").await;
                ws.close(1000, "").await.unwrap();
            }
        }
    });
    handle.drain();
    let report = serving.join().unwrap().unwrap();
    assert_eq!((report.closed, report.failed, report.refused), (40, 0, 0), "{report:?}");
}

/// Whichever comes first: a server that should speak TLS never speaks in the clear by the order of calls.
#[tokio::test]
async fn every_listener_of_a_server_with_a_certificate_speaks_tls() {
    let authority = Authority::new();
    let tls = authority.issue(&["localhost"]).tls();
    let own = Authority::new();
    let listen = async || Listener::bind("127.0.0.1:0").await.unwrap();
    let with_own = listen().await.tls(own.issue(&["localhost"]).tls());
    let server =
        Server::new().listen(listen().await).tls(tls).listen(listen().await).listen(with_own);
    let ports: Vec<_> = server.local_addrs().map(|address| address.port()).collect();
    let server = Echo::serve(server);
    for (port, authority) in ports.into_iter().zip([&authority, &authority, &own]) {
        let uri = format!("wss://localhost:{port}/");
        let mut ws = connect(&uri, &trusting([authority])).await.unwrap();
        says(&mut ws, "over TLS").await;
        let mut plain = tcp(port).await;
        plain.write_all(REQUEST).await.unwrap();
        let mut answer = [0; 12];
        in_time(plain.read_exact(&mut answer)).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400");
    }
    server.end().await;
}
