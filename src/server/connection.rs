//! What a handler gets: the connection, who is at its other end, and its way home.
//!
//! When a handler is done, by returning, failing or panicking, its connection comes back to the server,
//! which sees the closing handshake through: the peer always learns that it is over. So these types
//! wrap the socket's, and give it back when they are dropped.

use std::ops::{Deref, DerefMut};

use tokio::sync::oneshot;

use super::listener::Peer;
use crate::net::{Reader, Transport, WebSocket, Writer};

/// A connection that was accepted: a [`WebSocket`], with what the handshake hook said of it.
///
/// When it is dropped the server closes it: with 1000, or 1011 if the handler failed (§7.4.1).
#[derive(Debug)]
pub struct ServerConnection<D = ()> {
    /// What the hook gave; see [`Accept::new`](super::Accept::new).
    pub data: D,
    guest: Guest<WebSocket<Transport>>,
}

/// The reading direction of a [`ServerConnection`] that was split.
#[derive(Debug)]
pub struct ServerReader(Guest<Reader<Transport>>);

/// What comes home.
#[derive(Debug)]
pub(super) enum Left {
    Whole(WebSocket<Transport>),
    Half(Reader<Transport>),
}

/// Where the server waits for it. It comes boxed, for nearly always nothing is there yet.
pub(super) type Way = oneshot::Sender<Box<Left>>;

/// Something that goes home when it is dropped. Boxed, because futures keep several places for what
/// is moved from one to the next.
#[derive(Debug)]
struct Guest<T: Into<Left>> {
    /// `None` once it has gone.
    seat: Option<Box<Seat<T>>>,
}

#[derive(Debug)]
struct Seat<T> {
    socket: T,
    way: Way,
    id: u64,
    peer: Peer,
}

impl<D> ServerConnection<D> {
    pub(super) fn new(
        data: D,
        id: u64,
        peer: Peer,
        socket: WebSocket<Transport>,
        way: Way,
    ) -> Self {
        Self { data, guest: Guest::new(Seat { socket, way, id, peer }) }
    }

    /// Its number among all that this server has accepted.
    pub fn id(&self) -> u64 {
        self.guest.seat().id
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Peer {
        self.guest.seat().peer
    }

    /// Separates the directions, for two tasks or more, and gives what the hook gave. The reader is
    /// what comes home: the connection is closed when that is dropped, whoever still holds a writer.
    pub fn split(self) -> (ServerReader, Writer<Transport>, D) {
        let Self { data, mut guest } = self;
        let Seat { socket, way, id, peer } = guest.leave();
        let (reader, writer) = socket.split();
        (ServerReader(Guest::new(Seat { socket: reader, way, id, peer })), writer, data)
    }

    /// Takes the connection away from the server, which does not close it then, and counts it as
    /// dropped.
    pub fn into_socket(mut self) -> (WebSocket<Transport>, D) {
        (self.guest.leave().socket, self.data)
    }
}

impl ServerReader {
    /// See [`ServerConnection::id`].
    pub fn id(&self) -> u64 {
        self.0.seat().id
    }

    /// See [`ServerConnection::peer`].
    pub fn peer(&self) -> Peer {
        self.0.seat().peer
    }
}

impl<D> Deref for ServerConnection<D> {
    type Target = WebSocket<Transport>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.guest.seat().socket
    }
}

impl<D> DerefMut for ServerConnection<D> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.guest.seat_mut().socket
    }
}

impl Deref for ServerReader {
    type Target = Reader<Transport>;

    fn deref(&self) -> &Self::Target {
        &self.0.seat().socket
    }
}

impl DerefMut for ServerReader {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0.seat_mut().socket
    }
}

impl Left {
    /// Whether it is the peer that ends the connection.
    pub(super) fn is_leaving(&self) -> bool {
        match self {
            Self::Whole(socket) => socket.is_leaving(),
            Self::Half(reader) => reader.is_leaving(),
        }
    }
}

impl From<WebSocket<Transport>> for Left {
    fn from(socket: WebSocket<Transport>) -> Self {
        Self::Whole(socket)
    }
}

impl From<Reader<Transport>> for Left {
    fn from(reader: Reader<Transport>) -> Self {
        Self::Half(reader)
    }
}

impl<T: Into<Left>> Guest<T> {
    fn new(seat: Seat<T>) -> Self {
        Self { seat: Some(Box::new(seat)) }
    }

    #[inline]
    fn seat(&self) -> &Seat<T> {
        self.seat.as_ref().expect(HERE)
    }

    #[inline]
    fn seat_mut(&mut self) -> &mut Seat<T> {
        self.seat.as_mut().expect(HERE)
    }

    fn leave(&mut self) -> Seat<T> {
        *self.seat.take().expect(HERE)
    }
}

impl<T: Into<Left>> Drop for Guest<T> {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            // A server that was aborted waits for nobody.
            let _ = seat.way.send(Box::new(seat.socket.into()));
        }
    }
}

const HERE: &str = "it goes only by value";
