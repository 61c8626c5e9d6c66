//! Two tasks: one receives, others send.
//!
//! The [`Reader`] owns the reading direction, the clock and the end of the connection. [`Writer`]s
//! share the writing direction behind a lock that is held for framing and for a write that does not
//! block, never across an `await`. The reader takes it only when it owes the peer something, so
//! two peers that flood each other cannot block each other: whoever waits to write still reads.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::pressure::Pressure;
use super::shared_writer::{Framed, PartsBegun, SharedWriter};
use super::split_link::SplitLink;
use super::stall_timeout::StallTimeout;
use super::waker_set::Waiter;
use crate::net::buffers::offer::{Offered, WhenFull};
use crate::net::error::{Error, TrySendError};
use crate::net::overflow::Overflow;
use crate::net::socket::batch::Events;
use crate::net::socket::driver::Driver;
use crate::net::socket::handle::Handle;
use crate::net::socket::link::OwnedLink;
use crate::net::socket::websocket::WebSocket;
#[cfg(feature = "deflate")]
use crate::proto::Ratio;
use crate::proto::{AsEvent, Close, CloseCode, Event, Message};

/// A transport whose directions can be used by two tasks.
///
/// For a type of yours [`tokio::io::split`] does it where there is no better way; for one of another
/// crate there is [`Locked`](crate::net::Locked).
pub trait Split {
    /// The reading direction.
    type Read: AsyncRead + Unpin;
    /// The writing direction.
    type Write: AsyncWrite + Unpin + Send + 'static;

    /// Separates the two.
    fn split(self) -> (Self::Read, Self::Write);
}

impl Split for TcpStream {
    type Read = OwnedReadHalf;
    type Write = OwnedWriteHalf;

    fn split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.into_split()
    }
}

#[cfg(unix)]
impl Split for tokio::net::UnixStream {
    type Read = tokio::net::unix::OwnedReadHalf;
    type Write = tokio::net::unix::OwnedWriteHalf;

    fn split(self) -> (Self::Read, Self::Write) {
        self.into_split()
    }
}

impl Split for DuplexStream {
    type Read = ReadHalf<Self>;
    type Write = WriteHalf<Self>;

    fn split(self) -> (ReadHalf<Self>, WriteHalf<Self>) {
        tokio::io::split(self)
    }
}

impl<S: Split> WebSocket<S> {
    /// Separates the directions, for two tasks or more.
    pub fn split(self) -> (Reader<S>, Writer<S>) {
        // A reader that is polled is first, and says why.
        let stall_timeout = self.driver.stall_timeout().map(|time| time + Duration::from_secs(1));
        let began = AtomicBool::new(self.driver.link.frame_writer.sender.is_unfinished());
        let driver = self.driver.relink(|OwnedLink { stream, frame_writer }| {
            let (reading, stream) = stream.split();
            SplitLink::new(reading, stream, frame_writer, stall_timeout)
        });
        let writer = Writer { shared: Arc::clone(driver.link.shared()), began };
        (Reader { driver }, writer)
    }
}

/// The receiving direction of a split [`WebSocket`]; a [`Stream`] of `Result<Message, Error>`.
///
/// It must be polled for the connection to live: it answers pings, keeps the deadlines and ends the
/// connection. (A [`Writer`] that waits gives up a peer of which nothing is heard, and which takes nothing,
/// for as long as the keep-alive allows, whether this is polled or not.) Dropping it leaves the [`Writer`]s
/// without a peer that is heard.
pub struct Reader<S: Split> {
    driver: Driver<SplitLink<S::Read, S::Write>>,
}

/// A sending end of a split [`WebSocket`]; a [`Sink`] of [`Message`]. Clones send over the same
/// connection, each message whole. (The `Sink`'s methods wait as long as it takes; [`send`](Self::send),
/// [`feed`](Self::feed) and [`flush`](Self::flush) give up a peer that takes nothing.)
///
/// A message [in parts](Self::feed_part) is the writer's that has begun it: no clone can add to it or
/// end it. If that writer is dropped before the message has ended, as when its task is aborted, the
/// connection is closed with 1011, so that the peer never takes what it has for the whole. Else dropping
/// a writer does nothing.
pub struct Writer<S: Split> {
    shared: Arc<SharedWriter<S::Write>>,
    /// Whether the message that is under way in parts is this writer's.
    began: AtomicBool,
}

impl<S: Split> Reader<S> {
    /// The next message; see [`WebSocket::recv`].
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: no message is lost.
    ///
    /// # Errors
    ///
    /// How the connection failed, once; then `None`. Writers get [`Error::Closed`] from then on.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.driver.poll_recv(cx)).await
    }

    /// The events in the next bytes; see [`WebSocket::batch`].
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: no event is lost.
    ///
    /// # Errors
    ///
    /// How the connection failed, once; then `None`.
    pub async fn batch(&mut self) -> Result<Option<Events<'_>>, Error> {
        if !poll_fn(|cx| self.driver.poll_ready(cx)).await? {
            return Ok(None);
        }
        Ok(Some(Events::new(&mut self.driver)))
    }

    /// Closes the connection and waits for its end; see [`WebSocket::close`]. Writers can send nothing
    /// from then on.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time. Once polled, the close frame is framed.
    ///
    /// # Errors
    ///
    /// [`Misuse`](Error::Misuse) if the code must not be sent (§7.4) or the reason is longer than
    /// 123 bytes: nothing was sent. Else how the connection failed.
    pub async fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        if !self.driver.is_finished() {
            self.driver.settle();
            let close = Close { code: code.into(), reason };
            self.driver.link.shared().frame(Event::Close(Some(close)))?;
        }
        poll_fn(|cx| self.driver.poll_drain(cx)).await
    }

    /// Whether it is the peer that ends the connection.
    #[cfg(feature = "server")]
    pub(crate) fn is_leaving(&self) -> bool {
        self.driver.is_leaving()
    }

    /// A hand on the connection for other tasks; see [`WebSocket::handle`].
    pub fn handle(&mut self) -> Handle {
        self.driver.handle()
    }

    /// How much compression has spared of what was received.
    #[cfg(feature = "deflate")]
    pub fn ratio(&self) -> Ratio {
        self.driver.receiver.ratio()
    }
}

impl<S: Split> Writer<S> {
    /// Sends a message, a ping, a pong or a close frame, and writes it now.
    ///
    /// Waits first while more than [`high_water`](crate::net::Config::high_water) bytes are waiting to
    /// be written; the reader goes on reading meanwhile.
    ///
    /// # Cancel safety
    ///
    /// A message is framed whole or not at all. If the future is dropped while it waits for room,
    /// nothing is framed; if it is dropped later, the rest is written with whatever is sent next,
    /// or when the reader next wakes.
    ///
    /// # Errors
    ///
    /// [`Misuse`](Error::Misuse) if the protocol does not allow it: nothing was framed. So it is too
    /// behind a close frame of the reader's (§5.5.1), be it an answer, or because the peer broke a rule
    /// or fell silent. [`Timeout`](Error::Timeout) if the peer took nothing and said nothing for
    /// [`keep_alive` and `pong`](crate::proto::Timeouts) together: that ends the connection, and the
    /// reader is told the same. Else how writing failed, or [`Closed`](Error::Closed) if it had before.
    pub async fn send(&self, event: impl AsEvent) -> Result<(), Error> {
        match self.shared.policy {
            Overflow::Wait => {
                self.feed(event).await?;
                self.flush().await
            }
            // Whoever lets messages be dropped waits for nobody.
            policy => self.shared.push(&event, policy, true).map(drop),
        }
    }

    /// Sends a message if there is room, and writes what the transport takes now; the reader writes
    /// the rest. Never waits, whatever [`Config::overflow`](crate::net::Config::overflow) says.
    ///
    /// # Errors
    ///
    /// [`Full`](TrySendError::Full) if more than [`high_water`](crate::net::Config::high_water) bytes wait,
    /// with the message; else as for [`send`](Self::send).
    pub fn try_send<M: AsEvent>(&self, message: M) -> Result<(), TrySendError<M>> {
        match self.shared.push(&message, Overflow::Wait, true) {
            Ok(true) => Ok(()),
            Ok(false) => Err(TrySendError::Full(message)),
            Err(error) => Err(TrySendError::Failed(message, error)),
        }
    }

    /// Frames a message for one of many, and writes what the transport takes now, if `write` says so. Amid a
    /// message in parts it waits for the end of that. If there is no room, this policy decides, which is
    /// not to wait.
    #[cfg(feature = "server")]
    pub(crate) fn publish(
        &self,
        event: &impl AsEvent,
        policy: Overflow,
        write: bool,
    ) -> Result<(), Error> {
        self.shared.publish(event, policy, write)
    }

    /// What becomes of messages for which there is no room.
    #[cfg(feature = "server")]
    pub(crate) fn policy(&self) -> Overflow {
        self.shared.policy
    }

    /// Writes what the transport takes now; the reader writes the rest.
    #[cfg(feature = "server")]
    pub(crate) fn flush_now(&self) {
        self.shared.flush_now();
    }

    /// Frames a message, a ping, a pong or a close frame; it is written by the next
    /// [`flush`](Self::flush) or [`send`](Self::send) of any writer, or when the reader next waits.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is framed.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn feed(&self, event: impl AsEvent) -> Result<(), Error> {
        self.patiently(|cx| self.shared.poll_feed(cx, &event)).await
    }

    /// Frames the next part of a message whose length is not known before (§5.4), like
    /// [`feed`](Self::feed); `fin` ends the message, and the first part begins the next. All parts are
    /// text, or all are binary. Pings, pongs and close frames go out whole, whatever `fin` says.
    ///
    /// A connection can send one message at a time, so until this one has ended no writer can send another,
    /// whole or in parts; pings, pongs and close frames may go in between. It is this very writer's, and
    /// clones cannot add to it: give each task a clone of its own, for parts that tasks send through one
    /// writer they share are parts of one message.
    ///
    /// To give up a message that has begun is to give up the connection, for nothing else tells the peer
    /// that it is not whole: [close](Self::close) it, or drop the writer, which closes it with 1011.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is framed: the message goes on with the next part.
    ///
    /// # Errors
    ///
    /// [`Misuse::Unfinished`](crate::proto::Misuse::Unfinished) while a message of another writer's is
    /// under way. Else as for [`send`](Self::send).
    pub async fn feed_part(&self, part: impl AsEvent, fin: bool) -> Result<(), Error> {
        let part = part.as_event();
        self.patiently(|cx| self.shared.poll_part(cx, part, fin, &self.began)).await
    }

    /// Writes everything that is framed.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send), but never [`Misuse`](Error::Misuse).
    pub async fn flush(&self) -> Result<(), Error> {
        self.patiently(|cx| self.shared.poll_flush(cx)).await
    }

    /// Starts the closing handshake (§7.1.2): sends a close frame and writes it. The [`Reader`]
    /// receives what still comes, then the peer's close frame, and ends within
    /// [`Timeouts::close`](crate::proto::Timeouts::close).
    ///
    /// Calling it again, or after the peer has closed, finishes what is left to write.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time. Once polled, the close frame is framed.
    ///
    /// # Errors
    ///
    /// [`Misuse`](Error::Misuse) if the code must not be sent (§7.4) or the reason is longer than
    /// 123 bytes. Else as for [`send`](Self::send).
    pub async fn close(&self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        self.shared.frame(Event::Close(Some(Close { code: code.into(), reason })))?;
        self.flush().await
    }

    /// Waits for the transport, but no longer than a peer may do nothing: its reader may be waiting for
    /// this very writer, and then looks at no clock.
    async fn patiently(
        &self,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<Result<(), Error>>,
    ) -> Result<(), Error> {
        let mut stall_timeout = StallTimeout::new(&self.shared);
        poll_fn(|cx| match poll(cx) {
            Poll::Pending => stall_timeout.poll(cx).map(Err),
            done => done,
        })
        .await
    }

    /// How many bytes wait to be written.
    pub fn buffered(&self) -> usize {
        self.shared.load().0
    }

    /// How many messages of this connection were dropped because there was no room: see
    /// [`Config::overflow`](crate::net::Config::overflow). These are messages, and the
    /// connection goes on; a server's report counts connections.
    pub fn dropped(&self) -> u64 {
        self.shared.load().1
    }

    /// Whether much waits to be written: `true` from when more than
    /// [`high_water`](crate::net::Config::high_water) bytes wait until no more than `low_water` do. Changes
    /// can be waited for. The first call sets the lower mark for all. (Borrow it briefly: who sends while
    /// holding the borrow waits for themselves.)
    pub fn pressure(&self, low_water: usize) -> watch::Receiver<bool> {
        self.shared.pressure(low_water)
    }

    /// How much compression has spared of what was sent.
    #[cfg(feature = "deflate")]
    pub fn ratio(&self) -> Ratio {
        self.shared.ratio()
    }
}

impl<S: Split> Clone for Writer<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), began: AtomicBool::new(false) }
    }
}

impl<S: Split> Drop for Writer<S> {
    fn drop(&mut self) {
        if *self.began.get_mut() {
            self.shared.leave_unfinished();
        }
    }
}

impl<S: Split> std::fmt::Debug for Reader<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("receiver", &self.driver.receiver).finish_non_exhaustive()
    }
}

impl<S: Split> std::fmt::Debug for Writer<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl<S: Split> Stream for Reader<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().driver.poll_recv(cx).map(Result::transpose)
    }
}

impl<S: Split> Sink<Message> for Writer<S> {
    type Error = Error;

    /// Waits for room, unless [`Config::overflow`](crate::net::Config::overflow) says what becomes of
    /// messages without.
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.shared.policy {
            Overflow::Wait => self.shared.poll_frame(cx, |_| Ok(())),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        match self.shared.policy {
            Overflow::Wait => Ok(self.shared.frame(message.as_event())?),
            policy => self.shared.push(&message, policy, false).map(drop),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.poll_flush(cx)
    }

    /// Sends a close frame with 1000 (§7.4.1) if none was sent.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let close = Close { code: CloseCode::NORMAL, reason: "" };
        self.shared.frame(Event::Close(Some(close)))?;
        self.shared.poll_flush(cx)
    }
}
