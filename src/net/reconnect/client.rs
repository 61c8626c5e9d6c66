//! The client that comes back: [`ReconnectingWebSocket`].

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;

use super::config::ReconnectConfig;
use super::disconnect::{AttemptError, Disconnect, ReconnectError, Retry};
use super::engine::{Attempt, Engine, ReconnectEvent};
use super::handle::ReconnectHandle;
use super::shared::{ReconnectState, Taken};
use crate::handshake::IntoClientRequest;
use crate::net::error::Error;
use crate::net::opening::connector::Connector;
use crate::net::opening::transport::Transport;
use crate::net::socket::handle::close_frame;
use crate::net::socket::waker_pair::{Side, WakerPair};
use crate::net::socket::websocket::WebSocket;
use crate::proto::{CloseCode, CloseFrame, Message, Misuse};

/// A WebSocket client that comes back when its connection is lost, or its server is away.
///
/// ```no_run
/// use bowstring::net::ReconnectingWebSocket;
///
/// # async fn follow() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = ReconnectingWebSocket::new("ws://127.0.0.1:9001/prices")?
///     // On each connection: log in, subscribe.
///     .on_connect(|mut ws| async move {
///         ws.send("subscribe EURUSD").await?;
///         Ok(ws)
///     });
/// while let Some(message) = client.recv().await? {
///     println!("{message:?}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # It must be polled
///
/// No task is spawned. The client connects, writes and keeps its deadlines while a task receives, and while it
/// sends, flushes or closes. Nothing happens before the first call. To send from other tasks, take a
/// [`handle`](Self::handle).
///
/// A message that was received waits for [`recv`](Self::recv), and nothing is read meanwhile. So a task that only
/// sends must receive too, if its server sends anything.
///
/// # When it comes back
///
/// | there is no connection because | |
/// |---|---|
/// | it was lost, the peer was too slow, or the address cannot be reached | back, after a random pause that grows |
/// | the peer closed with 1001, 1011 or 1014 | the same |
/// | the peer closed with 1012 or 1013 | back, after [a longer pause](ReconnectConfig::restart_pause) |
/// | the answer was 408, 425, 429 or most of 5xx | back; `Retry-After` is kept |
/// | the peer closed with 1000, or without a code | the end: [`recv`](Self::recv) gives `None` |
/// | the peer closed with another code, or broke the protocol | the end, with an error |
/// | the answer was 401, 403, 404 …, no such host, TLS failed | the same |
///
/// [`policy`](Self::policy) decides otherwise. [`ReconnectConfig`] sets pauses and limits.
///
/// # What becomes of messages
///
/// A message that is sent is kept until it is known to have arrived: the peer has answered a ping that was sent
/// after it. If many are kept, such a ping is sent; otherwise the keep-alive's pings do it. When a connection ends,
/// a message is one of these:
///
/// - It has arrived, at the peer's WebSocket. Whether the application there has acted on it, only an answer of
///   that application tells.
/// - It was framed, and may have arrived or not. It is given back as
///   [in doubt](ReconnectEvent::Disconnected::in_doubt), and not sent again: only the application knows whether
///   twice is better than never.
/// - It was not framed. It is sent on the next connection, after the hook, or dropped: see
///   [`Unsent`](super::config::Unsent).
///
/// # Stream and Sink
///
/// It is a [`Stream`] of `Result<Message, ReconnectError>` and a [`Sink`] of [`Message`]. Two tasks may poll them,
/// one each. To flush or to close the `Sink` waits for a connection as long as messages wait to be sent.
pub struct ReconnectingWebSocket {
    engine: Engine,
    /// One task may receive and another send.
    wakers: Arc<WakerPair>,
}

/// Messages that were given to a client and are not known to have arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undelivered {
    /// They were framed on the last connection, and it is not known whether they have arrived.
    pub in_doubt: Vec<Message>,
    /// They were never sent.
    pub unsent: Vec<Message>,
}

impl Undelivered {
    /// Whether everything has arrived.
    pub fn is_empty(&self) -> bool {
        self.in_doubt.is_empty() && self.unsent.is_empty()
    }
}

impl ReconnectingWebSocket {
    /// A client for this address, with the defaults of a [`Connector`] and of [`ReconnectConfig`].
    ///
    /// The address is a text, a URI, or a request with header fields: see
    /// [`IntoClientRequest`].
    ///
    /// # Errors
    ///
    /// The address or the request is not legal.
    pub fn new(request: impl IntoClientRequest) -> Result<Self, Error> {
        Self::with_connector(Connector::new(), request)
    }

    /// A client that connects with this: with a proxy, TLS roots, a [`Config`](crate::Config) of yours.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use bowstring::{Config, Connector, net::ReconnectingWebSocket};
    ///
    /// # fn example() -> Result<(), bowstring::Error> {
    /// let mut config = Config::default();
    /// // A dead server is found after 10 s at most: 5 s of silence, and 5 s for the answer to a ping.
    /// config.timeouts.keep_alive = Some(Duration::from_secs(5));
    /// config.timeouts.pong = Duration::from_secs(5);
    /// let connector = Connector::new().config(config);
    /// let client = ReconnectingWebSocket::with_connector(connector, "ws://127.0.0.1:9001/")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The address or the request is not legal.
    pub fn with_connector(
        connector: Connector,
        request: impl IntoClientRequest,
    ) -> Result<Self, Error> {
        let request = request.into_client_request()?;
        request.check()?;
        Ok(Self::from_fn(move |_| {
            let (connector, request) = (connector.clone(), request.clone());
            async move { Ok(connector.connect(request).await?.0) }
        }))
    }

    /// A client that connects by calling this: to ask for a fresh token first, to try several addresses, for tests.
    ///
    /// ```no_run
    /// use bowstring::handshake::ClientRequest;
    /// use bowstring::net::{AttemptError, ReconnectingWebSocket};
    ///
    /// async fn fresh_token() -> Result<String, AttemptError> {
    ///     // …
    /// #   Ok(String::new())
    /// }
    ///
    /// let client = ReconnectingWebSocket::from_fn(|_attempt| async {
    ///     let token = fresh_token().await?;
    ///     let request = ClientRequest::new("wss://example.com/".parse().map_err(AttemptError::permanent)?)
    ///         .header("Authorization", format!("Bearer {token}"));
    ///     let (ws, _response) = bowstring::connect(request).await?;
    ///     Ok(ws)
    /// });
    /// ```
    ///
    /// The future is dropped if it takes longer than [`attempt_timeout`](ReconnectConfig::attempt_timeout).
    pub fn from_fn<F, Fut>(mut connect: F) -> Self
    where
        F: FnMut(Attempt) -> Fut + Send + 'static,
        Fut: Future<Output = Result<WebSocket<Transport>, AttemptError>> + Send + 'static,
    {
        let connect = Box::new(move |attempt| Box::pin(connect(attempt)) as _);
        Self { engine: Engine::new(connect), wakers: Arc::default() }
    }

    /// With these pauses and limits.
    pub fn config(mut self, config: ReconnectConfig) -> Self {
        self.engine.shared.configure(&config);
        self.engine.config = config;
        self
    }

    /// Calls this on each connection, before anything else is sent on it: to log in, to subscribe again.
    ///
    /// It gets the connection and gives it back. What it receives, the client does not. An error is a failed attempt:
    /// see [`AttemptError`].
    pub fn on_connect<F, Fut>(mut self, mut hook: F) -> Self
    where
        F: FnMut(WebSocket<Transport>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<WebSocket<Transport>, AttemptError>> + Send + 'static,
    {
        self.engine.hook = Some(Box::new(move |ws| Box::pin(hook(ws)) as _));
        self
    }

    /// Asks this whether to come back. It gets why there is no connection, and what would be done without it.
    ///
    /// ```no_run
    /// use bowstring::net::{ReconnectingWebSocket, Retry};
    ///
    /// # fn example() -> Result<(), bowstring::Error> {
    /// let client = ReconnectingWebSocket::new("wss://example.com/")?.policy(|why, default| {
    ///     match why.close_code().map(u16::from) {
    ///         // This server closes with 1000 after a day, and with 4001 whom it does not want back.
    ///         Some(1000) => Retry::BackOff,
    ///         Some(4001) => Retry::Never,
    ///         _ => default,
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn policy(
        mut self,
        policy: impl FnMut(&Disconnect, Retry) -> Retry + Send + 'static,
    ) -> Self {
        self.engine.policy = Some(Box::new(policy));
        self
    }

    /// Takes the randomness of the pauses from here: numbers from 0 up to 1. For tests, which want the same pauses
    /// each time.
    pub fn jitter(mut self, random: impl FnMut() -> f64 + Send + 'static) -> Self {
        self.engine.jitter = Box::new(random);
        self
    }

    /// A handle for other tasks: to send, to close the client, to watch its state.
    pub fn handle(&self) -> ReconnectHandle {
        ReconnectHandle(Arc::clone(&self.engine.shared))
    }

    /// How the client is connected.
    pub fn state(&self) -> ReconnectState {
        self.engine.shared.state.borrow().clone()
    }

    /// How many messages were dropped: see [`Unsent::Drop`](super::config::Unsent::Drop). Messages in doubt are dropped and
    /// counted, too, if the program does not receive while more come into doubt than may be kept.
    pub fn dropped(&self) -> u64 {
        self.engine.shared.lock().dropped
    }

    /// Receives the next message, over as many connections as it takes. `None`: the client has ended, because this side
    /// has closed it, or the peer with 1000 or without a code.
    ///
    /// To learn of connections that begin and end, and of messages in doubt, call [`event`](Self::event) instead: this
    /// method drops them.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: no message is lost.
    ///
    /// # Errors
    ///
    /// Why the client does not come back, once; then `None`.
    pub async fn recv(&mut self) -> Result<Option<Message>, ReconnectError> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Waits for what happens next: a message, a connection that begins or ends. `None`: the client has ended.
    ///
    /// ```no_run
    /// use bowstring::net::{ReconnectEvent, ReconnectingWebSocket};
    ///
    /// # async fn example(mut client: ReconnectingWebSocket) -> Result<(), Box<dyn std::error::Error>> {
    /// while let Some(event) = client.event().await? {
    ///     match event {
    ///         ReconnectEvent::Message(message) => println!("{message:?}"),
    ///         ReconnectEvent::Connected => println!("connected"),
    ///         ReconnectEvent::Disconnected { cause, in_doubt, .. } => {
    ///             println!("{cause}");
    ///             for message in in_doubt {
    ///                 // It may arrive twice now.
    ///                 client.send(message).await?;
    ///             }
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: no event is lost. If the program does not receive for longer than a connection lasts, the newest
    /// connection is told and the newest messages in doubt.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub async fn event(&mut self) -> Result<Option<ReconnectEvent>, ReconnectError> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Takes a message to be sent, and writes what the transport takes now. Without a connection it is kept for the
    /// next one, or dropped: see [`Unsent`](super::config::Unsent).
    ///
    /// It waits if [as many messages are kept](ReconnectConfig::max_kept_messages) as may be, until some have arrived.
    /// While it waits, it connects and reads, too: up to one message, which waits for [`recv`](Self::recv).
    ///
    /// A close frame closes the client for good.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message is not sent.
    ///
    /// # Errors
    ///
    /// [`Ended`](ReconnectError::Ended) if the client has ended or is closing. [`Misuse`](ReconnectError::Misuse) if
    /// the message is a control frame that is not legal.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), ReconnectError> {
        let mut message = Some(message.into());
        poll_fn(|cx| {
            self.drive(Side::Sink, cx, Engine::poll);
            let Some(offered) = message.take() else { return Poll::Ready(Ok(())) };
            match self.engine.shared.offer(offered)? {
                Taken::Yes => {
                    self.drive(Side::Sink, cx, Engine::poll);
                    Poll::Ready(Ok(()))
                }
                Taken::Full(back) => {
                    message = Some(back);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Takes a message if there is room, and writes what the transport takes when the client is next polled. Never
    /// waits.
    ///
    /// # Errors
    ///
    /// [`Full`](ReconnectError::Full) if there is no room, with the message. Else as for [`send`](Self::send).
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), ReconnectError> {
        self.handle().try_send(message)
    }

    /// Waits until every message that was taken has been handed to the system. Without a connection it waits for one.
    ///
    /// It says nothing about messages that come into doubt meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time.
    ///
    /// # Errors
    ///
    /// [`Ended`](ReconnectError::Ended) if the client ends before: see
    /// [`take_undelivered`](Self::take_undelivered).
    pub async fn flush(&mut self) -> Result<(), ReconnectError> {
        poll_fn(|cx| self.drive(Side::Sink, cx, Engine::poll_flushed)).await
    }

    /// Closes the connection (§7.1.2) for good, after the messages that were sent. Gives those that are not known to
    /// have arrived. Messages that still come are dropped.
    ///
    /// First it writes what was sent: a peer that takes nothing is found by the keep-alive. Then it waits at most
    /// [`Timeouts::close`](crate::proto::Timeouts::close) for the peer's close frame and the end of TCP. Without a
    /// connection it does not wait. A peer that answers with the same code has got all that was sent before.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time. Once polled, the client is closing.
    ///
    /// # Errors
    ///
    /// The code must not be sent (§7.4), or the reason is longer than 123 bytes. Nothing happens then.
    pub async fn close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: &str,
    ) -> Result<Undelivered, Misuse> {
        self.engine.shared.close(CloseFrame::new(code, reason)?);
        poll_fn(|cx| self.poll_end(Side::Stream, cx)).await;
        Ok(self.take_undelivered())
    }

    /// Takes back the messages that were not framed, and, once the client has ended, those in doubt.
    pub fn take_undelivered(&mut self) -> Undelivered {
        let unsent = self.engine.shared.lock().window.take_unsent();
        let in_doubt = match self.engine.is_ended() {
            true => self.engine.take_in_doubt(),
            false => Vec::new(),
        };
        self.engine.shared.room.notify_waiters();
        Undelivered { in_doubt, unsent }
    }

    /// Goes on, as one of two tasks, and tells others of what they may be waiting for.
    fn drive<T>(
        &mut self,
        side: Side,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Engine, &mut Context<'_>) -> T,
    ) -> T {
        let waker = self.wakers.waker(side, cx.waker());
        let polled = poll(&mut self.engine, &mut Context::from_waker(&waker));
        if std::mem::take(&mut self.engine.made_room) {
            self.engine.shared.room.notify_waiters();
            self.wakers.wake_other(side);
        }
        if let Side::Sink = side
            && self.engine.has_event()
        {
            self.wakers.wake_other(side);
        }
        polled
    }

    fn poll_event(
        &mut self,
        cx: &Context<'_>,
    ) -> Poll<Result<Option<ReconnectEvent>, ReconnectError>> {
        if !self.engine.has_event() {
            self.drive(Side::Stream, cx, Engine::poll);
        }
        if let Some(event) = self.engine.take_event() {
            return Poll::Ready(Ok(Some(event)));
        }
        match self.engine.take_end() {
            Some(end) => Poll::Ready(end.map(|()| None)),
            None => Poll::Pending,
        }
    }

    fn poll_message(&mut self, cx: &Context<'_>) -> Poll<Result<Option<Message>, ReconnectError>> {
        loop {
            match ready!(self.poll_event(cx))? {
                Some(ReconnectEvent::Message(message)) => return Poll::Ready(Ok(Some(message))),
                Some(_) => {}
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Receives until the end, and drops the messages.
    fn poll_end(&mut self, side: Side, cx: &Context<'_>) -> Poll<()> {
        loop {
            self.drive(side, cx, Engine::poll);
            if self.engine.is_ended() {
                return Poll::Ready(());
            }
            if !self.engine.drop_message() {
                return Poll::Pending;
            }
        }
    }
}

impl Stream for ReconnectingWebSocket {
    type Item = Result<Message, ReconnectError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_message(cx).map(Result::transpose)
    }
}

impl Sink<Message> for ReconnectingWebSocket {
    type Error = ReconnectError;

    /// Waits for room.
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ReconnectError>> {
        let this = self.get_mut();
        this.drive(Side::Sink, cx, Engine::poll);
        this.engine.shared.lock().poll_room()
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), ReconnectError> {
        self.get_mut().try_send(message)
    }

    /// As [`flush`](ReconnectingWebSocket::flush).
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ReconnectError>> {
        self.get_mut().drive(Side::Sink, cx, Engine::poll_flushed)
    }

    /// Sends what is kept, then closes with 1000 (§7.4.1), and waits for the end.
    ///
    /// Messages that still come may be dropped, because this task reads as well. To keep them, call
    /// [`ReconnectHandle::close`], and receive from the `Stream` until `None`.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ReconnectError>> {
        let this = self.get_mut();
        if this.engine.is_ended() {
            return Poll::Ready(Ok(()));
        }
        this.engine.shared.close(close_frame(CloseCode::NORMAL, ""));
        this.poll_end(Side::Sink, cx).map(Ok)
    }
}

impl fmt::Debug for ReconnectingWebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingWebSocket")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
