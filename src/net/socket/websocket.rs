//! The socket: owned messages in both directions, by one task.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::{Driver, ReadMode};
use super::handle::Handle;
use super::link::{Link, OwnedLink, at_once};
use super::span::ClientSpan;
use super::timer::now;
use super::waker_pair::{Side, WakerPair};
use crate::handshake::Agreed;
use crate::net::buffers::frame_writer::FrameWriter;
use crate::net::buffers::offer::{Offered, WhenFull};
use crate::net::buffers::read_buffer::ReadBuffer;
use crate::net::compression;
use crate::net::config::Config;
use crate::net::error::{Error, TrySendError};
use crate::net::overflow::Outcome;
use crate::net::sync::Arc;
use crate::proto::Ratio;
use crate::proto::{
    AsEvent, Close, CloseCode, Connection, Event, Message, Misuse, ProtocolConfig, Role, State,
};

/// A WebSocket connection over a transport `S`, after its opening handshake.
///
/// [`connect`](crate::connect) and [`accept`](crate::accept) make one.
///
/// ```
/// use bowstring::{Config, Error, Message, WebSocket, net::masking_key, proto::Role};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// // Two ends over a pipe in memory; `connect` and `accept` do it over a network.
/// let (near, far) = tokio::io::duplex(1024);
/// let config = Config::default();
/// let mut client = WebSocket::from_raw(near, Role::Client(masking_key), Vec::new(), &config);
/// let mut server = WebSocket::from_raw(far, Role::Server, Vec::new(), &config);
/// tokio::spawn(async move {
///     while let Some(message) = server.recv().await? {
///         server.feed(message).await?;
///     }
///     Ok::<_, Error>(())
/// });
///
/// client.send("hello").await?;
/// assert_eq!(client.recv().await?, Some(Message::from("hello")));
/// client.close(1000, "").await?;
/// # Ok(())
/// # }
/// ```
///
/// # When messages are written
///
/// [`feed`](Self::feed) frames a message. Whatever is framed is written, at the latest, before the socket
/// next waits for input. [`send`](Self::send) and [`flush`](Self::flush) write it now.
///
/// # It must be polled
///
/// Pings and close frames are answered while a task receives. Deadlines run while a task polls the socket.
///
/// Dropping it ends the transport without a closing handshake. Nothing is written then, and no task is
/// spawned. To end well, call [`close`](Self::close), or receive until `None`.
///
/// # Stream and Sink
///
/// It is a [`Stream`] of `Result<Message, Error>` and a [`Sink`] of [`Message`]. Two tasks may poll them, one
/// each, so the `split` of `futures` works over any transport. The `Stream` goes on reading while the
/// `Sink` waits for room; [`recv`](Self::recv) and [`batch`](Self::batch) do not. Where the transport is
/// [`Split`](crate::net::Split), prefer [`split`](Self::split).
///
/// To close the `Sink` closes the connection and waits for its end. Messages that still arrive meanwhile may be
/// dropped. To keep them, receive from the `Stream` until `None` first.
#[derive(Debug)]
pub struct WebSocket<S> {
    pub(in crate::net) driver: Driver<OwnedLink<S>>,
    /// For those who poll it as a `Stream` and a `Sink`.
    both: Option<Arc<WakerPair>>,
}

/// What is left of a [`WebSocket`] taken apart by [`into_inner`](WebSocket::into_inner).
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts<S> {
    /// The transport.
    pub stream: S,
    /// What was read from the transport and not received as a message. It comes before what is read next.
    /// Bytes of a message that was not complete are lost.
    pub unread: Vec<u8>,
    /// What was framed and not written. Write it before anything else.
    pub unwritten: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// A connection over a transport that was upgraded elsewhere, for instance by an HTTP server.
    ///
    /// `unread` is what was read after the head of the handshake. A client's [`Role`] needs a source of
    /// masking keys, such as [`masking_key`](crate::net::masking_key).
    pub fn from_raw(stream: S, role: Role, unread: impl Into<Vec<u8>>, config: &Config) -> Self {
        Self::from_agreed(stream, role, unread, Agreed::default(), config)
    }

    /// The same, after a handshake that has agreed on a subprotocol or on compression.
    pub fn from_agreed(
        stream: S,
        role: Role,
        unread: impl Into<Vec<u8>>,
        agreed: Agreed,
        config: &Config,
    ) -> Self {
        let compression = compression::agreed(config.deflate, role, agreed.deflate);
        let Config { limits, timeouts, .. } = *config;
        let protocol = ProtocolConfig { limits, timeouts, compression };
        let (lifecycle, sender) = Connection::new(role, &protocol, now()).split();
        let link = OwnedLink { stream, frame_writer: FrameWriter::new(sender, config) };
        let input = ReadBuffer::new(unread.into());
        let mut driver = Driver::new(link, lifecycle, config, input);
        if let Some(name) = agreed.protocol {
            driver.keep(Handle::new(Some(name.into_boxed_str())));
        }
        Self { driver, both: None }
    }

    /// One that was opened, with an answer to it, tells in this span what becomes of it.
    pub(in crate::net) fn traced<R>((mut ws, answer): (Self, R), span: ClientSpan) -> (Self, R) {
        ws.driver.trace(span);
        (ws, answer)
    }

    /// Receives the next message. `None` means that the connection has ended with a closing handshake
    /// (§7.1.4).
    ///
    /// The peer's close frame arrives as [`Message::Close`], and is answered by itself (§5.5.1). Pings and
    /// pongs are reported only if [`report_pings`](Config::report_pings) is set.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: no message is lost.
    ///
    /// # Errors
    ///
    /// How the connection failed, once; then `None`. A [`Violation`](Error::Violation) is reported at once,
    /// and the close frame that tells the peer has been written as far as that goes without waiting.
    /// [`close`](Self::close) or the next `recv` then lets the peer read it: they drop what the peer still
    /// sends, until it ends TCP or the close deadline comes. If a call that sends has found the failure, it
    /// is reported here too.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.driver.poll_recv(cx, ReadMode::UntilFull)).await
    }

    /// Sends a message, a ping, a pong or a close frame, and writes it now, together with whatever
    /// was fed before.
    ///
    /// While more than [`high_water`](Config::high_water) bytes wait to be written, it first waits for room,
    /// unless [`Config::overflow`] says otherwise. A task that only sends should [split](Self::split) the
    /// socket, or receive between messages: pings are answered by receiving.
    ///
    /// # Cancel safety
    ///
    /// A message is framed whole or not at all. If the future is dropped while it waits for room, nothing is
    /// framed. If it is dropped later, the next call writes the rest. Where you need to know which, use
    /// [`feed`](Self::feed) and [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// - [`Closed`](Error::Closed) if the peer has ended the connection, with its code and reason.
    /// - [`Misuse`](Error::Misuse) if the protocol does not allow it: nothing was framed, and the
    ///   connection goes on. That is so after this side has closed the connection, too.
    /// - [`Timeout`](Error::Timeout) if the peer takes nothing: that ends the connection.
    /// - [`Overflow`](Error::Overflow) if there was no room, and the policy is to close the connection.
    /// - Else how the transport failed.
    pub async fn send(&mut self, event: impl AsEvent) -> Result<(), Error> {
        self.feed(event).await?;
        match WhenFull::of(self.driver.link.frame_writer.policy()) {
            WhenFull::Wait => self.flush().await,
            // With this policy messages are dropped, and the sender never waits.
            _ => {
                poll_fn(|cx| match self.poll_flushed(cx) {
                    Poll::Pending => Poll::Ready(Ok(())),
                    flushed => flushed,
                })
                .await
            }
        }
    }

    /// Sends a message without waiting, and does what [`Config::overflow`] says if there is no room. This is
    /// the call for a loop over many connections: no slow peer holds up the others, and none makes memory
    /// grow.
    ///
    /// What the transport takes now is written. The policy [`Wait`](crate::net::Overflow::Wait) counts as
    /// [`DropNewest`](crate::net::Overflow::DropNewest) here. Dropped messages are [counted](Self::dropped).
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send); and [`Overflow`](Error::Overflow) if there was no room, and the policy is
    /// to close the connection.
    pub fn send_now(&mut self, event: impl AsEvent) -> Result<Outcome, Error> {
        let when_full = WhenFull::at_once(self.driver.link.frame_writer.policy());
        self.offer_now(&event, when_full)?.outcome()
    }

    /// Sends a message if there is room, and writes what the transport takes now. Never waits and drops
    /// nothing, whatever [`Config::overflow`] says.
    ///
    /// # Errors
    ///
    /// [`Full`](TrySendError::Full) if more than [`high_water`](Config::high_water) bytes wait, with
    /// the message; else as for [`send`](Self::send).
    pub fn try_send<M: AsEvent>(&mut self, message: M) -> Result<(), TrySendError<M>> {
        match self.offer_now(&message, WhenFull::Return) {
            Ok(Offered::Full) => Err(TrySendError::Full(message)),
            Ok(_) => Ok(()),
            Err(error) => Err(TrySendError::Failed(message, error)),
        }
    }

    /// Frames a message, a ping, a pong or a close frame. It is written later, many with one write: at the
    /// latest before the socket next waits for input.
    ///
    /// [`send`](Self::send) and [`flush`](Self::flush) write it now. A message that is too large to be copied
    /// is written at once, as far as the transport takes it.
    ///
    /// While more than [`high_water`](Config::high_water) bytes wait to be written, it first waits for room,
    /// unless [`Config::overflow`] says otherwise.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is framed.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn feed(&mut self, event: impl AsEvent) -> Result<(), Error> {
        let when_full = WhenFull::of(self.driver.link.frame_writer.policy());
        poll_fn(|cx| self.poll_offer(cx, |link| link.offer(&event, when_full))).await
    }

    /// Frames the next part of a message (§5.4), like [`feed`](Self::feed). `fin` ends the message. All parts
    /// are text, or all are binary.
    ///
    /// ```no_run
    /// # async fn example(mut ws: bowstring::WebSocket<tokio::net::TcpStream>) -> Result<(), bowstring::Error> {
    /// for line in ["first", "second"] {
    ///     ws.feed_part(line, false).await?;
    /// }
    /// ws.feed_part("", true).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is framed.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn feed_part(&mut self, part: impl AsEvent, fin: bool) -> Result<(), Error> {
        poll_fn(|cx| self.poll_offer(cx, |link| link.frame_writer.offer_part(part.as_event(), fin)))
            .await
    }

    /// Writes everything that is framed.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: the rest is written by whatever is called next.
    ///
    /// # Errors
    ///
    /// How the connection failed, or [`Closed`](Error::Closed) if it had before.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flushed(cx)).await
    }

    /// Closes the connection (§7.1.2): sends a close frame, then waits for the peer's and for the end of TCP.
    /// Messages that still arrive are dropped.
    ///
    /// It waits at most [`Timeouts::close`](crate::proto::Timeouts::close). You may call it again, and after
    /// the peer has closed: it does what is left to do.
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
            self.driver.link.frame_writer.feed(Close { code: code.into(), reason })?;
        }
        poll_fn(|cx| self.driver.poll_close(cx)).await
    }

    /// A handle for other tasks: to close the connection, ping the peer, and learn how it ended. It stays
    /// valid when the socket is [split](Self::split).
    pub fn handle(&mut self) -> Handle {
        self.driver.handle()
    }

    /// How far the connection is from its end.
    pub fn state(&self) -> State {
        self.driver.lifecycle.state(self.driver.link.frame_writer.sender.has_closed())
    }

    /// Whether it is the peer that ends the connection.
    pub(crate) fn is_leaving(&self) -> bool {
        self.driver.is_leaving()
    }

    /// Whether a caller was told that nothing can be sent because the connection has ended.
    pub(crate) fn has_refused(&self) -> bool {
        self.driver.has_refused()
    }

    /// The subprotocol that both sides agreed upon in the opening handshake (§1.9).
    pub fn protocol(&self) -> Option<&str> {
        self.driver.handle.as_ref()?.protocol()
    }

    /// How many bytes wait to be written.
    pub fn buffered(&self) -> usize {
        self.driver.link.frame_writer.buffered()
    }

    /// How many messages of this connection were dropped because there was no room: see
    /// [`Config::overflow`]. A server's report counts dropped *connections* instead.
    pub fn dropped(&self) -> u64 {
        self.driver.link.frame_writer.dropped()
    }

    /// How much compression has saved: of what was sent, and of what was received. All zero if the peer did
    /// not agree to compress.
    pub fn ratios(&self) -> (Ratio, Ratio) {
        (self.driver.link.frame_writer.sender.ratio(), self.driver.lifecycle.receiver().ratio())
    }

    /// The transport, to look at. Reading or writing it would break the connection.
    pub fn get_ref(&self) -> &S {
        &self.driver.link.stream
    }

    /// Takes the connection apart.
    pub fn into_inner(self) -> Parts<S> {
        let Driver { link: OwnedLink { stream, frame_writer }, input, .. } = self.driver;
        Parts { stream, unread: input.into_rest(), unwritten: frame_writer.into_rest() }
    }

    /// Makes an offer, and waits as long as it is answered with [`Full`](Offered::Full). What is owed to the
    /// peer goes before it.
    #[inline]
    pub(super) fn poll_offer(
        &mut self,
        cx: &mut Context<'_>,
        mut offer: impl FnMut(&mut OwnedLink<S>) -> Result<Offered, Misuse>,
    ) -> Poll<Result<(), Error>> {
        self.driver.queue_replies();
        loop {
            self.check()?;
            let written = if self.driver.link.is_full() {
                self.driver.poll_write(cx)?
            } else {
                Poll::Ready(())
            };
            let offered = offer(&mut self.driver.link);
            match offered.map_err(|misuse| self.driver.explain(misuse.into()))? {
                Offered::Full if written.is_pending() => ready!(self.driver.poll_deadline(cx))?,
                Offered::Full => {}
                offered => return Poll::Ready(offered.outcome().map(drop)),
            }
        }
    }

    /// Frames a close frame, room or not.
    pub(super) fn feed_now(&mut self, event: Event<'_>) -> Result<(), Misuse> {
        self.driver.queue_replies();
        let before = self.may_send();
        let fed = self.driver.link.feed(&event);
        self.tell_other(Side::Sink, before);
        fed
    }

    fn offer_now(&mut self, event: &impl AsEvent, when_full: WhenFull) -> Result<Offered, Error> {
        self.driver.queue_replies();
        if self.driver.link.is_full() {
            self.write_now();
        }
        self.check()?;
        let offered = self.driver.link.offer(event, when_full);
        let offered = offered.map_err(|misuse| self.driver.explain(misuse.into()))?;
        self.write_now();
        Ok(offered)
    }

    /// Writes what the transport takes now.
    fn write_now(&mut self) {
        // The task that waits next asks the transport again, and is woken by it.
        let cx = &mut Context::from_waker(Waker::noop());
        let _ = at_once(cx, |cx| self.driver.poll_write(cx));
    }

    /// Frames an event, and waits for room, whatever the policy is.
    pub(in crate::net) fn poll_feed(
        &mut self,
        cx: &mut Context<'_>,
        event: &impl AsEvent,
    ) -> Poll<Result<(), Error>> {
        self.poll_offer(cx, |link| link.offer(event, WhenFull::Wait))
    }

    pub(in crate::net) fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            self.check()?;
            self.driver.queue_replies();
            if self.driver.poll_write(cx)?.is_ready() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.driver.poll_deadline(cx))?;
        }
    }

    /// Polls as one of two tasks: what one of them finds, the other may be waiting for.
    pub(super) fn poll_as<T>(
        &mut self,
        side: Side,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> T,
    ) -> T {
        let waker = self.both.get_or_insert_default().waker(side, cx.waker());
        let before = self.may_send();
        let polled = poll(self, &mut Context::from_waker(&waker));
        self.tell_other(side, before);
        polled
    }

    /// Wakes the task of the other side, if what [`may_send`](Self::may_send) says has changed.
    fn tell_other(&self, side: Side, before: bool) {
        if self.may_send() != before
            && let Some(both) = &self.both
        {
            both.wake_other(side);
        }
    }

    /// Whether nothing keeps messages from being sent but want of room.
    fn may_send(&self) -> bool {
        self.driver.is_reading() && !self.driver.link.frame_writer.sender.has_closed()
    }

    fn check(&mut self) -> Result<(), Error> {
        if self.driver.is_ended() || self.driver.link.frame_writer.write_buffer.is_broken() {
            return Err(self.driver.explain(Error::closed_abnormally()));
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let poll = |this: &mut Self, cx: &mut Context<'_>| {
            // The task that polls the `Sink` waits for room itself.
            this.driver.poll_recv(cx, ReadMode::Always)
        };
        self.get_mut().poll_as(Side::Stream, cx, poll).map(Result::transpose)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<S> {
    type Error = Error;

    /// Waits for room, unless [`Config::overflow`] says what becomes of messages without.
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_as(Side::Sink, cx, |this, cx| {
            match WhenFull::of(this.driver.link.frame_writer.policy()) {
                WhenFull::Wait => this.poll_offer(cx, |link| Ok(link.frame_writer.has_room())),
                _ => {
                    // Only what the transport does not take now finds no room.
                    if this.driver.link.is_full() {
                        let _ = this.driver.poll_write(cx)?;
                    }
                    Poll::Ready(this.check())
                }
            }
        })
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let this = self.get_mut();
        let before = this.may_send();
        let link = &mut this.driver.link;
        let offered = match WhenFull::of(link.frame_writer.policy()) {
            WhenFull::Wait => link.feed(&message).map(|()| Offered::Queued),
            when_full => link.offer(&message, when_full),
        };
        // After a close frame the task of the `Stream` has another deadline.
        this.tell_other(Side::Sink, before);
        offered.map_err(|misuse| this.driver.explain(misuse.into()))?.outcome().map(drop)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_as(Side::Sink, cx, |this, cx| this.poll_flushed(cx))
    }

    /// Closes with 1000 (§7.4.1) if neither side has closed before, and waits for the end.
    ///
    /// Messages that still arrive may be dropped, because this task reads as well. To keep them, receive
    /// from the `Stream` until `None` first.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_as(Side::Sink, cx, |this, cx| {
            if !this.driver.is_ended() {
                this.driver.queue_replies();
                let close = Close { code: CloseCode::NORMAL, reason: "" };
                this.driver.link.frame(Event::Close(Some(close)));
            }
            this.driver.poll_sink_close(cx)
        })
    }
}
