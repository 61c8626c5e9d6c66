//! One HTTP/2 connection of a client, with many WebSockets on it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::ext::Protocol;
use http::Response;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::fate;
use super::inbox::{Arrived, Inbox};
use super::paced::{Pace, Paced};
use super::stream::{Http2Stream, SEND_BUFFER};
use crate::handshake::{
    Agreed, ClientRequest, ResponseError, check_connect_response, connect_request,
};
use crate::net::compression;
use crate::net::config::Config;
use crate::net::connect_error::OpeningStep;
use crate::net::error::Error;
use crate::net::http2_error::Http2Error;
use crate::net::keys::masking_key;
use crate::net::socket::span;
use crate::net::socket::websocket::WebSocket;
use crate::proto::Role;

/// How many bytes the peer may send on one stream before they are read. `h2` tells it of new room once a third is free,
/// so a message of 1 MiB never waits for a window.
const STREAM_WINDOW: u32 = 3 << 19;

/// How many it may send on all streams: four that are not read do not stop the others. With it a hostile server makes us
/// hold 16 MiB at most.
const CONNECTION_WINDOW: u32 = 5 * STREAM_WINDOW;

/// What small DATA frames may cost within `h2`. Each frame under 256 bytes costs the difference, and frames of WebSockets
/// are mostly so small. They are taken out before there are more: see [`paced`](super::paced).
const SMALL_FRAMES: usize = 8 << 20;

/// How many bytes of the body of a refusal are kept.
const MAX_BODY: usize = 16 << 10;

/// Stands for the peer's limit of streams until its settings arrive. No setting is as large: they have 32 bits.
const UNKNOWN: usize = usize::MAX - 1;

/// A client's HTTP/2 connection, which carries many WebSockets (RFC 8441). Clones are the same connection.
///
/// ```no_run
/// use bowstring::handshake::ClientRequest;
/// use bowstring::net::http2::Session;
/// use bowstring::{Config, Error};
///
/// # async fn example(stream: tokio::net::TcpStream) -> Result<(), Error> {
/// // The stream may be any: for TLS, let it offer `h2` in ALPN.
/// let config = Config::default();
/// let session = Session::over(stream, &config).await?;
/// let request = ClientRequest::new("ws://example.com/chat".parse()?);
/// let (mut first, _response) = session.open(&request, &config).await?;
/// let (mut second, _response) = session.open(&request, &config).await?;
/// first.send("hello").await?;
/// second.send("hello").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Who drives it
///
/// A task that [`over`](Self::over) spawns on the runtime of the caller reads and writes for all streams. It ends when
/// the connection fails, or when the last clone and the last WebSocket are dropped. It then sends GOAWAY and ends the
/// transport.
///
/// # Limits
///
/// The peer may send 1.5 MiB on a stream and 7.5 MiB on all of them before they are read. So a socket that is not read
/// stops neither the connection nor its other sockets, until five of them are full. What waits to be written is at most
/// 16 KiB for each stream, in addition to [`high_water`](Config::high_water).
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

/// The right to open a stream, and that of one that is open.
pub(in crate::net) type Slot = OwnedSemaphorePermit;

struct Shared {
    send: SendRequest<Bytes>,
    phase: watch::Receiver<Phase>,
    slots: Arc<Semaphore>,
    /// How many slots there are, taken or not.
    granted: Arc<Mutex<usize>>,
    arrived: Arc<Arrived>,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The peer's settings have not come.
    Connecting,
    Open,
    /// No stream can be opened any more. Those that are open go on.
    Draining,
    /// The transport has ended.
    Ended,
}

/// Drives a connection, and tells what becomes of it.
struct Drive<T: AsyncRead + AsyncWrite> {
    /// There until it has ended.
    connection: Option<Connection<Paced<T>>>,
    pace: Pace,
    arrived: Arc<Arrived>,
    /// Weak, because the connection ends when no stream is open and none can be opened.
    shared: Weak<Shared>,
    phase: watch::Sender<Phase>,
    slots: Arc<Semaphore>,
    granted: Arc<Mutex<usize>>,
}

impl Session {
    /// Makes an HTTP/2 connection of a transport, for which both ends have agreed on HTTP/2: in TLS by ALPN (`h2`),
    /// without TLS by prior knowledge (RFC 9113 §3).
    ///
    /// It waits for the server's settings, at most [`handshake_timeout`](Config::handshake_timeout). Of the
    /// configuration, that and [`head`](Config::head) count.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the connection.
    ///
    /// # Errors
    ///
    /// - [`Http2`](Error::Http2) with [`NotOffered`](Http2Error::NotOffered) if the server offers no WebSockets over
    ///   HTTP/2. Then try HTTP/1.1, over another transport.
    /// - [`HandshakeTimeout`](Error::HandshakeTimeout), or how HTTP/2 or the transport failed.
    pub async fn over<S>(stream: S, config: &Config) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        before(
            Instant::now().checked_add(config.handshake_timeout),
            Error::HandshakeTimeout(OpeningStep::Handshake),
            Self::begin(stream, config),
        )
        .await
    }

    async fn begin<S>(stream: S, config: &Config) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (stream, pace) = Paced::new(stream);
        let (send, connection) = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .data_frame_budget(SMALL_FRAMES)
            .max_send_buffer_size(SEND_BUFFER)
            .max_header_list_size(u32::try_from(config.head.max_bytes).unwrap_or(u32::MAX))
            .enable_push(false)
            .initial_max_send_streams(UNKNOWN)
            .handshake(stream)
            .await
            .map_err(fate::of_opening)?;
        let (told, phase) = watch::channel(Phase::Connecting);
        let slots = Arc::new(Semaphore::new(0));
        let granted = Arc::new(Mutex::new(0));
        let shared = Arc::new(Shared {
            send,
            phase,
            slots: Arc::clone(&slots),
            granted: Arc::clone(&granted),
            arrived: Arc::default(),
        });
        let mut drive = Drive {
            connection: Some(connection),
            pace,
            arrived: Arc::clone(&shared.arrived),
            shared: Arc::downgrade(&shared),
            phase: told,
            slots,
            granted,
        };
        // Here, so that it fails here if the server speaks something else.
        poll_fn(|cx| drive.poll_settings(cx)).await?;
        if !shared.send.is_extended_connect_protocol_enabled() {
            return Err(Http2Error::NotOffered.into());
        }
        tokio::spawn(drive);
        Ok(Self { shared })
    }

    /// Opens a WebSocket on a stream of its own. Gives the connection and the server's answer.
    ///
    /// The host of the request becomes `:authority`. If as many streams are open as the server allows, it waits for one
    /// of them to end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future resets the stream.
    ///
    /// # Errors
    ///
    /// - [`Build`](Error::Build) if the request is not legal. Nothing was sent then.
    /// - [`Http2`](Error::Http2) if the stream could not be opened.
    /// - [`Status`](Error::Status) if the server answered with another status than 200.
    /// - [`Response`](Error::Response) if the answer does not go with the request.
    /// - [`HandshakeTimeout`](Error::HandshakeTimeout) if the answer took longer than
    ///   [`handshake_timeout`](Config::handshake_timeout).
    /// - Else how the transport failed.
    pub async fn open(
        &self,
        request: &ClientRequest,
        config: &Config,
    ) -> Result<(WebSocket<Http2Stream>, Response<()>), Error> {
        let opening = async {
            let end = Instant::now().checked_add(config.handshake_timeout);
            let (stream, agreed, response) = self.open_stream(request, config, None, end).await?;
            let role = Role::Client(masking_key);
            Ok((WebSocket::from_agreed(stream, role, Vec::new(), agreed, config), response))
        };
        span::follow(request.uri(), opening, WebSocket::traced).await
    }

    /// The same without the WebSocket, on a stream that was set aside, or on the next that is free. The server has
    /// answered before `end`; what has come of the body of a refusal by then is kept.
    pub(in crate::net) async fn open_stream(
        &self,
        request: &ClientRequest,
        config: &Config,
        slot: Option<Slot>,
        end: Option<Instant>,
    ) -> Result<(Http2Stream, Agreed, Response<()>), Error> {
        let request = compression::offer(config.deflate, request);
        let mut head = connect_request(&request)?;
        head.extensions_mut().insert(Protocol::from_static("websocket"));

        let slot = match slot {
            Some(slot) => slot,
            None => {
                let acquire = async { Ok(Arc::clone(&self.shared.slots).acquire_owned().await) };
                let slot = before(end, Http2Error::TooManyStreams.into(), acquire).await?;
                slot.map_err(|_| self.shared.failure())?
            }
        };

        let mut send = self.shared.send.clone();
        let opening = async {
            poll_fn(|cx| send.poll_ready(cx)).await.map_err(fate::of_opening)?;
            let (response, writing) = send.send_request(head, false).map_err(fate::of_opening)?;
            Ok((response.await.map_err(fate::of_opening)?, writing))
        };
        let (response, writing) =
            before(end, Error::HandshakeTimeout(OpeningStep::Handshake), opening).await?;
        let (parts, mut reading) = response.into_parts();
        let response = Response::from_parts(parts, ());
        let agreed = match check_connect_response(&response, &request) {
            Ok(agreed) => agreed,
            Err(ResponseError::Status(_)) => {
                let mut body = Vec::new();
                // As far as it comes in time: the status counts anyway.
                let kept = async {
                    read_body(&mut reading, &mut body).await;
                    Ok(())
                };
                let _ = before(end, Error::Lost, kept).await;
                return Err(Error::Status(Box::new(response.map(|()| body.into()))));
            }
            Err(error) => return Err(error.into()),
        };
        let inbox = Inbox::new(reading, &self.shared.arrived);
        Ok((Http2Stream::new(inbox, writing, slot), agreed, response))
    }

    /// How many WebSockets are open on this connection or being opened.
    pub fn open_streams(&self) -> usize {
        self.shared.granted().saturating_sub(self.shared.slots.available_permits())
    }

    /// How many the server allows at a time. Without a limit of the server's it is [`usize::MAX`].
    pub fn max_streams(&self) -> usize {
        match self.shared.granted() {
            Semaphore::MAX_PERMITS => usize::MAX,
            granted => granted,
        }
    }

    /// Whether no WebSocket can be opened on this connection any more: the server has sent GOAWAY, or the connection has
    /// ended. WebSockets that are open may go on.
    pub fn is_draining(&self) -> bool {
        *self.shared.phase.borrow() != Phase::Open
    }

    /// Sets a stream aside, if one is free.
    pub(in crate::net) fn slot(&self) -> Option<Slot> {
        Arc::clone(&self.shared.slots).try_acquire_owned().ok()
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        *self.shared.phase.borrow() == Phase::Ended
    }

    /// Waits until the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time.
    pub async fn closed(&self) {
        let mut phase = self.shared.phase.clone();
        // Without a sender it has ended as well.
        let _ = phase.wait_for(|phase| *phase == Phase::Ended).await;
    }
}

impl Shared {
    fn granted(&self) -> usize {
        *self.granted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why no stream can be opened, if none can.
    fn poll_failure(&self) -> Option<h2::Error> {
        match self.send.clone().poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) => Some(error),
            _ => None,
        }
    }

    fn failure(&self) -> Error {
        self.poll_failure().map_or(Error::Lost, fate::of_opening)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("open_streams", &self.open_streams())
            .field("max_streams", &self.max_streams())
            .field("phase", &*self.shared.phase.borrow())
            .finish_non_exhaustive()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Drive<T> {
    /// Reads and writes, takes out what has come, and tells what has changed. `Ready` is the end.
    fn poll_connection(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(Ok(())) };
        self.pace.begin();
        self.arrived.begin();
        let ended = Pin::new(&mut *connection).poll(cx);
        let max = connection.max_concurrent_send_streams();
        self.arrived.take(cx.waker());
        if ended.is_pending() {
            self.look(max);
        } else {
            self.end();
        }
        ended
    }

    /// Until the peer's settings are known.
    fn poll_settings(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Poll::Ready(Err(error)) = self.poll_connection(cx) {
            return Poll::Ready(Err(fate::of_opening(error)));
        }
        match *self.phase.borrow() {
            Phase::Connecting => Poll::Pending,
            Phase::Open => Poll::Ready(Ok(())),
            Phase::Draining => Poll::Ready(Err(Http2Error::Draining.into())),
            Phase::Ended => Poll::Ready(Err(Error::Lost)),
        }
    }

    /// Tells what has changed; `max` is how many streams the peer allows.
    fn look(&mut self, max: usize) {
        if max == UNKNOWN {
            return;
        }
        self.grant(max.min(Semaphore::MAX_PERMITS));
        if *self.phase.borrow() == Phase::Connecting {
            self.phase.send_replace(Phase::Open);
        }
        if *self.phase.borrow() == Phase::Open
            && self.shared.upgrade().is_some_and(|shared| shared.poll_failure().is_some())
        {
            self.phase.send_replace(Phase::Draining);
            self.slots.close();
        }
    }

    /// Grants so many slots in all. If more are taken, they are taken back once their streams have ended.
    fn grant(&self, max: usize) {
        let mut granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        if max > *granted {
            self.slots.add_permits(max - *granted);
            *granted = max;
        } else if max < *granted {
            *granted -= self.slots.forget_permits(*granted - max);
        }
    }
}

impl<T: AsyncRead + AsyncWrite> Drive<T> {
    /// Ends the connection, and tells all that have to do with it.
    fn end(&mut self) {
        drop(self.connection.take());
        // The streams have learned of it.
        self.arrived.take(Waker::noop());
        self.phase.send_replace(Phase::Ended);
        self.slots.close();
    }
}

/// A runtime that ends drops it at any time.
impl<T: AsyncRead + AsyncWrite> Drop for Drive<T> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Future for Drive<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Each stream has been told how it ended.
        self.get_mut().poll_connection(cx).map(drop)
    }
}

/// Gives a step so long.
async fn before<T>(
    end: Option<Instant>,
    late: Error,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match end {
        Some(end) => tokio::time::timeout_at(end, pin!(step)).await.unwrap_or(Err(late)),
        None => step.await,
    }
}

/// Reads the body of a refusal, as far as it comes and is wanted.
async fn read_body(stream: &mut h2::RecvStream, body: &mut Vec<u8>) {
    while let Some(Ok(data)) = stream.data().await {
        let len = data.len().min(MAX_BODY - body.len());
        body.extend_from_slice(&data[..len]);
        let _ = stream.flow_control().release_capacity(data.len());
        if body.len() == MAX_BODY {
            break;
        }
    }
}
