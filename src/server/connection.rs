//! What a handler gets: the connection, and the peer's address.
//!
//! These types wrap the socket's types and give the socket back to the server when they are dropped.
//! The server then makes the closing handshake, so the peer always learns that the connection is over,
//! whether the handler returned, failed, panicked, or dropped the connection and went on.

use std::ops::{Deref, DerefMut};

use tokio::sync::oneshot;

use super::listener::Peer;
use crate::net::{Reader, Transport, WebSocket, Writer};
use crate::proto::CloseFrame;

/// A connection that was accepted: a [`WebSocket`], with what the handshake hook said of it.
///
/// It has all methods of [`WebSocket`]:
///
/// ```
/// use bowstring::server::ServerConnection;
///
/// /// Answers every message with its length, for a peer that the hook has given a name.
/// async fn lengths(mut connection: ServerConnection<String>) -> Result<(), bowstring::Error> {
///     let greeting = format!("hello, {}", connection.data);
///     connection.send(greeting).await?;
///     while let Some(message) = connection.recv().await? {
///         if message.is_text() || message.is_binary() {
///             connection.send(message.as_bytes().len().to_string()).await?;
///         }
///     }
///     Ok(())
/// }
/// ```
///
/// # Dropping it closes it
///
/// When it is dropped, the server closes the connection at once, even if the handler goes on with
/// something else. The close frame has the code 1000, or the server's [own](super::Server::drain_close)
/// while it drains. If the handler fails or panics while it holds the connection, the code is 1011
/// (§7.4.1).
#[derive(Debug)]
pub struct ServerConnection<D = ()> {
    /// What the hook gave; see [`Accept::new`](super::Accept::new).
    pub data: D,
    lent: Lent<WebSocket<Transport>>,
}

/// The reading direction of a [`ServerConnection`] that was split. It has all methods of [`Reader`].
///
/// Dropping it closes the connection, as with a [`ServerConnection`]. Its writers get
/// [`Error::Closed`](crate::Error::Closed) from then on.
#[derive(Debug)]
pub struct ServerReader(Lent<Reader<Transport>>);

/// A socket that a handler has given back.
#[derive(Debug)]
pub(super) enum ReturnedSocket {
    Whole(WebSocket<Transport>),
    Split(Reader<Transport>),
}

/// How a socket is given back. It is boxed, because nearly always nothing is there yet.
pub(super) type GiveBack = oneshot::Sender<Box<ReturnedSocket>>;

/// A socket that is given back when it is dropped. Boxed, because futures keep several copies of what
/// is moved from one to the next.
#[derive(Debug)]
struct Lent<T: Into<ReturnedSocket>> {
    /// `None` once it was given back.
    loan: Option<Box<Loan<T>>>,
}

#[derive(Debug)]
struct Loan<T> {
    socket: T,
    give_back: GiveBack,
    id: u64,
    peer: Peer,
}

impl<D> ServerConnection<D> {
    pub(super) fn new(
        data: D,
        id: u64,
        peer: Peer,
        socket: WebSocket<Transport>,
        give_back: GiveBack,
    ) -> Self {
        Self { data, lent: Lent::new(Loan { socket, give_back, id, peer }) }
    }

    /// Its number among all connections that this server has accepted.
    pub fn id(&self) -> u64 {
        self.lent.loan().id
    }

    /// The address of the peer.
    pub fn peer(&self) -> Peer {
        self.lent.loan().peer
    }

    /// Separates the directions, for two tasks or more, and returns what the hook gave. The connection
    /// is closed when the reader is dropped, even if writers are left.
    pub fn split(self) -> (ServerReader, Writer<Transport>, D) {
        let Self { data, mut lent } = self;
        let Loan { socket, give_back, id, peer } = lent.take();
        let (reader, writer) = socket.split();
        (ServerReader(Lent::new(Loan { socket: reader, give_back, id, peer })), writer, data)
    }

    /// Takes the connection away from the server. The server does not close it then, and counts it as
    /// [dropped](super::Report::dropped).
    pub fn into_socket(mut self) -> (WebSocket<Transport>, D) {
        (self.lent.take().socket, self.data)
    }
}

impl ServerReader {
    /// See [`ServerConnection::id`].
    pub fn id(&self) -> u64 {
        self.0.loan().id
    }

    /// See [`ServerConnection::peer`].
    pub fn peer(&self) -> Peer {
        self.0.loan().peer
    }
}

impl<D> Deref for ServerConnection<D> {
    type Target = WebSocket<Transport>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.lent.loan().socket
    }
}

impl<D> DerefMut for ServerConnection<D> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.lent.loan_mut().socket
    }
}

impl Deref for ServerReader {
    type Target = Reader<Transport>;

    fn deref(&self) -> &Self::Target {
        &self.0.loan().socket
    }
}

impl DerefMut for ServerReader {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0.loan_mut().socket
    }
}

impl ReturnedSocket {
    /// Whether the connection ends because of the peer.
    pub(super) fn is_leaving(&self) -> bool {
        match self {
            Self::Whole(socket) => socket.is_leaving(),
            Self::Split(reader) => reader.is_leaving(),
        }
    }

    /// Whether a caller was told that nothing can be sent because the connection has ended.
    pub(super) fn has_refused(&self) -> bool {
        match self {
            Self::Whole(socket) => socket.has_refused(),
            Self::Split(reader) => reader.has_refused(),
        }
    }

    /// Makes the closing handshake, whichever side began it.
    pub(super) async fn close(self: Box<Self>, CloseFrame { code, reason }: CloseFrame) {
        // How it ended is in the handle.
        let _ = match *self {
            Self::Whole(mut socket) => socket.close(code, &reason).await,
            Self::Split(mut reader) => reader.close(code, &reason).await,
        };
    }
}

impl From<WebSocket<Transport>> for ReturnedSocket {
    fn from(socket: WebSocket<Transport>) -> Self {
        Self::Whole(socket)
    }
}

impl From<Reader<Transport>> for ReturnedSocket {
    fn from(reader: Reader<Transport>) -> Self {
        Self::Split(reader)
    }
}

impl<T: Into<ReturnedSocket>> Lent<T> {
    fn new(loan: Loan<T>) -> Self {
        Self { loan: Some(Box::new(loan)) }
    }

    #[inline]
    fn loan(&self) -> &Loan<T> {
        self.loan.as_ref().expect(LENT)
    }

    #[inline]
    fn loan_mut(&mut self) -> &mut Loan<T> {
        self.loan.as_mut().expect(LENT)
    }

    fn take(&mut self) -> Loan<T> {
        *self.loan.take().expect(LENT)
    }
}

impl<T: Into<ReturnedSocket>> Drop for Lent<T> {
    fn drop(&mut self) {
        if let Some(loan) = self.loan.take() {
            // If the connection's task was aborted, the socket is dropped here.
            let _ = loan.give_back.send(Box::new(loan.socket.into()));
        }
    }
}

const LENT: &str = "it is taken only by value";
