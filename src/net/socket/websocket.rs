//! The socket: owned messages in both directions, by one task.
//!
//! Corking, in one sentence: whatever is framed is written, at the latest, before the socket next
//! waits for input; [`send`](WebSocket::send) and [`flush`](WebSocket::flush) write it now.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::Driver;
use super::handle::Handle;
use super::link::{Link, OwnedLink, at_once};
use super::waker_pair::{Side, WakerPair};
use crate::handshake::Agreed;
use crate::net::buffers::frame_writer::FrameWriter;
use crate::net::buffers::read_buffer::ReadBuffer;
use crate::net::config::Config;
use crate::net::error::{Error, TrySendError};
use crate::net::overflow::Overflow;
#[cfg(feature = "deflate")]
use crate::proto::Ratio;
use crate::proto::{AsEvent, Close, CloseCode, Event, Message, Receiver, Role, Sender, State};

/// A WebSocket connection over a transport `S`, after its opening handshake.
///
/// It is at once a [`Stream`] of `Result<Message, Error>` and a [`Sink`] of [`Message`], which two tasks may
/// poll, one each: so `futures`' `split` works over any transport. [`split`](Self::split) is the better one
/// where there is [`Split`](crate::net::Split).
///
/// Pings are answered, and close frames too, while the socket is being read; deadlines run while it
/// is being polled. Dropping it ends the transport without a closing handshake.
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
    /// What was read from it and not received as a message: in front of what comes next. Bytes of
    /// a message that was under way are gone.
    pub unread: Vec<u8>,
    /// What was framed and not written: to be written before anything else.
    pub unwritten: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// A connection over a transport that was upgraded elsewhere, for instance by an HTTP server.
    ///
    /// `unread` is what was read behind the head of the handshake. A client's [`Role`] needs a
    /// source of masking keys: [`masking_key`](crate::net::masking_key) is one.
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
        let (receiver, sender) = (Receiver::new(role, config.limits), Sender::new(role));
        #[cfg(feature = "deflate")]
        let (receiver, sender) = {
            let compression = agreed
                .deflate
                .map(|params| config.deflate.unwrap_or_default().compression(role, &params));
            let compression = compression.as_ref();
            (receiver.with_compression(compression), sender.with_compression(compression))
        };
        let link = OwnedLink { stream, frame_writer: FrameWriter::new(sender, config) };
        let input = ReadBuffer::new(unread.into());
        let mut driver = Driver::new(link, receiver, role, config, input);
        if let Some(name) = agreed.protocol {
            driver.keep(Handle::new(Some(name.into_boxed_str())));
        }
        Self { driver, both: None }
    }

    /// The next message. `None` when the connection has ended with a closing handshake (§7.1.4),
    /// and ever after.
    ///
    /// The peer's close frame arrives as [`Message::Close`]; the answer to it goes out by itself
    /// (§5.5.1). Pings and pongs are reported only if
    /// [`report_pings`](Config::report_pings) says so.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: no message is lost.
    ///
    /// # Errors
    ///
    /// How the connection failed, once; then `None`. A [`Violation`](Error::Violation) is reported
    /// when the peer was told, which takes until it ends TCP or the close deadline.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.driver.poll_recv(cx)).await
    }

    /// Sends a message, a ping, a pong or a close frame, and writes it now, together with whatever
    /// was fed before.
    ///
    /// Waits first while more than [`high_water`](Config::high_water) bytes are waiting to be
    /// written. A task that only sends should [split](Self::split) the socket, or receive now and
    /// then: pings are answered by receiving.
    ///
    /// # Cancel safety
    ///
    /// A message is framed whole or not at all. If the future is dropped while it waits for room,
    /// nothing is framed; if it is dropped later, the rest is written by whatever is called next.
    /// Use [`feed`](Self::feed) and [`flush`](Self::flush) where it matters which.
    ///
    /// # Errors
    ///
    /// [`Misuse`](Error::Misuse) if the protocol does not allow it: nothing was framed, the
    /// connection goes on. Else how it failed, or [`Closed`](Error::Closed) if it had before.
    pub async fn send(&mut self, event: impl AsEvent) -> Result<(), Error> {
        self.feed(event).await?;
        match self.driver.link.frame_writer.policy() {
            Overflow::Wait => self.flush().await,
            // Whoever lets messages be dropped waits for nobody.
            _ => {
                poll_fn(|cx| match self.poll_flushed(cx) {
                    Poll::Pending => Poll::Ready(Ok(())),
                    flushed => flushed,
                })
                .await
            }
        }
    }

    /// Sends a message if there is room, and writes what the transport takes now. Never waits,
    /// whatever [`Config::overflow`] says.
    ///
    /// # Errors
    ///
    /// [`Full`](TrySendError::Full) if more than [`high_water`](Config::high_water) bytes wait, with
    /// the message; else as for [`send`](Self::send).
    pub fn try_send<M: AsEvent>(&mut self, message: M) -> Result<(), TrySendError<M>> {
        self.driver.settle();
        if self.driver.link.frame_writer.is_full() {
            self.write_now();
        }
        if let Err(error) = self.check() {
            return Err(TrySendError::Failed(message, error));
        }
        let frame_writer = &self.driver.link.frame_writer;
        if frame_writer.is_full()
            && !frame_writer.sender.has_closed()
            && !message.as_event().is_control()
        {
            return Err(TrySendError::Full(message));
        }
        if let Err(misuse) = self.driver.link.feed(&message) {
            return Err(TrySendError::Failed(message, misuse.into()));
        }
        self.write_now();
        Ok(())
    }

    /// Frames a message, a ping, a pong or a close frame, to be written later, many with one write:
    /// whatever is framed is written, at the latest, before the socket next waits for input;
    /// [`send`](Self::send) and [`flush`](Self::flush) write it now. (What is too large to be copied is
    /// written at once, as far as the stream takes it.)
    ///
    /// Waits first while more than [`high_water`](Config::high_water) bytes are waiting to be written,
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
        poll_fn(|cx| self.poll_feed(cx, &event)).await
    }

    /// Frames the next part of a message whose length is not known before (§5.4), like
    /// [`feed`](Self::feed); `fin` ends the message. All parts are text, or all are binary.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is framed.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn feed_part(&mut self, part: impl AsEvent, fin: bool) -> Result<(), Error> {
        poll_fn(|cx| self.poll_room(cx)).await?;
        Ok(self.driver.link.frame_writer.feed_part(part, fin)?)
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

    /// Closes the connection (§7.1.2): sends a close frame, waits for the peer's and for the end of
    /// TCP, at most as long as [`Timeouts::close`](crate::proto::Timeouts::close). Messages that
    /// still arrive are dropped.
    ///
    /// Calling it again, or after the peer has closed, finishes what is left to do.
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
            self.driver.link.frame_writer.feed(Close { code: code.into(), reason })?;
        }
        poll_fn(|cx| self.poll_closed(cx)).await
    }

    /// A hand on the connection for other tasks: to close it, and to learn how it is. It stays good
    /// when the socket is [split](Self::split).
    pub fn handle(&mut self) -> Handle {
        self.driver.handle()
    }

    /// How far the connection is from its end.
    pub fn state(&self) -> State {
        if self.driver.is_finished() {
            State::Closed
        } else if self.driver.link.frame_writer.sender.has_closed()
            || self.driver.receiver.is_done()
        {
            State::Closing
        } else {
            State::Open
        }
    }

    /// Whether it is the peer that ends the connection.
    pub(crate) fn is_leaving(&self) -> bool {
        self.driver.is_leaving()
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
    /// [`Config::overflow`]. These are messages, and the connection goes on; a server's report counts
    /// connections.
    pub fn dropped(&self) -> u64 {
        self.driver.link.frame_writer.dropped()
    }

    /// How much compression has spared: of what was sent, and of what was received. All zero if the
    /// peer did not agree to compress.
    #[cfg(feature = "deflate")]
    pub fn ratios(&self) -> (Ratio, Ratio) {
        (self.driver.link.frame_writer.sender.ratio(), self.driver.receiver.ratio())
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

    /// Waits until something may be framed. What is owed to the peer goes before it.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.driver.settle();
        loop {
            self.check()?;
            let frame_writer = &self.driver.link.frame_writer;
            // Behind a close frame nothing may be framed, which is said at once.
            if !frame_writer.is_full() || frame_writer.sender.has_closed() {
                return Poll::Ready(Ok(()));
            }
            match self.driver.link.poll_write(cx)? {
                Poll::Pending if self.driver.link.is_full() => {
                    ready!(self.driver.poll_deadline(cx))?
                }
                _ => {}
            }
        }
    }

    /// Frames an event once there is room, or does what the policy says.
    fn poll_feed(&mut self, cx: &mut Context<'_>, event: &impl AsEvent) -> Poll<Result<(), Error>> {
        if self.driver.link.frame_writer.policy() != Overflow::Wait {
            self.driver.settle();
            self.check()?;
            if self.driver.link.frame_writer.is_full() {
                let _ = self.driver.link.poll_write(cx)?;
            }
            let frame_writer = &mut self.driver.link.frame_writer;
            if frame_writer.is_full()
                && let Some(done) = frame_writer.overflow(event, frame_writer.policy())
            {
                return Poll::Ready(done);
            }
        }
        ready!(self.poll_room(cx))?;
        Poll::Ready(Ok(self.driver.link.feed(event)?))
    }

    /// Writes what the transport takes now.
    fn write_now(&mut self) {
        // Whoever waits next asks the transport again, and is woken by it.
        let cx = &mut Context::from_waker(Waker::noop());
        let _ = at_once(cx, |cx| self.driver.link.poll_write(cx));
    }

    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            self.check()?;
            self.driver.settle();
            if self.driver.link.poll_write(cx)?.is_ready() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.driver.poll_deadline(cx))?;
        }
    }

    fn waker(&mut self, side: Side, cx: &Context<'_>) -> Waker {
        self.both.get_or_insert_default().waker(side, cx.waker())
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.driver.poll_drain(cx)
    }

    fn check(&self) -> Result<(), Error> {
        let ended =
            self.driver.is_finished() || self.driver.link.frame_writer.write_buffer.is_broken();
        if ended { Err(Error::Closed) } else { Ok(()) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let waker = this.waker(Side::Stream, cx);
        this.driver.poll_recv(&mut Context::from_waker(&waker)).map(Result::transpose)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<S> {
    type Error = Error;

    /// Waits for room, unless [`Config::overflow`] says what becomes of messages without.
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        let waker = this.waker(Side::Sink, cx);
        let cx = &mut Context::from_waker(&waker);
        match this.driver.link.frame_writer.policy() {
            Overflow::Wait => this.poll_room(cx),
            _ => Poll::Ready(this.check()),
        }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let link = &mut self.get_mut().driver.link;
        if link.frame_writer.is_full()
            && let Some(done) = link.frame_writer.overflow(&message, link.frame_writer.policy())
        {
            return done;
        }
        Ok(link.feed(&message)?)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        let waker = this.waker(Side::Sink, cx);
        this.poll_flushed(&mut Context::from_waker(&waker))
    }

    /// Closes with 1000 (§7.4.1) if nobody did before.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        let waker = this.waker(Side::Sink, cx);
        let cx = &mut Context::from_waker(&waker);
        if !this.driver.is_finished() {
            this.driver.settle();
            this.driver
                .link
                .frame(Event::Close(Some(Close { code: CloseCode::NORMAL, reason: "" })));
        }
        this.poll_closed(cx)
    }
}
