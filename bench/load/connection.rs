//! One connection to the server, after its opening handshake.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::{Failure, sys};

/// How long the server may be silent before it counts as broken.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The key is that of RFC 6455 §1.3, so the right answer to it is a constant.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Connects, and asks for the upgrade; [`admitted`] reads the answer.
pub fn ask(port: u16, extension: Option<&str>) -> Result<TcpStream, Failure> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| format!("connecting: {error}"))?;
    sys::reset_on_drop(&stream)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request(port, extension).as_bytes())?;
    Ok(stream)
}

fn request(port: u16, extension: Option<&str>) -> String {
    let extension =
        extension.map(|offer| format!("Sec-WebSocket-Extensions: {offer}\r\n")).unwrap_or_default();
    format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extension}\r\n"
    )
}

/// Reads the server's answer to the handshake and gives it, if it is the right one.
pub fn admitted(stream: &mut TcpStream) -> Result<String, Failure> {
    let (mut head, mut len) = ([0; 2048], 0);
    while !head[..len].ends_with(b"\r\n\r\n") {
        match stream.read(&mut head[len..]) {
            Ok(0) => return Err("the server ended the handshake, or said too much".into()),
            Ok(n) => len += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("in the handshake: {error}").into()),
        }
    }
    let head = String::from_utf8(head[..len].to_vec())?;
    if !head.starts_with("HTTP/1.1 101 ") || !head.contains(ACCEPT) {
        return Err(format!("the server refused the handshake: {head:?}").into());
    }
    Ok(head)
}

/// A connection that is ready for messages.
pub fn open(port: u16, extension: Option<&str>) -> Result<TcpStream, Failure> {
    let mut stream = ask(port, extension)?;
    let head = admitted(&mut stream)?.to_ascii_lowercase();
    let agreed = head.contains("sec-websocket-extensions:");
    match extension {
        Some(_) if !agreed => Err("the server does not compress".into()),
        Some(_) if !head.contains("server_no_context_takeover") => {
            Err("the server insists on context takeover".into())
        }
        None if agreed => Err("the server agreed to what was not offered".into()),
        _ => Ok(stream),
    }
}

/// Sends and hears one round, waiting for it.
pub fn exchange(stream: &mut TcpStream, said: &[u8], heard: &[u8]) -> Result<(), Failure> {
    stream.write_all(said)?;
    let mut bytes = vec![0; heard.len()];
    stream.read_exact(&mut bytes)?;
    if bytes != heard {
        return Err("an answer differs from what was sent".into());
    }
    Ok(())
}
