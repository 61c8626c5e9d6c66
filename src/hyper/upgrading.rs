//! A request on its way to become a WebSocket.

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Request, Response, Version};
use hyper::upgrade::OnUpgrade;

use super::http2;
use super::pending::Pending;
use super::rejection::Rejection;
use crate::handshake::{
    Agreed, Origins, RequestError, Upgrade, accept_response, check_connect, check_request,
    wants_connect, wants_upgrade,
};
use crate::net::Config;

/// Whether a request asks to become a WebSocket at all, over HTTP/1.1 or HTTP/2: for services that have pages as well.
///
/// If it does so wrongly, [`Upgrading::from_request`] says what is wrong.
pub fn wants_websocket<B>(request: &Request<B>) -> bool {
    if request.version() >= Version::HTTP_2 {
        wants_connect(request, http2::protocol(request.extensions()))
    } else {
        wants_upgrade(request)
    }
}

/// A request that may become a WebSocket. [`from_request`](Self::from_request) has checked it; now you choose a
/// subprotocol and [`accept`](Self::accept). The [module](super) has an example.
///
/// # Origins
///
/// [`accept`](Self::accept) refuses pages of other hosts with 403, because any page can act in its visitors' names
/// (§10.2). [`origins`](Self::origins) says who else may connect. The host is that of `Host`, or over HTTP/2 of
/// `:authority`.
///
/// # TLS
///
/// Over HTTP/2 the scheme of the request says whether it came by TLS. Over HTTP/1.1 nothing does: call
/// [`over_tls`](Self::over_tls) if your server ends TLS. Then pages that came in the clear are other origins.
#[derive(Debug)]
pub struct Upgrading {
    upgrade: Upgrade,
    on_upgrade: OnUpgrade,
    version: Version,
    /// What the origin check looks at.
    head: Request<()>,
    origins: Origins,
    tls: bool,
    protocol: Option<String>,
    headers: HeaderMap,
}

impl Upgrading {
    /// Checks a request, and takes out of it what hyper gives for the upgrade.
    ///
    /// The request keeps its header fields and its other extensions.
    ///
    /// # Errors
    ///
    /// [`Rejection::Request`] if it is not a legal opening handshake. [`Rejection::NotUpgradable`] if hyper does not give
    /// the connection away.
    pub fn from_request<B>(request: &mut Request<B>) -> Result<Self, Rejection> {
        let version = request.version();
        let checked = if version >= Version::HTTP_2 {
            check_connect(request, http2::protocol(request.extensions()))
        } else {
            check_request(request)
        };
        let upgrade = checked.map_err(|error| Rejection::Request { error, version })?;
        let hosts = request.headers().get_all(HOST).iter().count();
        if hosts > 1 {
            // RFC 9112 §3.2, and RFC 9113 §8.3.1: or a proxy in front of us might have meant another host.
            return Err(Rejection::Request { error: RequestError::Repeated("Host"), version });
        }
        let Some(on_upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
            return Err(Rejection::NotUpgradable);
        };
        let mut head = Request::new(());
        head.uri_mut().clone_from(request.uri());
        for name in [ORIGIN, HOST] {
            for value in request.headers().get_all(&name) {
                head.headers_mut().append(&name, value.clone());
            }
        }
        Ok(Self {
            upgrade,
            on_upgrade,
            version,
            tls: version >= Version::HTTP_2 && request.uri().scheme_str() == Some("https"),
            head,
            origins: Origins::same_host(),
            protocol: None,
            headers: HeaderMap::new(),
        })
    }

    /// The same for the parts of a request: for extractors.
    ///
    /// # Errors
    ///
    /// As for [`from_request`](Self::from_request).
    pub fn from_parts(parts: &mut Parts) -> Result<Self, Rejection> {
        let (empty, ()) = Request::new(()).into_parts();
        let mut request = Request::from_parts(std::mem::replace(parts, empty), ());
        let checked = Self::from_request(&mut request);
        (*parts, ()) = request.into_parts();
        checked
    }

    /// The subprotocols that the client offers, most wanted first (§4.1).
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.upgrade.protocols().iter()
    }

    /// Agrees to the first of `supported` that the client offers. Without one the answer names none.
    pub fn choose_protocol(mut self, supported: &[&str]) -> Self {
        let offered = |name: &&str| self.upgrade.protocols().contains(name);
        self.protocol = supported.iter().copied().find(|name| offered(name)).map(str::to_owned);
        self
    }

    /// Agrees to this subprotocol, or to none. [`accept`](Self::accept) fails if the client has not offered it.
    pub fn protocol(mut self, name: Option<impl Into<String>>) -> Self {
        self.protocol = name.map(Into::into);
        self
    }

    /// The subprotocol that was chosen.
    pub fn chosen_protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Says whose pages may connect. Without this call it is [`Origins::same_host`].
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Whether the client connected over TLS, for the origin check. See [TLS](Self#tls).
    pub fn over_tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// Whether [`accept`](Self::accept) will find that the page may connect.
    pub fn is_origin_allowed(&self) -> bool {
        self.origins.allow(&self.head, self.tls)
    }

    /// What the origin check looks at: a request with the URI, `Host` and `Origin` alone.
    ///
    /// With it `Permit::check_origin` of the `server` checks the origin by the server's own list.
    pub fn head(&self) -> &Request<()> {
        &self.head
    }

    /// Whether the client connected over TLS, as far as this is known: see [TLS](Self#tls).
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Adds header fields to the answer, such as cookies.
    ///
    /// `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding` and `Sec-WebSocket-*` are the handshake's own:
    /// [`accept`](Self::accept) fails if they are among these.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// What the request asks for, as the core knows it.
    pub fn upgrade(&self) -> &Upgrade {
        &self.upgrade
    }

    /// Makes the answer, and what becomes the WebSocket after it was sent.
    ///
    /// Return the answer from your service, with an empty body of your type
    /// (`response.map(|()| body)`), and spawn the [`Pending`]. Compression is agreed on as
    /// [`Config::deflate`] says.
    ///
    /// # Errors
    ///
    /// [`Rejection::Origin`] if pages of this origin may not connect. [`Rejection::Build`] if the subprotocol was not
    /// offered or a header field is the handshake's own.
    pub fn accept(self, config: &Config) -> Result<(Response<()>, Pending), Rejection> {
        if !self.is_origin_allowed() {
            return Err(Rejection::Origin);
        }
        let Self { upgrade, on_upgrade, version, protocol, headers, .. } = self;
        let (deflate, extension) = config.answer_deflate(upgrade.extensions()).unzip();
        let response =
            accept_response(&upgrade, protocol.as_deref(), extension.as_ref(), &headers)?;
        let mut agreed = Agreed::default();
        (agreed.protocol, agreed.deflate) = (protocol, deflate);
        Ok((response, Pending::new(on_upgrade, version, agreed, config.clone())))
    }
}
