//! The protocol core on an event loop of your own: a server and a client on blocking sockets of `std`.
//!
//! `cargo run --example event-loop`. No tokio is used. [`drive`] is the loop; everything else is the
//! opening handshake and what the two sides say.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use bowstring::Message;
use bowstring::handshake::{
    ClientRequest, Head, HeadError, HeadLimits, HeadScanner, check_request, check_response,
    write_accept, write_refusal,
};
use bowstring::proto::{Connection, ProtocolConfig, Role, State};

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(listener.accept()?.0));

    let heard = talk(TcpStream::connect(address)?, &format!("ws://{address}/"))?;
    println!("the server said {heard:?}");
    assert_eq!(heard, ["hello", "how are you?"]);
    server.join().expect("the server does not panic")
}

/// The server: it sends every message back until the client closes.
fn serve(mut stream: TcpStream) -> Result<(), Failure> {
    let (request, rest) = read_head(&mut stream, |head| head.request())?;
    let upgrade = match check_request(&request) {
        Ok(upgrade) => upgrade,
        Err(error) => {
            stream.write_all(&write_refusal(&error))?;
            return Err(error.into());
        }
    };
    stream.write_all(&write_accept(&upgrade, None, None, &http::HeaderMap::new())?)?;

    let connection = Connection::new(Role::Server, &config(), Instant::now());
    drive(stream, connection, rest, Vec::new(), |message, connection, out| {
        if !message.is_close() {
            connection.feed(message, out)?;
        }
        Ok(())
    })
}

/// The client: it says two things, collects the answers, and closes.
fn talk(mut stream: TcpStream, uri: &str) -> Result<Vec<String>, Failure> {
    let (request, nonce) = (ClientRequest::new(uri.parse()?), rand::random());
    stream.write_all(&request.write(nonce)?)?;
    let (response, rest) = read_head(&mut stream, |head| head.response())?;
    check_response(&response, &request, nonce)?;

    // The masking keys of a client must be unpredictable (§5.3).
    let role = Role::Client(rand::random);
    let mut connection = Connection::new(role, &config(), Instant::now());
    let mut out = Vec::new();
    connection.feed("hello", &mut out)?;
    connection.feed("how are you?", &mut out)?;

    let mut heard = Vec::new();
    drive(stream, connection, rest, out, |message, connection, out| {
        heard.extend(message.as_text().map(str::to_owned));
        if heard.len() == 2 && connection.state() == State::Open {
            connection.feed(bowstring::Close { code: 1000.into(), reason: "thank you" }, out)?;
        }
        Ok(())
    })?;
    Ok(heard)
}

/// A ping after 20 seconds of silence; by itself the core sends none.
fn config() -> ProtocolConfig {
    let mut config = ProtocolConfig::default();
    config.timeouts.keep_alive = Some(Duration::from_secs(20));
    config
}

/// Drives a connection until it has ended. `input` was read already, `out` is written first.
fn drive(
    mut stream: TcpStream,
    mut connection: Connection,
    mut input: Vec<u8>,
    mut out: Vec<u8>,
    mut on_message: impl FnMut(Message, &mut Connection, &mut Vec<u8>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut chunk = [0; 16 * 1024];
    loop {
        // Take every message out of the bytes. What is left is the beginning of the next frame.
        let mut bytes = &mut input[..];
        let broken = loop {
            match connection.recv_message(&mut bytes, &mut out) {
                Ok(Some(message)) => on_message(message, &mut connection, &mut out)?,
                Ok(None) => break None,
                Err(violation) => break Some(violation),
            }
        };
        let left = bytes.len();
        input.drain(..input.len() - left);

        // Write the answers, and what the protocol owes: pongs, the answer to a close frame.
        stream.write_all(&out)?;
        out.clear();

        if connection.should_end_transport() {
            stream.shutdown(Shutdown::Write)?;
        }
        if let Some(violation) = broken {
            return Err(violation.into());
        }

        // Wait for bytes, or until the deadline.
        let now = Instant::now();
        let wait = connection.poll_timeout(now).map(|at| at.saturating_duration_since(now));
        stream.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
        match stream.read(&mut chunk) {
            Ok(0) => connection.handle_eof(),
            Ok(len) => {
                connection.note_received();
                input.extend_from_slice(&chunk[..len]);
            }
            Err(error) if is_timeout(&error) => {
                connection.handle_timeout(Instant::now(), &mut out)?;
            }
            Err(error) => return Err(error.into()),
        }
        if connection.state() == State::Closed {
            // Without both close frames the connection was lost: its code is 1006.
            return if connection.is_clean() {
                Ok(())
            } else {
                Err("the connection was lost".into())
            };
        }
    }
}

/// Reads and parses a head. What comes after it are frames.
fn read_head<T>(
    stream: &mut TcpStream,
    parse: impl Fn(&Head<'_>) -> Result<T, HeadError>,
) -> Result<(T, Vec<u8>), Failure> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut scanner = HeadScanner::new(&HeadLimits::default());
    let (mut bytes, mut chunk) = (Vec::new(), [0; 1024]);
    loop {
        let len = stream.read(&mut chunk)?;
        if len == 0 {
            return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
        }
        bytes.extend_from_slice(&chunk[..len]);
        if let Some(head) = scanner.scan(&bytes)? {
            let (parsed, len) = (parse(&head)?, head.len());
            return Ok((parsed, bytes.split_off(len)));
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
