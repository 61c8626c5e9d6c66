//! The echo server with `--cert` and `--key`; and what pending TLS handshakes cost it (S23).

#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bowstring::Error;
use bowstring::net::TlsError;
use bowstring::net::rustls::ClientConnection;
use bowstring::net::rustls::pki_types::ServerName;

use crate::harness::{Client, HANDSHAKE_DEADLINE, KIB, PATIENCE, Server, hasty_server, scale};
use crate::support::{Authority, Directory, connect, says, trusting};

/// The echo server with this authority's certificate, in files.
fn server(authority: &Authority, dir: &Directory, threads: &str) -> Server {
    let (chain, key) = authority.issue(&["localhost", "127.0.0.1"]).write(dir);
    let (chain, key) = (chain.to_str().unwrap(), key.to_str().unwrap());
    hasty_server(&["--threads", threads, "--cert", chain, "--key", key])
}

fn uri(server: &Server) -> String {
    format!("wss://localhost:{}/", server.port)
}

#[tokio::test]
async fn it_speaks_tls_and_reads_its_certificate_again() {
    let (old, new, dir) = (Authority::new(), Authority::new(), Directory::new());
    let mut server = server(&old, &dir, "2");
    assert_eq!(server.greeting, format!("listening on wss://127.0.0.1:{}/\n", server.port));
    let mut before = connect(&uri(&server), &trusting([&old])).await.unwrap();
    says(&mut before, "before").await;

    new.issue(&["localhost"]).write(&dir);
    server.signal("HUP");
    let mut line = String::new();
    server.stdout.read_line(&mut line).unwrap();
    assert!(line.ends_with(&format!(" https://127.0.0.1:{}/\n", server.port)), "{line}");
    line.clear();
    server.stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "the certificate was read again\n");
    let mut after = connect(&uri(&server), &trusting([&new])).await.unwrap();
    says(&mut after, "after").await;
    let error = connect(&uri(&server), &trusting([&old])).await.unwrap_err();
    assert!(matches!(error, Error::Tls(TlsError::UnknownIssuer)), "{error:?}");

    std::fs::write(dir.path().join("key.pem"), "not a key").unwrap();
    server.signal("HUP");
    line.clear();
    BufReader::new(&mut server.stderr).read_line(&mut line).unwrap();
    assert!(line.starts_with("echo-server: the old certificate stays: "), "{line}");
    assert!(line.contains("key.pem: "), "{line}");
    let mut still = connect(&uri(&server), &trusting([&new])).await.unwrap();
    for ws in [&mut before, &mut after, &mut still] {
        says(ws, "still here").await;
    }

    // Browsers get their page in this way, too; in the clear they are told.
    let mut plain = Client::tcp(server.port);
    plain.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut answer = String::new();
    plain.stream.read_to_string(&mut answer).expect("a clean end");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("TLS"), "{answer}");

    server.signal("TERM");
    for ws in [&mut before, &mut after, &mut still] {
        while ws.recv().await.unwrap().is_some() {}
    }
    assert_eq!(server.wait().code(), Some(0));
}

/// Nobody reads what it says any more, and it goes on.
#[tokio::test]
async fn it_reads_its_certificate_again_though_nobody_hears_of_it() {
    let (authority, dir) = (Authority::new(), Directory::new());
    let (chain, key) = authority.issue(&["localhost"]).write(&dir);
    let mut command = Command::new(env!("CARGO_BIN_EXE_echo-server"));
    command.args(["0", "--threads", "2", "--cert"]).arg(&chain).arg("--key").arg(&key);
    let (mut server, port) = unheard(&mut command);
    for broken in [false, true] {
        if broken {
            std::fs::write(&key, "not a key").unwrap();
        }
        let pid = server.0.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
        // It is there to be asked, and what came before has been done.
        for _ in 0..3 {
            let uri = format!("wss://localhost:{port}/");
            let mut ws = connect(&uri, &trusting([&authority])).await.unwrap();
            says(&mut ws, "here").await;
        }
        assert!(server.0.try_wait().unwrap().is_none());
    }
    assert!(Command::new("kill").arg(server.0.id().to_string()).status().unwrap().success());
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
}

/// Starts a server and reads its first line; the readers of what it says go away then.
fn unheard(command: &mut Command) -> (Killed, u16) {
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let (mut out, mut line) = (BufReader::new(child.stdout.take().unwrap()), String::new());
    out.read_line(&mut line).unwrap();
    drop(child.stderr.take());
    let port = line.trim_end().trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    (Killed(child), port)
}

/// A process that is killed when this is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn files_that_are_no_certificate_exit_with_1_and_one_line() {
    let (authority, dir) = (Authority::new(), Directory::new());
    let (chain, key) = authority.issue(&["localhost"]).write(&dir);
    let none = dir.path().join("none.pem");
    for (chain, key, blamed) in
        [(&none, &key, "none.pem"), (&chain, &none, "none.pem"), (&key, &key, "key.pem")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_echo-server"));
        command.args(["0", "--cert", chain.to_str().unwrap(), "--key", key.to_str().unwrap()]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("echo-server: ") && said.lines().count() == 1, "{said:?}");
        assert!(said.contains(blamed), "it says which: {said:?}");
        assert!(output.stdout.is_empty());
    }
}

/// Many who send so much of a ClientHello and fall silent: newcomers are let in, and all are ended in
/// time. What each costs.
async fn stalled(name: &str, upto: impl Fn(usize) -> usize) -> i64 {
    let (authority, dir) = (Authority::new(), Directory::new());
    let mut server = server(&authority, &dir, "1");
    let trusted = trusting([&authority]);
    let mut bystander = connect(&uri(&server), &trusted).await.unwrap();
    for _ in 0..20 {
        let mut ws = connect(&uri(&server), &trusted).await.unwrap();
        says(&mut ws, "warm").await;
        ws.close(1000, "").await.unwrap();
    }
    let host = ServerName::try_from("localhost").unwrap();
    let mut session = ClientConnection::new(trusted.clone(), host).unwrap();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    let upto = upto(hello.len());

    // Those who were warm leave as they like.
    server.await_fds(server.fds());
    let (fds, before, count) = (server.fds(), server.rss(), scale(2000, 500));
    let start = Instant::now();
    let mut stalled: Vec<_> = (0..count)
        .map(|_| {
            let mut client = Client::tcp(server.port);
            client.send(&hello[..upto]);
            client
        })
        .collect();
    if upto == hello.len() {
        stalled.iter_mut().for_each(|client| assert!(client.read(), "an answer"));
    }
    let mut newcomer = connect(&uri(&server), &trusted).await.unwrap();
    says(&mut newcomer, "newcomers are welcome").await;
    assert!(server.fds() > count, "they are there still");
    let each = (server.rss() - before) / count as i64;
    println!("S23: {each} bytes for each that has sent {name}");
    for client in &mut stalled {
        assert!(client.is_over_within(PATIENCE), "ended by the server");
    }
    let took = start.elapsed();
    println!("S23: they were ended after {took:?}");
    let least = HANDSHAKE_DEADLINE.mul_f64(0.95);
    assert!(took > least && took < HANDSHAKE_DEADLINE + Duration::from_secs(6), "{took:?}");
    drop(newcomer);
    server.await_fds(fds);
    says(&mut bystander, "unharmed").await;
    server.assert_alive();
    each
}

/// rustls has not begun: it costs what it costs in the clear.
#[tokio::test]
async fn s23_who_says_nothing_over_tls() {
    let each = stalled("nothing", |_| 0).await;
    assert!(each < 10 * KIB, "{each}");
}

#[tokio::test]
async fn s23_half_a_client_hello_and_then_silence() {
    let each = stalled("half a ClientHello", |len| len / 2).await;
    assert!(each < 22 * KIB, "{each}");
}

/// The 8 KiB of a handshake in the clear are not enough for rustls. The server has made its keys and answered with its certificate.
#[tokio::test]
async fn s23_a_client_hello_and_then_silence() {
    let each = stalled("a ClientHello", |len| len).await;
    assert!(each < 22 * KIB, "{each}");
}

/// What a connection over TLS costs when it is idle.
#[tokio::test]
async fn what_an_idle_connection_costs() {
    let (authority, dir) = (Authority::new(), Directory::new());
    let server = server(&authority, &dir, "1");
    let trusted = trusting([&authority]);
    for _ in 0..20 {
        let mut ws = connect(&uri(&server), &trusted).await.unwrap();
        says(&mut ws, "warm").await;
    }
    let count = scale(1000, 200);
    let before = server.rss();
    let mut idle = Vec::new();
    for _ in 0..count {
        let mut ws = connect(&uri(&server), &trusted).await.unwrap();
        says(&mut ws, "used once").await;
        idle.push(ws);
    }
    let each = (server.rss() - before) / count as i64;
    println!("{each} resident bytes for each of {count} idle connections over TLS");
    assert!(each < 16 * KIB, "{each}");
}
