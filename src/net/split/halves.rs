//! Two tasks: one receives, others send.
//!
//! The [`Reader`] owns the reading direction, the clock and the end of the connection. [`Writer`]s
//! share the writing direction under a lock that is held for framing and for a write that does not
//! block, never across an `await`. The reader takes it only when it owes the peer something, so
//! two peers that flood each other cannot block each other: one that waits to write still reads.

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
use crate::net::overflow::Outcome;
use crate::net::socket::batch::Events;
use crate::net::socket::driver::{Driver, ReadMode};
use crate::net::socket::handle::Handle;
use crate::net::socket::link::OwnedLink;
use crate::net::socket::websocket::WebSocket;
use crate::net::sync::Arc;
use crate::net::unix::{self, UnixStream};
use crate::proto::Ratio;
use crate::proto::{AsEvent, Close, CloseCode, Event, Message};

/// A transport whose directions can be used by two tasks.
///
/// For a type of yours [`tokio::io::split`] does it where there is no better way; for one of another
/// crate there is [`Locked`](crate::net::Locked).
#[diagnostic::on_unimplemented(
    message = "a WebSocket over `{Self}` cannot be split for two tasks",
    label = "this transport is not `Split`",
    note = "wrap the transport before the handshake: `bowstring::net::Locked(stream)` can be split",
    note = "the `split` of `futures` works over any transport; it gives the sink first, then the stream"
)]
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

impl Split for UnixStream {
    type Read = unix::OwnedReadHalf;
    type Write = unix::OwnedWriteHalf;

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

impl<S> WebSocket<S> {
    /// Separates the directions, for two tasks or more: first the one that receives, then the one that sends.
    ///
    /// `split` of `futures` (`StreamExt`) has the other order: the sink, then the stream. This method takes precedence
    /// over it. Code written for the other order does not compile: a [`Reader`] cannot send, and a [`Writer`] cannot
    /// receive.
    ///
    /// | | here | `StreamExt::split` |
    /// |---|---|---|
    /// | order | `(Reader, Writer)` | `(SplitSink, SplitStream)` |
    /// | senders | a `Writer` can be cloned | one |
    /// | a task that waits to send | does not keep the other from reading | takes turns with the other |
    /// | transports | [`Split`]; others with [`Locked`](crate::net::Locked) | all |
    // The bound stands here, so that the compiler says what `Split` has to say.
    pub fn split(self) -> (Reader<S>, Writer<S>)
    where
        S: Split,
    {
        // A reader that is polled is first, and says why.
        let stall_timeout = self.driver.stall_timeout().map(|time| time + Duration::from_secs(1));
        let began = PartsBegun::new(self.driver.link.frame_writer.sender.is_unfinished());
        let driver = self.driver.relink(|OwnedLink { stream, frame_writer }| {
            let (reading, stream) = stream.split();
            SplitLink::new(reading, stream, frame_writer, stall_timeout)
        });
        let writer = Writer::new(driver.link.shared(), began);
        (Reader { driver }, writer)
    }
}

/// The receiving direction of a split [`WebSocket`]; a [`Stream`] of `Result<Message, Error>`.
///
/// ```no_run
/// # async fn example(ws: bowstring::WebSocket<tokio::net::TcpStream>) -> Result<(), bowstring::Error> {
/// let (mut reader, writer) = ws.split();
/// tokio::spawn(async move { writer.send("hello").await });
/// while let Some(message) = reader.recv().await? {
///     println!("{message:?}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// **Keep it polled.** It answers pings, keeps the deadlines and ends the connection. If it is not polled, a
/// [`Writer`] that waits still gives up a peer that takes nothing and says nothing, after the keep-alive's
/// time. If it is dropped, the peer is not heard any more.
pub struct Reader<S: Split> {
    driver: Driver<SplitLink<S::Read, S::Write>>,
}

/// A sending end of a split [`WebSocket`]; a [`Sink`] of [`Message`].
///
/// Clones send over the same connection, each message whole:
///
/// ```no_run
/// # async fn example(ws: bowstring::WebSocket<tokio::net::TcpStream>) -> Result<(), bowstring::Error> {
/// let (mut reader, writer) = ws.split();
/// for name in ["ada", "bob"] {
///     let writer = writer.clone();
///     tokio::spawn(async move { writer.send(format!("hello from {name}")).await });
/// }
/// while reader.recv().await?.is_some() {}
/// # Ok(())
/// # }
/// ```
///
/// [`send`](Self::send), [`feed`](Self::feed) and [`flush`](Self::flush) give up a peer that takes nothing. The
/// methods of `Sink` wait as long as it takes.
///
/// A message [in parts](Self::feed_part) belongs to the writer that began it. No clone can add to it or end
/// it. If that writer is dropped before the end, the connection is closed with 1011, so that the peer does not
/// take a part for the whole. Otherwise dropping a writer does nothing.
pub struct Writer<S: Split> {
    shared: Arc<SharedWriter<S::Write>>,
    /// Whether the message that is under way in parts is this writer's.
    began: PartsBegun,
    /// For those who poll it as a `Sink`.
    sink: Option<Box<SinkState>>,
}

/// How a [`Writer`] waits that is polled as a `Sink`, and up to where it flushes.
struct SinkState {
    waiter: Waiter,
    flushing: Option<Framed>,
}

impl Default for SinkState {
    fn default() -> Self {
        Self { waiter: Waiter::of_sink(), flushing: None }
    }
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
        poll_fn(|cx| self.driver.poll_recv(cx, ReadMode::UntilFull)).await
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
        if !self.driver.is_ended() {
            self.driver.queue_replies();
            let close = Close { code: code.into(), reason };
            self.driver.link.shared().frame(Event::Close(Some(close)))?;
        }
        poll_fn(|cx| self.driver.poll_close(cx)).await
    }

    /// Whether it is the peer that ends the connection.
    pub(crate) fn is_leaving(&self) -> bool {
        self.driver.is_leaving()
    }

    /// Whether a caller was told that nothing can be sent because the connection has ended.
    pub(crate) fn has_refused(&self) -> bool {
        self.driver.has_refused()
    }

    /// A handle for other tasks; see [`WebSocket::handle`].
    pub fn handle(&mut self) -> Handle {
        self.driver.handle()
    }

    /// How much compression has saved of what was received.
    pub fn ratio(&self) -> Ratio {
        self.driver.lifecycle.receiver().ratio()
    }
}

impl<S: Split> Writer<S> {
    pub(super) fn shared(&self) -> &Arc<SharedWriter<S::Write>> {
        &self.shared
    }

    fn new(shared: &Arc<SharedWriter<S::Write>>, began: PartsBegun) -> Self {
        Self { shared: Arc::clone(shared), began, sink: None }
    }

    /// Sends a message, a ping, a pong or a close frame, and writes it now.
    ///
    /// While more than [`high_water`](crate::net::Config::high_water) bytes wait to be written there is no
    /// room, and [`Config::overflow`](crate::net::Config::overflow) decides. By default this waits, after those
    /// writers that began to wait before it. The reader goes on reading meanwhile.
    ///
    /// It is done when the transport has taken this message and all that was framed before it. What other
    /// writers frame later it does not wait for.
    ///
    /// # Cancel safety
    ///
    /// A message is framed whole or not at all. If the future is dropped while it waits for room, nothing is
    /// framed. If it is dropped later, the rest is written with what is sent next, or when the reader next
    /// waits.
    ///
    /// # Errors
    ///
    /// - [`Closed`](Error::Closed) if the peer has ended the connection, with its code and reason.
    /// - [`Misuse`](Error::Misuse) if the protocol does not allow it: nothing was framed. That is so after
    ///   this side has closed the connection, too.
    /// - [`Timeout`](Error::Timeout) if the peer took nothing and said nothing for
    ///   [`keep_alive` and `pong`](crate::proto::Timeouts) together. That ends the connection, and the reader
    ///   gets the same error.
    /// - [`Overflow`](Error::Overflow) if there was no room, and the policy is to close the connection.
    /// - Else how writing failed.
    pub async fn send(&self, event: impl AsEvent) -> Result<(), Error> {
        match WhenFull::of(self.shared.policy) {
            WhenFull::Wait => {
                self.feed(event).await?;
                self.flush().await
            }
            // With this policy messages are dropped, and the sender never waits.
            when_full => self.shared.offer(&event, when_full, true)?.outcome().map(drop),
        }
    }

    /// Sends a message without waiting, and does what [`Config::overflow`](crate::net::Config::overflow) says
    /// if there is no room. This is the call for a loop over many connections: no slow peer holds up the
    /// others, and none makes memory grow.
    ///
    /// ```
    /// # use bowstring::net::{Split, Writer};
    /// /// Tells all, and keeps those whose connections go on.
    /// fn tell<S: Split>(members: &mut Vec<Writer<S>>, news: &str) {
    ///     members.retain(|writer| writer.send_now(news).is_ok());
    /// }
    /// ```
    ///
    /// What the transport takes now is written; the reader writes the rest. The policy
    /// [`Wait`](crate::net::Overflow::Wait) counts as [`DropNewest`](crate::net::Overflow::DropNewest) here. Dropped messages are
    /// [counted](Self::dropped).
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send), but never [`Timeout`](Error::Timeout).
    pub fn send_now(&self, event: impl AsEvent) -> Result<Outcome, Error> {
        self.shared.offer(&event, WhenFull::at_once(self.shared.policy), true)?.outcome()
    }

    /// Sends a message if there is room, and gives it back if there is none. Never waits and drops nothing,
    /// whatever [`Config::overflow`](crate::net::Config::overflow) says.
    ///
    /// What the transport takes now is written; the reader writes the rest. To tell many, use
    /// [`send_now`](Self::send_now): messages that come back from here are counted nowhere.
    ///
    /// # Errors
    ///
    /// [`Full`](TrySendError::Full) if more than [`high_water`](crate::net::Config::high_water) bytes wait,
    /// with the message. Else as for [`send`](Self::send).
    pub fn try_send<M: AsEvent>(&self, message: M) -> Result<(), TrySendError<M>> {
        match self.shared.offer(&message, WhenFull::Return, true) {
            Ok(Offered::Full) => Err(TrySendError::Full(message)),
            Ok(_) => Ok(()),
            Err(error) => Err(TrySendError::Failed(message, error)),
        }
    }

    /// Frames a message, a ping, a pong or a close frame. It is written by the next [`flush`](Self::flush) or
    /// [`send`](Self::send) of any writer, or when the reader next waits.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is framed.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn feed(&self, event: impl AsEvent) -> Result<(), Error> {
        match WhenFull::of(self.shared.policy) {
            WhenFull::Wait => {
                let mut waiting = StallTimeout::new(&self.shared);
                waiting.wait(|cx, waiter| self.shared.poll_feed(cx, waiter, &event)).await
            }
            when_full => self.shared.offer(&event, when_full, false)?.outcome().map(drop),
        }
    }

    /// Frames the next part of a message (§5.4), like [`feed`](Self::feed). `fin` ends the message; the next
    /// part begins another. All parts are text, or all are binary. Control frames are always whole.
    ///
    /// A connection can send one message at a time. Until this one has ended, no writer can send another, whole
    /// or in parts. Pings, pongs and close frames may go in between.
    ///
    /// The message belongs to this writer, and clones cannot add to it. So give each task a clone of its own:
    /// parts that two tasks send through one writer are parts of one message.
    ///
    /// A message that has begun cannot be given up alone, because nothing tells the peer that it is not whole.
    /// [Close](Self::close) the connection, or drop the writer, which closes it with 1011.
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
        StallTimeout::new(&self.shared)
            .wait(|cx, waiter| self.shared.poll_part(cx, waiter, part, fin, &self.began))
            .await
    }

    /// Writes everything that is framed. It is done when the transport has taken what was framed before the
    /// call; what other writers frame later it does not wait for.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send), but never [`Misuse`](Error::Misuse).
    pub async fn flush(&self) -> Result<(), Error> {
        self.flush_up_to(None).await
    }

    async fn flush_up_to(&self, mut framed: Option<Framed>) -> Result<(), Error> {
        StallTimeout::new(&self.shared)
            .wait(|cx, waiter| self.shared.poll_flush(cx, waiter, &mut framed))
            .await
    }

    /// Starts the closing handshake (§7.1.2): sends a close frame and writes it. It is done when the transport
    /// has taken the close frame. The [`Reader`] receives what still comes, then the peer's close frame, and
    /// ends within [`Timeouts::close`](crate::proto::Timeouts::close).
    ///
    /// If a close frame was framed before, no other is sent, and this waits until that one is written. It may be
    /// another writer's, or the answer to the peer's. So a connection that has ended well gives `Ok`.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time. Once polled, the close frame is framed.
    ///
    /// # Errors
    ///
    /// [`Misuse`](Error::Misuse) if the code must not be sent (§7.4) or the reason is longer than
    /// 123 bytes. Else as for [`send`](Self::send), if the close frame could not be written.
    pub async fn close(&self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        let framed = self.shared.close(Close { code: code.into(), reason })?;
        self.flush_up_to(Some(framed)).await
    }

    /// How many bytes wait to be written.
    pub fn buffered(&self) -> usize {
        self.shared.load().0
    }

    /// How many messages of this connection were dropped because there was no room: see
    /// [`Config::overflow`](crate::net::Config::overflow). A server's report counts dropped *connections*
    /// instead.
    pub fn dropped(&self) -> u64 {
        self.shared.load().1
    }

    /// Whether much waits to be written, and how to wait for that to change: see [`Pressure`]. It is high from
    /// when more than [`high_water`](crate::net::Config::high_water) bytes wait until no more than `low_water`
    /// do. The first call sets the lower mark for all writers of the connection.
    pub fn pressure(&self, low_water: usize) -> Pressure {
        self.shared.pressure(low_water)
    }

    /// How much compression has saved of what was sent.
    pub fn ratio(&self) -> Ratio {
        self.shared.ratio()
    }
}

impl<S: Split> Clone for Writer<S> {
    fn clone(&self) -> Self {
        Self::new(&self.shared, PartsBegun::new(false))
    }
}

impl<S: Split> Drop for Writer<S> {
    fn drop(&mut self) {
        if self.began.get() {
            self.shared.leave_unfinished();
        }
        if let Some(sink) = &mut self.sink {
            self.shared.waiting.leave(&mut sink.waiter);
        }
    }
}

impl<S: Split> std::fmt::Debug for Reader<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("lifecycle", &self.driver.lifecycle).finish_non_exhaustive()
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
        self.get_mut().driver.poll_recv(cx, ReadMode::UntilFull).map(Result::transpose)
    }
}

impl<S: Split> Sink<Message> for Writer<S> {
    type Error = Error;

    /// Waits for room, if [`Config::overflow`](crate::net::Config::overflow) is to wait.
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { shared, sink, .. } = self.get_mut();
        match WhenFull::of(shared.policy) {
            WhenFull::Wait => shared.poll_room(cx, &mut sink.get_or_insert_default().waiter),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let this = self.get_mut();
        if let Some(sink) = &mut this.sink {
            sink.flushing = None;
        }
        match WhenFull::of(this.shared.policy) {
            WhenFull::Wait => this.shared.frame(message.as_event()),
            when_full => this.shared.offer(&message, when_full, false)?.outcome().map(drop),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { shared, sink, .. } = self.get_mut();
        let SinkState { waiter, flushing } = &mut **sink.get_or_insert_default();
        let polled = shared.poll_flush(cx, waiter, flushing);
        if polled.is_ready() {
            *flushing = None;
        }
        polled
    }

    /// Sends a close frame with 1000 (§7.4.1) if none was sent.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { shared, sink, .. } = self.get_mut();
        let framed = shared.close(Close { code: CloseCode::NORMAL, reason: "" })?;
        shared.poll_flush(cx, &mut sink.get_or_insert_default().waiter, &mut Some(framed))
    }
}
