//! The socket that a callback gets.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::Error;
use bowstring::net::Transport;
use bowstring::proto::State;
use bowstring::server::ServerConnection;
use futures_core::Stream;
use futures_core::stream::FusedStream;
use futures_sink::Sink;
use http::HeaderValue;

use crate::message::Message;

/// A WebSocket connection. It receives with [`recv`](Self::recv) and sends with [`send`](Self::send). It is a
/// [`Stream`] and a [`Sink`] as well, so the `split` of `futures` works.
///
/// ```
/// use bowstring_axum::{Message, WebSocket};
///
/// async fn echo(mut socket: WebSocket) {
///     while let Some(Ok(message)) = socket.recv().await {
///         if let Message::Text(_) | Message::Binary(_) = message
///             && socket.send(message).await.is_err()
///         {
///             return;
///         }
///     }
/// }
/// ```
///
/// # What it receives
///
/// - Messages, and pings and pongs too. Pings were answered already. The answers to the pings of the keep-alive do
///   not arrive.
/// - The peer's close frame, as [`Message::Close`]. It was answered already. Then the end, which is `None`.
/// - If the connection fails, the error, and then the end. It is a [`bowstring::Error`] within an [`Error`]: for
///   instance [`Lost`](bowstring::Error::Lost), if the peer has gone without closing.
///
/// # Dropping it
///
/// The peer sees the end of the connection without a close frame (1006), as with axum's. If a close frame was sent
/// or received before, a task finishes the closing handshake, so that the peer can read all that was sent. That takes
/// at most [`Timeouts::close`](bowstring::proto::Timeouts::close).
///
/// A connection of a [server](crate::WebSocketUpgrade::server) is closed by the server instead, with 1000.
///
/// # The rest of `bowstring`
///
/// [`get_mut`](Self::get_mut) lends the [`bowstring::WebSocket`], and [`into_inner`](Self::into_inner) gives it away:
/// with batches, a split without locks, and handles.
#[derive(Debug)]
pub struct WebSocket {
    socket: Socket,
    protocol: Option<HeaderValue>,
    phase: Phase,
}

/// What is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// A close frame or an error was the last: what comes next is the end. The closing handshake is finished when the
    /// socket is dropped, so that no handler waits for a peer that does not end TCP.
    Last,
    Ended,
}

/// Whose it is.
#[derive(Debug)]
enum Socket {
    Own(Own),
    /// The server closes it when it is dropped.
    Served(ServerConnection),
}

/// A socket that finishes its closing handshake when it is dropped.
#[derive(Debug)]
struct Own(Option<Box<bowstring::WebSocket<Transport>>>);

impl WebSocket {
    pub(crate) fn own(
        socket: bowstring::WebSocket<Transport>,
        protocol: Option<HeaderValue>,
    ) -> Self {
        Self { socket: Socket::Own(Own(Some(Box::new(socket)))), protocol, phase: Phase::Open }
    }

    pub(crate) fn served(connection: ServerConnection, protocol: Option<HeaderValue>) -> Self {
        Self { socket: Socket::Served(connection), protocol, phase: Phase::Open }
    }

    /// Receives the next message. `None` is the end.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: no message is lost.
    pub async fn recv(&mut self) -> Option<Result<Message, Error>> {
        if self.phase != Phase::Open {
            return self.note(None);
        }
        let received = self.get_mut().recv().await;
        self.note(received.transpose())
    }

    /// Sends a message and writes it now.
    ///
    /// While more than [`high_water`](bowstring::Config::high_water) bytes wait to be written, it first waits for
    /// room. While a message is sent, none is received, and pings are not answered.
    ///
    /// # Cancel safety
    ///
    /// A message is framed whole or not at all. If the future is dropped while it waits for room, nothing is framed.
    /// If it is dropped later, the next call writes the rest.
    ///
    /// # Errors
    ///
    /// The connection has ended, the peer takes nothing, or the message is not legal. A ping may have 125 bytes, and
    /// the reason of a close frame 123 (§5.5); some close codes are never sent (§7.4).
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        self.get_mut().send(bowstring::Message::from(message)).await.map_err(Error::new)
    }

    /// The subprotocol that both sides agreed upon (§1.9).
    pub fn protocol(&self) -> Option<&HeaderValue> {
        self.protocol.as_ref()
    }

    /// The socket of `bowstring`, to look at.
    pub fn get_ref(&self) -> &bowstring::WebSocket<Transport> {
        match &self.socket {
            Socket::Own(own) => own.0.as_deref().expect(HELD),
            Socket::Served(connection) => connection,
        }
    }

    /// The socket of `bowstring`, to use: to get a [`Handle`](bowstring::net::Handle) or to receive a
    /// [batch](bowstring::WebSocket::batch), for instance.
    #[inline]
    pub fn get_mut(&mut self) -> &mut bowstring::WebSocket<Transport> {
        match &mut self.socket {
            Socket::Own(own) => own.0.as_deref_mut().expect(HELD),
            Socket::Served(connection) => connection,
        }
    }

    /// The socket of `bowstring`. Dropping that ends the connection without a closing handshake.
    ///
    /// A connection of a [server](crate::WebSocketUpgrade::server) is taken away from it: see
    /// [`ServerConnection::into_socket`].
    pub fn into_inner(self) -> bowstring::WebSocket<Transport> {
        match self.socket {
            Socket::Own(mut own) => *own.0.take().expect(HELD),
            Socket::Served(connection) => connection.into_socket().0,
        }
    }

    /// Gives on what was received, and notes the end.
    fn note(
        &mut self,
        received: Option<Result<bowstring::Message, bowstring::Error>>,
    ) -> Option<Result<Message, Error>> {
        match received {
            Some(Ok(message)) => {
                if message.is_close() {
                    self.phase = Phase::Last;
                }
                Some(Ok(message.into()))
            }
            Some(Err(error)) => {
                self.phase = Phase::Last;
                Some(Err(Error::new(error)))
            }
            None => {
                self.phase = Phase::Ended;
                None
            }
        }
    }

    fn sink(&mut self) -> Pin<&mut bowstring::WebSocket<Transport>> {
        Pin::new(self.get_mut())
    }
}

impl Stream for WebSocket {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.phase != Phase::Open {
            return Poll::Ready(this.note(None));
        }
        let received = ready!(Pin::new(this.get_mut()).poll_next(cx));
        Poll::Ready(this.note(received))
    }
}

impl FusedStream for WebSocket {
    /// Whether nothing is received any more.
    fn is_terminated(&self) -> bool {
        self.phase == Phase::Ended
    }
}

impl Sink<Message> for WebSocket {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().sink().poll_ready(cx).map_err(Error::new)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.get_mut().sink().start_send(message.into()).map_err(Error::new)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().sink().poll_flush(cx).map_err(Error::new)
    }

    /// Sends a close frame without a code, if neither side has closed before. It does not wait for the peer's: to
    /// see that, receive until the end.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if this.get_ref().state() == State::Closed {
            return Poll::Ready(Ok(()));
        }
        // A second close frame is none: nothing is framed then.
        this.sink().start_send(bowstring::Message::Close(None)).map_err(Error::new)?;
        this.sink().poll_flush(cx).map_err(Error::new)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let Some(mut socket) = self.0.take() else { return };
        if socket.state() == State::Closing
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // The application has dropped it, so how it ends is not reported.
            runtime
                .spawn(async move { drop(socket.close(bowstring::CloseCode::NORMAL, "").await) });
        }
    }
}

const HELD: &str = "it is taken only by value";
