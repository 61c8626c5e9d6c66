//! What the echo server promises to whoever starts it: its first line, its arguments, its page, its
//! end.

#![cfg(target_os = "linux")]
#![allow(missing_docs, unreachable_pub)]

#[path = "attacks/harness.rs"]
mod harness;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use harness::*;

fn binary(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_echo-server"));
    command.args(args);
    command
}

/// Runs it to its end, which must be soon.
fn run(args: &[&str]) -> Output {
    let child = binary(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (id, done) = (child.id(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            while !done.load(Ordering::Relaxed) && start.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(5));
            }
            if !done.load(Ordering::Relaxed) {
                let _ = Command::new("kill").arg(id.to_string()).status();
            }
        });
        let output = child.wait_with_output().unwrap();
        done.store(true, Ordering::Relaxed);
        output
    })
}

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn the_first_line_says_where_it_listens() {
    let port = free_port();
    for (args, expected) in [
        (vec![port.to_string()], format!("listening on ws://127.0.0.1:{port}/\n")),
        (vec![format!("127.0.0.1:{port}")], format!("listening on ws://127.0.0.1:{port}/\n")),
        (vec![format!("[::1]:{port}")], format!("listening on ws://[::1]:{port}/\n")),
    ] {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let server = Server::spawn(&mut binary(&args));
        assert_eq!(server.greeting, expected);
        assert_eq!(server.port, port);
        if !args[0].starts_with('[') {
            Client::open(port).echo("and there it is");
        }
    }
    let servers: Vec<_> = (0..3).map(|_| Server::spawn(&mut binary(&["localhost:0"]))).collect();
    for server in &servers {
        assert_ne!(server.port, 0, "port 0: the system chooses");
        Client::open(server.port).echo("each on its own");
    }
}

#[test]
fn as_many_threads_as_asked_for() {
    for threads in [1, 2, 5] {
        let server = echo_server(threads);
        let tasks = || std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap().count();
        // And the first, which waits for signals and for the others. One thread needs no other.
        let expected = if threads == 1 { 1 } else { 1 + threads };
        until("the threads", || tasks() == expected);
        let mut clients: Vec<_> = (0..20).map(|_| Client::open(server.port)).collect();
        clients.iter_mut().for_each(|client| client.echo("whichever thread"));
    }
}

#[test]
fn bad_arguments_exit_with_2_and_one_line() {
    for args in [
        &["--loud"][..],
        &["--threads"],
        &["--threads", "0"],
        &["--threads", "many"],
        &["--threads=-1"],
        &["70000"],
        &["localhost"],
        &["1.2.3.4:x"],
        &["1", "2"],
        &[""],
    ] {
        let output = run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(
            said.starts_with("echo-server: ") && said.lines().count() == 1,
            "{args:?}: {said:?}"
        );
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn what_cannot_be_listened_on_exits_with_1_and_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _taken = TcpListener::bind(taken).unwrap();
    let server = echo_server(1);
    for address in [taken.to_string(), server.port.to_string(), "192.0.2.1:0".to_owned()] {
        let output = run(&[&address]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{address}: {said}");
        assert!(said.starts_with("echo-server: ") && said.lines().count() == 1, "{said:?}");
        assert!(said.contains(&address), "it says which: {said:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_and_version() {
    for args in [&["--help"][..], &["-h"], &["9001", "--help"]] {
        let output = run(args);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        assert!(said.contains("usage: echo-server") && said.contains("--threads"), "{said}");
    }
    for args in ["--version", "-V"] {
        let output = run(&[args]);
        assert!(output.status.success());
        let expected = format!("echo-server {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}

/// The head and the body of an answer.
fn ask(port: u16, request: &str) -> (String, String) {
    let mut client = Client::tcp(port);
    client.send(request.as_bytes());
    let mut answer = String::new();
    client.stream.read_to_string(&mut answer).expect("an answer and a clean end");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn a_browser_gets_a_page() {
    let server = echo_server(1);
    let fields = "Host: localhost\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html\r\nConnection: keep-alive\r\n\r\n";
    for target in ["/", "/index.html", "/?x=1"] {
        let (head, page) = ask(server.port, &format!("GET {target} HTTP/1.1\r\n{fields}"));
        assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
        assert!(head.contains("\r\ncontent-type: text/html"), "{head}");
        assert!(head.contains(&format!("\r\ncontent-length: {}", page.len())), "{head}");
        assert!(head.contains("\r\nconnection: close"), "{head}");
        assert!(page.contains("<html") && page.contains("WebSocket"), "{page}");

        let (head_alone, body) = ask(server.port, &format!("HEAD {target} HTTP/1.1\r\n{fields}"));
        assert_eq!((head_alone, &*body), (head, ""));
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
        let (head, _) = ask(server.port, &format!("{method} / HTTP/1.1\r\n{fields}"));
        assert!(head.starts_with("http/1.1 405 "), "{head}");
        assert!(head.contains("\r\nallow: get"), "{head}");
    }
    let (head, _) =
        ask(server.port, &format!("POST / HTTP/1.1\r\nContent-Length: 4\r\n{fields}body"));
    assert!(head.starts_with("http/1.1 405 "), "{head}");
}

#[test]
fn a_signal_sees_everybody_off() {
    for (signal, threads) in [("TERM", 1), ("INT", 1), ("TERM", 3), ("INT", 3)] {
        let mut server = echo_server(threads);
        let mut clients: Vec<_> = (0..50).map(|_| Client::open(server.port)).collect();
        clients.iter_mut().for_each(|client| client.echo("open"));
        // In the midst of a message, of a handshake, of nothing.
        clients[0].send(&client_frame(0x01, "half"));
        clients[1].send(&header(FIN | BINARY, Some(KEY), 1000));
        let mut pending = Client::tcp(server.port);
        pending.send(b"GET / HT");
        let start = Instant::now();
        server.signal(signal);
        for client in &mut clients {
            let close = client.close_frame();
            assert_eq!(close.code(), 1001);
            client.send(&close_frame_answer(&close));
            client.ends();
        }
        assert!(pending.is_over_within(Duration::from_secs(1)));
        assert_eq!(server.wait().code(), Some(0), "{signal}");
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        let mut rest = String::new();
        server.stdout.read_to_string(&mut rest).unwrap();
        server.stderr.read_to_string(&mut rest).unwrap();
        let page = format!("a page to try it with: http://127.0.0.1:{}/\n", server.port);
        assert_eq!(rest, page, "no more is said");
    }
}

fn close_frame_answer(close: &Frame) -> Vec<u8> {
    client_frame(FIN | CLOSE, &close.payload[..2])
}

/// Whoever has read the first line may end it: the handlers are there by then.
#[test]
fn a_signal_right_after_the_first_line() {
    for round in 0..scale(100, 30) {
        let mut server = echo_server(1 + round % 2);
        server.signal(if round % 3 == 0 { "INT" } else { "TERM" });
        assert_eq!(server.wait().code(), Some(0), "round {round}");
    }
}

/// Peers that do not answer, do not read, or do not stop, cannot keep it from ending.
#[test]
fn a_signal_against_unwilling_peers() {
    let mut server = hasty_server(&["--threads", "2"]);
    let port = server.port;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        // Floods in both directions.
        for _ in 0..3 {
            let mut client = Client::open(port);
            let mut reading = client.stream.try_clone().unwrap();
            scope.spawn(move || {
                let mut piece = vec![0; 1 << 18];
                while matches!(reading.read(&mut piece), Ok(1..)) {}
            });
            let stop = &stop;
            scope.spawn(move || {
                let many = client_frame(FIN | TEXT, "and on and on").repeat(10_000);
                while !stop.load(Ordering::Relaxed) && client.stream.write_all(&many).is_ok() {}
            });
        }
        let _silent: Vec<_> = (0..3).map(|_| Client::open(port)).collect();
        let mut stuck = Client::narrow(port).upgraded();
        stuck.send_while_taken(
            &client_frame(FIN | BINARY, [0; 1000]),
            64 << 20,
            Duration::from_millis(100),
        );
        let mut pinging = Client::narrow(port).upgraded();
        pinging.send_while_taken(
            &client_frame(FIN | PING, [0; 125]),
            4 << 20,
            Duration::from_millis(100),
        );
        let start = Instant::now();
        server.signal("TERM");
        while start.elapsed() < PATIENCE && server.has_not_ended() {
            thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        drop((stuck, pinging));
        let ended = server.wait();
        println!("against unwilling peers it ended after {:?}", start.elapsed());
        assert_eq!(ended.code(), Some(0));
        // The deadline of a close for those who do not answer, and some more for a busy machine in
        // debug. Without a bound to the turns of a flood it was as long as the flood.
        let limit = CLOSE_DEADLINE + Duration::from_secs(if FULL { 7 } else { 15 });
        assert!(start.elapsed() < limit, "{:?}", start.elapsed());
    });
}

/// While it waits for those, nobody new is let in to wait for nothing.
#[test]
fn nobody_is_let_in_any_more_once_it_ends() {
    let mut server = echo_server(2);
    let mut silent = Client::open(server.port);
    server.signal("TERM");
    assert_eq!(silent.close_frame().code(), 1001);
    // Each thread closes it in its own time, but none waits for the peer.
    let connect = || std::net::TcpStream::connect(("127.0.0.1", server.port));
    let took = until("the port to be closed", || connect().is_err());
    assert!(took < Duration::from_secs(2), "{took:?}");
    server.assert_alive();
    silent.send(&client_close(1001, ""));
    silent.ends();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_connection_flood() {
    let mut arena = Arena::with_threads(2);
    let count = 2000;
    let start = Instant::now();
    for _ in 0..count {
        drop(arena.open());
    }
    println!("{count} connections opened and closed in {:?}", start.elapsed());
    arena.unharmed();
}

#[test]
fn what_an_idle_connection_costs() {
    let mut arena = Arena::new();
    let count = 2000;
    let before = arena.server.rss();
    let mut idle: Vec<_> = (0..count).map(|_| arena.open()).collect();
    let fresh = (arena.server.rss() - before) / count;
    for client in &mut idle {
        client.echo("used once");
    }
    let used = (arena.server.rss() - before) / count;
    println!(
        "resident bytes for each of {count} idle connections: {fresh} fresh, {used} after an echo"
    );
    assert!(fresh < 4 * KIB && used < 4 * KIB, "{fresh}, {used}");
    drop(idle);
    arena.unharmed();
}

/// Nobody may read what it says, and no disk may have room for it.
#[test]
fn it_serves_though_it_cannot_say_where() {
    let port = free_port();
    for broken in [false, true] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_echo-server"));
        command.args([&*port.to_string(), "--threads", "2"]).stdin(Stdio::null());
        let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
        if broken {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        } else {
            command.stdout(full()).stderr(full());
        }
        let mut child = command.spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        until("it to listen", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Client::open(port).echo("here");
        assert!(child.try_wait().unwrap().is_none(), "it goes on");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Some peers do not answer a close frame. A second signal does not wait for them.
#[test]
fn a_second_signal_ends_it_at_once() {
    for threads in ["1", "2"] {
        let long = ["--close-timeout", "3600", "--drain-timeout", "3600", "--threads", threads];
        let mut server = Server::spawn(binary(&long).arg("0"));
        let mut silent = Client::open(server.port);
        server.signal("TERM");
        assert_eq!(silent.close_frame().code(), 1001);
        server.assert_alive();
        server.signal("INT");
        assert_eq!(server.wait().code(), Some(0));
    }
}

/// A thread takes address space for its stack. Where there is none, that is an error like any other.
#[test]
fn threads_that_cannot_be_had_are_an_error() {
    let binary = env!("CARGO_BIN_EXE_echo-server");
    let script = format!("ulimit -n 8192 && ulimit -v 800000 && exec {binary} 0 --threads 1000");
    let mut command = Command::new("sh");
    let output = command.args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("echo-server: ") && said.lines().count() == 1, "{said:?}");
    assert!(output.stdout.is_empty());
}
