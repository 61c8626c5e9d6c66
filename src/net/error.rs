//! The errors of connections: what ends one, and what keeps one from beginning.

use std::fmt;
use std::io;
use std::str::Utf8Error;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::connect_error::{ConnectError, OpeningStep};
use super::http2_error::Http2Error;
use super::proxy_error::ProxyError;
use super::retry_after;
use super::tls_error::TlsError;
use crate::handshake::{BuildError, RedirectError, RequestError, ResponseError, UriError};
use crate::proto::{CloseCode, CloseFrame, Expired, Misuse, NotText, Violation};

/// Why a message was not sent at once. It gives the message back.
///
/// No room is not an [`Error`]: you decide what to do then.
///
/// ```
/// # use bowstring::{Error, net::{Split, TrySendError, Writer}};
/// fn offer<S: Split>(writer: &Writer<S>, price: &str) -> Result<(), Error> {
///     match writer.try_send(price) {
///         Err(TrySendError::Failed(_, error)) => Err(error),
///         // Sent, or the peer is busy: the next price will do.
///         _ => Ok(()),
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TrySendError<M> {
    /// There is no room: more than [`high_water`](super::Config::high_water) bytes wait.
    Full(M),
    /// It cannot be sent at all, now or later.
    Failed(M, Error),
}

/// Why a call failed. A connection that ends with a closing handshake is no error.
///
/// ```no_run
/// use bowstring::Error;
///
/// # async fn example() {
/// match bowstring::connect("ws://127.0.0.1:9001/").await {
///     Ok((_ws, _response)) => println!("connected"),
///     Err(Error::Status(response)) => println!("the server answered {}", response.status()),
///     Err(error) if error.is_transient() => println!("{error}: try again later"),
///     Err(error) => println!("{error}"),
/// }
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The transport failed. If it was only cut, the error is [`Lost`](Self::Lost).
    Io(io::Error),
    /// The peer broke the protocol. A close frame told it which rule (§7.1.7).
    Violation(Violation),
    /// The call would have broken the protocol. Nothing was sent, and the connection goes on.
    Misuse(Misuse),
    /// The peer did not do something in time.
    Timeout(Expired),
    /// The transport ended without a closing handshake: the close code counts as 1006 (§7.1.5).
    ///
    /// It is this error, too, if TLS ended without its own goodbye, and if the system says that the connection
    /// was reset or aborted, or is a broken pipe.
    Lost,
    /// The connection has ended, or the peer is ending it, so nothing can be sent any more.
    ///
    /// It has the close code of the connection (§7.1.5) and the peer's reason. The code is 1005 if the peer's
    /// close frame had none, and 1006 if no close frame came. If the peer broke a rule, it is what the peer was
    /// told.
    ///
    /// If only this side has closed the connection, the error is [`Misuse`](Self::Misuse).
    Closed(CloseFrame),
    /// There was no room for the message, and [`Overflow::Close`](super::Overflow::Close) closes the
    /// connection for that.
    ///
    /// All calls that send get it from then on, in other tasks too, until the peer has answered. After that
    /// the error is [`Closed`](Self::Closed).
    Overflow,
    /// This step of opening the connection did not end in time.
    ///
    /// If it is connecting, the error is [`Connect`](Self::Connect), which knows the addresses that were tried.
    HandshakeTimeout(OpeningStep),
    /// The transport failed or ended in this step of opening the connection.
    Opening(OpeningStep, io::Error),
    /// The address is a `wss://` URI, and this build trusts no certificates: it lacks the features
    /// `rustls-tls-native-roots` and `rustls-tls-webpki-roots`.
    ///
    /// Without them, make the TLS connection with a library of your choice. Then make the handshake with
    /// [`connect_over`](super::connect_over).
    NeedsTls,
    /// The TLS connection could not be made. Nothing else was sent.
    Tls(TlsError),
    /// No connection came about through a forward proxy. The server has seen nothing.
    Proxy(ProxyError),
    /// A message that was to be read as text is not UTF-8: see [`Message::to_text`](crate::Message::to_text). The
    /// connection goes on.
    NotText(Utf8Error),
    /// The address is neither a `ws://` nor a `wss://` URI (§3).
    Uri(UriError),
    /// The system's resolver says that the host of this name does not exist, or has no IP address.
    ///
    /// If the resolver does not answer, the error is [`Opening`](Self::Opening) with
    /// [`Resolve`](OpeningStep::Resolve). Some systems, macOS among them, say that no host exists while they have no
    /// network.
    NoSuchHost(Box<str>),
    /// None of the host's addresses could be connected to: refused, unreachable, or without an answer in time.
    Connect(ConnectError),
    /// The request or the answer to be sent is not legal; nothing was sent.
    Build(BuildError),
    /// A client's request was not a legal opening handshake; it was refused (§4.2.1).
    Request(RequestError),
    /// A server's answer was not a legal opening handshake (§4.1).
    Response(ResponseError),
    /// The WebSocket could not be opened over HTTP/2 (feature `http2`).
    Http2(Http2Error),
    /// A server answered with another status than 101, or over HTTP/2 than 200. This is its response, with at most
    /// 16 KiB of the body.
    Status(Box<http::Response<Bytes>>),
    /// A server redirected to where a [`Connector`](super::Connector) does not follow. This is its response, whose
    /// body was not read.
    Redirect(RedirectError, Box<http::Response<()>>),
}

impl Error {
    /// The close code of a connection that ended with this error. `None` if the error ends no connection.
    ///
    /// It is the peer's, or the code that told the peer of its violation (§7.1.7). It is 1006 if the
    /// transport ended without a closing handshake (§7.1.5).
    pub const fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Violation(violation) => Some(violation.code()),
            Self::Closed(close) => Some(close.code),
            Self::Io(_) | Self::Timeout(_) | Self::Lost => Some(CloseCode::ABNORMAL),
            _ => None,
        }
    }

    /// Whether the same call may succeed at another time, after a pause that grows (§7.2.3). Otherwise something
    /// has to change first.
    ///
    /// It may succeed in these cases:
    ///
    /// - The transport failed, or the peer was too slow.
    /// - The peer closed with a transient [code](CloseCode::is_transient), or with an illegal one.
    /// - The server, or a proxy in front of it, is overloaded or away. Then the [`Status`](Self::Status) is 408, 425,
    ///   429, 500, 502 to 504, 520 to 524, 529, 530 or 598.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Io(_)
            | Self::Timeout(_)
            | Self::Lost
            | Self::HandshakeTimeout(_)
            | Self::Opening(..)
            | Self::Connect(_) => true,
            Self::Closed(close) => close.code.is_transient(),
            Self::Http2(error) => error.is_transient(),
            Self::Proxy(error) => error.is_transient(),
            // The peer was closing the connection, and only its code says nothing.
            Self::Violation(violation) => matches!(violation, Violation::InvalidCloseCode(_)),
            Self::Status(response) => matches!(
                response.status().as_u16(),
                408 | 425 | 429 | 500 | 502..=504 | 520..=524 | 529 | 530 | 598
            ),
            _ => false,
        }
    }

    /// Whether the peer is gone, so that nothing can be sent or received any more.
    ///
    /// That is so if the connection was [`Lost`](Self::Lost) or has ended ([`Closed`](Self::Closed)). It is so, too,
    /// if the peer did not answer in time, or if the system cannot reach it.
    pub fn is_disconnect(&self) -> bool {
        use io::ErrorKind;
        match self {
            Self::Lost | Self::Closed(_) | Self::Timeout(_) => true,
            Self::Io(error) => matches!(
                error.kind(),
                ErrorKind::TimedOut
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::NetworkDown
                    | ErrorKind::NotConnected
            ),
            _ => false,
        }
    }

    /// The step of opening a connection that failed. `None` if the connection was open, or nothing was begun.
    ///
    /// ```
    /// use bowstring::{Error, net::OpeningStep};
    ///
    /// let error = Error::NoSuchHost("exmaple.com".into());
    /// assert_eq!(error.step(), Some(OpeningStep::Resolve));
    /// ```
    pub const fn step(&self) -> Option<OpeningStep> {
        match self {
            Self::HandshakeTimeout(step) | Self::Opening(step, _) => Some(*step),
            Self::NoSuchHost(_) => Some(OpeningStep::Resolve),
            Self::Connect(_) => Some(OpeningStep::Connect),
            Self::Tls(_) => Some(OpeningStep::Tls),
            Self::Proxy(_) => Some(OpeningStep::Proxy),
            Self::Request(_) | Self::Response(_) | Self::Status(_) | Self::Redirect(..) => {
                Some(OpeningStep::Handshake)
            }
            _ => None,
        }
    }

    /// Whether a deadline ended it: one of opening the connection, or one of an open connection.
    pub const fn is_timeout(&self) -> bool {
        match self {
            Self::HandshakeTimeout(_) | Self::Timeout(_) => true,
            Self::Connect(error) => error.is_timeout(),
            Self::Proxy(error) => error.is_timeout(),
            _ => false,
        }
    }

    /// The error of a connection that has ended in an unknown way.
    pub(super) fn closed_abnormally() -> Self {
        Self::Closed(CloseFrame { code: CloseCode::ABNORMAL, reason: Default::default() })
    }

    /// Why a message could not be framed, if `self` does not say it: how the connection has ended, or that the peer was
    /// too slow. `Err` is `self`.
    #[cold]
    pub(super) fn explained(
        self,
        ending: Option<CloseFrame>,
        overflowed: bool,
    ) -> Result<Self, Self> {
        match (self, ending) {
            (Self::Misuse(Misuse::Closed) | Self::Closed(_), Some(close)) => {
                Ok(Self::Closed(close))
            }
            (Self::Misuse(Misuse::Closed), None) if overflowed => Ok(Self::Overflow),
            (error, _) => Err(error),
        }
    }

    /// The error for a failure of the transport. A cut has one name, whatever the transport calls it.
    pub(super) fn from_transport(error: io::Error) -> Self {
        use io::ErrorKind;
        match error.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Self::Lost,
            _ => Self::Io(error),
        }
    }
}

/// The same failure of the transport again: the tasks that send and the one that receives are told of it.
pub(super) fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

impl Error {
    /// How long to wait before the next try, if the server says so: `Retry-After` of a [`Status`](Self::Status)
    /// (RFC 9110 §10.2.3), or of the answer of a proxy. `None` if the field is missing or malformed.
    ///
    /// A date counts from now by the system's clock. The server may ask for any time, so limit it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bowstring::Error;
    /// let answer = http::Response::builder().status(503).header("Retry-After", "120");
    /// let error = Error::Status(Box::new(answer.body(bytes::Bytes::new()).unwrap()));
    /// assert!(error.is_transient());
    /// assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
    /// ```
    pub fn retry_after(&self) -> Option<Duration> {
        let response = match self {
            Self::Status(response) => response,
            Self::Proxy(error) => return error.retry_after(),
            _ => return None,
        };
        let value = response.headers().get(http::header::RETRY_AFTER)?;
        retry_after::parse(value.to_str().ok()?, SystemTime::now())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the transport failed: {error}"),
            Self::Violation(violation) => violation.fmt(f),
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::Timeout(expired) => expired.fmt(f),
            Self::Lost => {
                f.write_str("the transport ended without a closing handshake (RFC 6455 §7.1.5)")
            }
            Self::Closed(CloseFrame { code, reason }) => {
                write!(f, "the connection has ended with {code}")?;
                if reason.is_empty() { Ok(()) } else { write!(f, ": {reason}") }
            }
            Self::Overflow => f.write_str("the peer takes messages more slowly than they are sent"),
            Self::HandshakeTimeout(step) => write!(f, "{step} took too long"),
            Self::Opening(step, error) => write!(f, "{step} failed: {error}"),
            Self::NeedsTls => f.write_str(
                "a wss:// address, and this build trusts no certificates: it lacks the features \
                 rustls-tls-native-roots and rustls-tls-webpki-roots",
            ),
            Self::Tls(error) => error.fmt(f),
            Self::Proxy(error) => error.fmt(f),
            Self::NotText(error) => write!(f, "the message is no text: {error}"),
            Self::Uri(error) => error.fmt(f),
            Self::NoSuchHost(host) => write!(f, "there is no host named {host}"),
            Self::Connect(error) => error.fmt(f),
            Self::Build(error) => error.fmt(f),
            Self::Request(error) => error.fmt(f),
            Self::Response(error) => error.fmt(f),
            Self::Http2(error) => error.fmt(f),
            Self::Redirect(error, _) => error.fmt(f),
            Self::Status(response) => {
                let (accepted, section) = match response.version() {
                    http::Version::HTTP_2 => (200, "RFC 8441 §5"),
                    _ => (101, "RFC 6455 §4.1"),
                };
                let status = response.status();
                write!(f, "the server answered {status} instead of {accepted} ({section})")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) | Self::Opening(_, error) => Some(error),
            // They are shown as those errors are, so their sources are those of these.
            Self::Connect(error) => error.source(),
            Self::Proxy(error) => error.source(),
            Self::Tls(error) => error.source(),
            Self::Redirect(error, _) => error.source(),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($variant:ident($inner:ty)),* $(,)?) => {$(
        impl From<$inner> for Error {
            fn from(inner: $inner) -> Self {
                Self::$variant(inner)
            }
        }
    )*};
}

from! {
    NotText(Utf8Error), Io(io::Error), Violation(Violation), Misuse(Misuse), Timeout(Expired),
    Connect(ConnectError), Proxy(ProxyError), Http2(Http2Error), Tls(TlsError), Uri(UriError),
    Request(RequestError), Response(ResponseError),
}

impl From<NotText> for Error {
    fn from(error: NotText) -> Self {
        error.utf8_error().into()
    }
}

impl From<BuildError> for Error {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Uri(error) => Self::Uri(error),
            error => Self::Build(error),
        }
    }
}

impl<M> TrySendError<M> {
    /// The message.
    pub fn into_message(self) -> M {
        match self {
            Self::Full(message) | Self::Failed(message, _) => message,
        }
    }
}

impl<M> fmt::Display for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("there is no room for the message"),
            Self::Failed(_, error) => error.fmt(f),
        }
    }
}

impl<M: fmt::Debug> std::error::Error for TrySendError<M> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Full(_) => None,
            // It is shown as that error is, so its source is that one's.
            Self::Failed(_, error) => error.source(),
        }
    }
}
