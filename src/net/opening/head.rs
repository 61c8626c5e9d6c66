//! What both ends of the opening handshake do with a transport: read a head, end politely.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::handshake::{Head, HeadError, HeadLimits, HeadScanner};
use crate::net::buffers::pool;
use crate::net::connect_error::OpeningStep;
use crate::net::error::Error;

/// How much is read at a time, so that not much piles up after a head.
pub(super) const PIECE: usize = 16 << 10;

/// How much is read and dropped after an answer that ends the connection.
const LINGER: usize = 1 << 20;

/// Gives the handshake, or a step of it, so long.
pub(in crate::net) async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, step).await {
        Ok(done) => done,
        Err(_) => Err(Error::HandshakeTimeout(OpeningStep::Handshake)),
    }
}

/// Reads until `bytes` begins with a whole head, and parses it. Leaves in `bytes` what came after it.
pub(in crate::net) async fn read_head<T, E: From<HeadError> + Into<Error>>(
    stream: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
    limits: &HeadLimits,
    parse: impl Fn(Head<'_>) -> Result<T, HeadError>,
) -> Result<T, Error> {
    let mut scanner = HeadScanner::new(limits);
    loop {
        let found = scanner.scan(bytes).and_then(|head| {
            let parse = |head: Head<'_>| parse(head).map(|parsed| (parsed, head.len()));
            head.map(parse).transpose()
        });
        if let Some((parsed, len)) = found.map_err(|error| E::from(error).into())? {
            // What is kept must not hold the memory of the head.
            *bytes = bytes.split_off(len);
            return Ok(parsed);
        }
        if read_some(stream, bytes).await? == 0 {
            let message = "the transport ended within the opening handshake";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message).into());
        }
    }
}

/// Appends what comes next; 0 at the end. A socket that waits owns only what has arrived.
pub(in crate::net) async fn read_some(
    stream: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
) -> io::Result<usize> {
    poll_fn(|cx| poll_read_some(Pin::new(stream), cx, bytes)).await
}

fn poll_read_some(
    stream: Pin<&mut impl AsyncRead>,
    cx: &mut Context<'_>,
    bytes: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    let mut block = pool::take_block();
    let mut piece = ReadBuf::new(&mut block[..PIECE]);
    let polled = stream.poll_read(cx, &mut piece);
    bytes.extend_from_slice(piece.filled());
    let len = piece.filled().len();
    pool::give_block(block);
    ready!(polled)?;
    Poll::Ready(Ok(len))
}

/// Writes a last answer and ends the transport, in at most `limit`.
///
/// What the peer still sends is read and dropped, up to a bound and for at most `limit` again. If the transport
/// were closed with bytes unread, the kernel would send a reset, which can overtake the answer (§7.1.1).
pub(in crate::net) async fn write_last(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    mut head: Vec<u8>,
    body: &[u8],
    limit: Duration,
) -> Result<(), Error> {
    // A large body may be shared by many, so it is not copied. A small one goes out with the head.
    let body = if body.len() > PIECE {
        body
    } else {
        head.extend_from_slice(body);
        &[]
    };
    within(limit, async {
        stream.write_all(&head).await?;
        stream.write_all(body).await?;
        Ok(stream.shutdown().await?)
    })
    .await?;
    // A peer that stays, or resets the connection, has read as much as it wanted.
    let _ = within(limit, async {
        let mut dropped = Vec::new();
        let mut left = LINGER;
        while left > 0 {
            dropped.clear();
            match read_some(&mut stream, &mut dropped).await? {
                0 => break,
                len => left = left.saturating_sub(len),
            }
        }
        Ok(())
    })
    .await;
    Ok(())
}

/// Turns Nagle's algorithm off where there is one: corking is ours.
pub(in crate::net) fn no_delay<S: 'static>(stream: &S) {
    if let Some(tcp) = (stream as &dyn Any).downcast_ref::<TcpStream>() {
        // Only a socket that is gone already refuses, and that will show soon enough.
        let _ = tcp.set_nodelay(true);
    }
}
