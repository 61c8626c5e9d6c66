//! What the handshake hook sees: the request, and who sent it.

use std::ops::Deref;

use http::header::{AUTHORIZATION, COOKIE, ORIGIN};

use super::auth::{Basic, Cookies, bearer};
use super::listener::Peer;
use crate::handshake::{Protocols, RequestError, Upgrade, check_request, wants_upgrade};
use crate::net::TlsInfo;

/// A request that was read and is not answered yet. It has the methods of an [`http::Request`]: method, URI,
/// header fields.
///
/// A hook can be tested without a network:
///
/// ```
/// use bowstring::handshake::{ClientRequest, HeadLimits, parse_request_head};
/// use bowstring::server::{Accept, Answer, Peer, Request, same_secret};
/// use http::StatusCode;
///
/// async fn hook(request: Request) -> Result<Accept<String>, Answer> {
///     if !request.wants_upgrade() {
///         return Err(Answer::new(StatusCode::OK).text("well\n"));
///     }
///     if !request.bearer().is_some_and(|token| same_secret(token, "opensesame")) {
///         return Err(Answer::new(StatusCode::FORBIDDEN));
///     }
///     let protocol = request.protocols().find(|name| *name == "chat").ok_or(StatusCode::BAD_REQUEST)?;
///     Ok(Accept::new(request.path().to_owned()).protocol(protocol))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let peer = Peer::Tcp("192.0.2.1:4000".parse()?);
/// // What a client would send.
/// let asking = |token: &str| -> Result<Request, Box<dyn std::error::Error>> {
///     let client = ClientRequest::new("ws://localhost/rooms/red".parse()?)
///         .header("Authorization", format!("Bearer {token}"))
///         .protocol("chat");
///     let head = parse_request_head(&client.write([0; 16])?, &HeadLimits::default())?;
///     Ok(Request::from_http(head, peer)?)
/// };
/// let accept = hook(asking("opensesame")?).await.unwrap();
/// assert_eq!((&*accept.data, accept.chosen_protocol()), ("/rooms/red", Some("chat")));
/// let answer = hook(asking("please")?).await.unwrap_err();
/// assert_eq!(answer.response().status(), StatusCode::FORBIDDEN);
///
/// // A plain request.
/// let head = http::Request::get("/health").body(())?;
/// let answer = hook(Request::from_http(head, peer)?).await.unwrap_err();
/// assert_eq!(answer.response().body(), "well\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Request {
    head: http::Request<()>,
    peer: Peer,
    wants_upgrade: bool,
    protocols: Protocols,
    tls: Option<TlsInfo>,
}

impl Request {
    /// A request as a server would show it to its hook, to test one: as if it had come in the clear
    /// from this peer. Whose page it comes from is not looked at.
    ///
    /// # Errors
    ///
    /// What is wrong with it, if it is an opening handshake and not a legal one (§4.2.1). A server answers such
    /// a request without asking the hook.
    pub fn from_http(head: http::Request<()>, peer: Peer) -> Result<Self, RequestError> {
        let upgrade = check_request(&head);
        let request = Self::new(head, peer, upgrade.as_ref());
        match upgrade {
            Err(error) if request.wants_upgrade => Err(error),
            _ => Ok(request),
        }
    }

    /// A request and what was found when it was checked.
    pub(super) fn new(
        head: http::Request<()>,
        peer: Peer,
        upgrade: Result<&Upgrade, &RequestError>,
    ) -> Self {
        Self {
            wants_upgrade: wants_upgrade(&head),
            protocols: upgrade.map(|upgrade| upgrade.protocols().clone()).unwrap_or_default(),
            head,
            peer,
            tls: None,
        }
    }

    pub(super) fn with_tls(self, tls: Option<TlsInfo>) -> Self {
        Self { tls, ..self }
    }

    /// What was agreed on in the TLS handshake. `None` if the request came without TLS.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// The address that it came from. With a proxy in front, that is the proxy's. A proxy gives its client's
    /// address in a header field; believe it only if your proxy alone can reach the server.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Whether it is an opening handshake. Then it is a legal one (§4.2.1). Any other request can be answered
    /// with a page, or as a health check.
    pub fn wants_upgrade(&self) -> bool {
        self.wants_upgrade
    }

    /// The path of the requested resource.
    pub fn path(&self) -> &str {
        self.head.uri().path()
    }

    /// The subprotocols that the client offers, most wanted first (§4.1).
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.protocols.iter()
    }

    /// The origin of the page that connects (§4.1 item 8). Browsers send it, other clients need not. It was
    /// checked before the hook; see [`Origins`](super::Origins).
    pub fn origin(&self) -> Option<&str> {
        self.text(ORIGIN)
    }

    /// A header field, if it is there once and is printable ASCII.
    pub fn text(&self, name: http::HeaderName) -> Option<&str> {
        let mut values = self.head.headers().get_all(name).iter();
        values.next().filter(|_| values.next().is_none())?.to_str().ok()
    }

    /// The user and password of Basic authentication (RFC 7617).
    pub fn basic(&self) -> Option<Basic> {
        Basic::parse(self.text(AUTHORIZATION)?)
    }

    /// The token of Bearer authentication (RFC 6750 §2.1). Compare it with
    /// [`same_secret`](super::same_secret).
    pub fn bearer(&self) -> Option<&str> {
        bearer(self.text(AUTHORIZATION)?)
    }

    /// The cookies that the client sent (RFC 6265 §4.2): name and value, undecoded.
    pub fn cookies(&self) -> Cookies<'_> {
        Cookies::new(self.head.headers().get_all(COOKIE).iter())
    }

    /// The first cookie of that name.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies().find(|(other, _)| *other == name).map(|(_, value)| value)
    }
}

impl Deref for Request {
    type Target = http::Request<()>;

    fn deref(&self) -> &http::Request<()> {
        &self.head
    }
}
