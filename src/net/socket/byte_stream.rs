//! A byte stream over binary messages, for tunnels.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::waker_pair::Side;
use super::websocket::WebSocket;
use crate::net::buffers::offer::WhenFull;
use crate::net::error::Error;
use crate::proto::{Close, CloseCode, CloseFrame, Event, Message};

/// Bytes over a WebSocket: what is written goes in binary messages, what arrives in them is read.
///
/// It is what tunnels want: SSH, a database's protocol, TLS to a third party. Where messages begin and end has no
/// meaning, as with `websocat --binary` and `websockify`.
///
/// ```
/// # use bowstring::{Config, net::{ByteStream, WebSocket, masking_key}, proto::Role};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let (near, far) = tokio::io::duplex(1024);
/// # let config = Config::default();
/// # let client = WebSocket::from_raw(near, Role::Client(masking_key), Vec::new(), &config);
/// # let server = WebSocket::from_raw(far, Role::Server, Vec::new(), &config);
/// let (mut near, mut far) = (ByteStream::new(client), ByteStream::new(server));
/// tokio::spawn(async move {
///     let mut name = [0; 5];
///     far.read_exact(&mut name).await?;
///     far.write_all(b"hello ").await?;
///     far.write_all(&name).await?;
///     far.shutdown().await
/// });
///
/// near.write_all(b"world").await?;
/// near.flush().await?;
/// let mut answer = String::new();
/// near.read_to_string(&mut answer).await?;
/// assert_eq!(answer, "hello world");
/// # Ok(())
/// # }
/// ```
///
/// # Writing
///
/// Each write is one message, of at most [`max_write`](Self::max_write) bytes; default 64 KiB. Wrap it in a
/// [`BufWriter`](tokio::io::BufWriter) if you write a few bytes at a time. `flush` writes everything to the transport.
/// Without it, what was written goes out at the latest before the next read waits. While more than
/// [`high_water`](crate::net::Config::high_water) bytes wait, a write waits, whatever
/// [`overflow`](crate::net::Config::overflow) says: a byte stream drops nothing.
///
/// # The end
///
/// `shutdown` sends a close frame with 1000. There is no half-closed connection: the peer answers the close frame and can
/// send nothing after that (§5.5.1). What it sent before can still be read. So shut down when you have read what you
/// want, or let your own protocol say where it ends.
///
/// | what happens | what is read |
/// |---|---|
/// | a close frame with 1000, 1001 or without a code | the end: 0 bytes |
/// | a close frame with another code | `ConnectionAborted`, with [`Error::Closed`] |
/// | TCP ends without a close frame | `UnexpectedEof`, with [`Error::Lost`] |
/// | a text message | `InvalidData`; the connection is closed with 1003 (§7.4.1) |
/// | other failures | their kind, with the [`Error`] |
///
/// After a failure each further read fails. Empty messages, pings and pongs are passed over.
///
/// # Cancel safety
///
/// As with a `TcpStream`: `read` and `write` are cancel safe, `read_exact` and `write_all` are not.
#[derive(Debug)]
pub struct ByteStream<S> {
    ws: WebSocket<S>,
    /// What was received and not read.
    unread: Bytes,
    reading: Reading,
    has_shut: bool,
    max_write: usize,
}

#[derive(Debug)]
enum Reading {
    Open,
    /// The end was read.
    Ended,
    /// Each read says so.
    Failed(io::ErrorKind),
}

impl<S: AsyncRead + AsyncWrite + Unpin> ByteStream<S> {
    /// A byte stream over this connection. Messages that it has received already are read.
    pub fn new(ws: WebSocket<S>) -> Self {
        let (unread, reading) = (Bytes::new(), Reading::Open);
        Self { ws, unread, reading, has_shut: false, max_write: 64 * 1024 }
    }

    /// The most bytes that a message of ours has; 1 at least. The peer's limit for messages must allow it.
    pub fn max_write(mut self, bytes: usize) -> Self {
        self.max_write = bytes.max(1);
        self
    }

    /// The connection, to look at.
    pub fn get_ref(&self) -> &WebSocket<S> {
        &self.ws
    }

    /// The connection, and what was received and not read.
    pub fn into_inner(self) -> (WebSocket<S>, Bytes) {
        (self.ws, self.unread)
    }

    /// Waits until there are bytes to read; `false` means the end.
    fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.unread.is_empty() {
            match self.reading {
                Reading::Open => {}
                Reading::Ended => return Poll::Ready(Ok(false)),
                Reading::Failed(kind) => return Poll::Ready(Err(kind.into())),
            }
            let received = ready!(futures_core::Stream::poll_next(Pin::new(&mut self.ws), cx));
            match received.transpose() {
                Ok(Some(Message::Binary(data))) => self.unread = data,
                Ok(Some(Message::Ping(_) | Message::Pong(_))) => {}
                Ok(Some(Message::Text(_))) => {
                    let reason = "text on a byte stream";
                    self.close(Close { code: CloseCode::UNSUPPORTED_DATA, reason });
                    let error = io::Error::new(io::ErrorKind::InvalidData, "a text message");
                    return Poll::Ready(Err(self.fail(cx, error)));
                }
                Ok(Some(Message::Close(Some(close)))) if !is_end(close.code) => {
                    let error = Error::Closed(close);
                    let error = io::Error::new(io::ErrorKind::ConnectionAborted, error);
                    return Poll::Ready(Err(self.fail(cx, error)));
                }
                Ok(Some(Message::Close(_)) | None) => {
                    self.reading = Reading::Ended;
                    self.answer(cx);
                }
                Err(error) => return Poll::Ready(Err(self.fail(cx, into_io(error)))),
            }
        }
        Poll::Ready(Ok(true))
    }

    fn close(&mut self, close: Close<'_>) {
        self.has_shut = true;
        // If nothing can be sent any more, reading says why.
        let _ = self.ws.feed_now(Event::Close(Some(close)));
    }

    fn fail(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Error {
        self.reading = Reading::Failed(error.kind());
        self.answer(cx);
        error
    }

    /// Writes what is owed to the peer, as far as the transport takes it.
    fn answer(&mut self, cx: &mut Context<'_>) {
        // What fails here is found by whatever is called next.
        let _ = futures_core::Stream::poll_next(Pin::new(&mut self.ws), cx);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> From<WebSocket<S>> for ByteStream<S> {
    fn from(ws: WebSocket<S>) -> Self {
        Self::new(ws)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ByteStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buf.remaining() > 0 && ready!(this.poll_unread(cx))? {
            let len = this.unread.len().min(buf.remaining());
            buf.put_slice(&this.unread[..len]);
            this.unread.advance(len);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ByteStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.has_shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let len = bytes.len().min(this.max_write);
        if len == 0 {
            return Poll::Ready(Ok(0));
        }
        let event = Event::Binary(&bytes[..len]);
        let fed = this.ws.poll_as(Side::Sink, cx, |ws, cx| {
            ws.poll_offer(cx, |link| link.offer(&event, WhenFull::Wait))
        });
        fed.map(|fed| fed.map(|()| len).map_err(into_io))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = this.ws.poll_as(Side::Sink, cx, |ws, cx| ws.poll_flushed(cx));
        flushed.map_err(into_io)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.has_shut {
            self.close(Close { code: CloseCode::NORMAL, reason: "" });
        }
        match ready!(self.as_mut().poll_flush(cx)) {
            // The peer has closed first: there is nothing left to say.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Poll::Ready(Ok(())),
            flushed => Poll::Ready(flushed),
        }
    }
}

/// Whether a peer that closes with this has sent all that it wanted to.
fn is_end(code: CloseCode) -> bool {
    [CloseCode::NORMAL, CloseCode::GOING_AWAY, CloseCode::NO_STATUS].contains(&code)
}

fn into_io(error: Error) -> io::Error {
    use io::ErrorKind;
    let kind = match &error {
        Error::Io(error) => error.kind(),
        Error::Lost => ErrorKind::UnexpectedEof,
        Error::Closed(CloseFrame { .. }) | Error::Misuse(_) => ErrorKind::BrokenPipe,
        Error::Timeout(_) => ErrorKind::TimedOut,
        Error::Violation(_) => ErrorKind::InvalidData,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
