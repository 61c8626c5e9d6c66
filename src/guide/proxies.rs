//! Going through a forward proxy.
//!
//! A forward proxy stands on the client's side: in an office, in front of a data centre, or as the entry to Tor. A
//! client connects to it and asks for a tunnel to the server. A [`Connector`](crate::Connector) does that if it is
//! told so. By default it connects directly.
//!
//! # As the environment says
//!
//! ```no_run
//! use bowstring::{Connector, net::Proxies};
//!
//! # async fn client() -> Result<(), bowstring::Error> {
//! let connector = Connector::new().proxies(Proxies::from_environment());
//! let (mut ws, _response) = connector.connect("wss://chat.example/").await?;
//! # Ok(())
//! # }
//! ```
//!
//! A `wss://` address uses `wss_proxy`, `https_proxy` or `all_proxy`, whichever is set first. A `ws://` address uses
//! `ws_proxy`, `http_proxy` or `all_proxy`. Each may be in upper case. The hosts in `no_proxy` are connected to
//! directly. [`Proxies::from_variables`](crate::net::Proxies::from_variables) has all the rules, and
//! takes the variables from a function: use it in tests.
//!
//! # One that you choose
//!
//! ```
//! use bowstring::{Connector, net::{Proxies, Proxy}};
//!
//! let office: Proxy = "http://proxy.example:3128".parse()?;
//! let office = office.credentials("ann", "s:cr/t")?;
//! let proxies = Proxies::all(office).except("localhost, .internal, 10.0.0.0/8, [::1]:8080");
//! let connector = Connector::new().proxies(proxies);
//!
//! // Tor: it resolves the names, so that no other resolver learns them.
//! let tor: Proxy = "socks5h://127.0.0.1:9050".parse()?;
//! let connector = Connector::new().proxies(tor);
//! # Ok::<(), bowstring::net::ProxyUriError>(())
//! ```
//!
//! | address of the proxy | what it is told |
//! |---|---|
//! | `http://proxy:3128` | `CONNECT`, in the clear; the tunnel for `wss://` is encrypted from end to end |
//! | `https://proxy:443` | `CONNECT` over TLS: the password and the server's name are encrypted on the way to the proxy |
//! | `socks5h://proxy:1080` | SOCKS5 with the server's name |
//! | `socks5://proxy:1080` | SOCKS5 with the server's address: the name is looked up here |
//!
//! Another scheme of authentication than Basic is a header field of yours:
//! [`Proxy::header`](crate::net::Proxy::header).
//!
//! # What goes wrong, and what helps
//!
//! | error | what helps |
//! |---|---|
//! | [`AuthenticationRequired`](crate::net::ProxyError::AuthenticationRequired) (407), [`SocksMethod`](crate::net::ProxyError::SocksMethod), [`SocksCredentials`](crate::net::ProxyError::SocksCredentials) | the right user name and password |
//! | [`Status`](crate::net::ProxyError::Status) with 403 | many proxies allow `CONNECT` to port 443 alone, so use `wss://` |
//! | [`Status`](crate::net::ProxyError::Status) with 502 or 503 | the proxy does not reach the server: the body may say why |
//! | [`Tls`](crate::Error::Tls) with [`UnknownIssuer`](crate::net::TlsError) | the proxy decrypts, so trust its authority; or the name is wrong |
//! | [`Variable`](crate::net::ProxyError::Variable) | a variable of the environment is malformed: the error names it |
//!
//! They are [`Error::Proxy`](crate::Error::Proxy), so they are not taken for the server's.
//!
//! ```no_run
//! use bowstring::net::{Proxies, ProxyError};
//! use bowstring::{Connector, Error};
//!
//! # async fn client() -> Result<(), Error> {
//! let connector = Connector::new().proxies(Proxies::from_environment());
//! match connector.connect("wss://chat.example/").await {
//!     Err(Error::Proxy(ProxyError::AuthenticationRequired(response))) => {
//!         println!("the proxy asks: {:?}", response.headers().get("proxy-authenticate"));
//!     }
//!     Err(Error::Proxy(error)) => {
//!         // Which step, whether to try again, and when.
//!         println!("{error} ({:?})", error.step());
//!         println!("again: {}, in {:?}", error.is_transient(), error.retry_after());
//!     }
//!     Err(error) => println!("not the proxy: {error}"),
//!     Ok((_ws, _response)) => println!("connected"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Config::handshake_timeout`](crate::Config::handshake_timeout) (10 s) bounds all steps together, those with the
//! proxy included. [`ConnectTimeouts::proxy`](crate::net::ConnectTimeouts::proxy) bounds the time that the proxy
//! takes to answer.
//!
//! # A connection of your own
//!
//! [`tunnel`](fn@crate::net::tunnel) asks for a tunnel over any stream to a proxy. Give what it returns to
//! [`connect_over`](crate::net::connect_over), or to
//! [`Connector::connect_through`](crate::Connector::connect_through) for `wss://`. So chains of proxies are possible:
//! the tunnel through the first is the stream to the second.
