//! Writing a client.
//!
//! ```sh
//! cargo add bowstring
//! cargo add tokio --features macros,rt-multi-thread
//! ```
//!
//! # Connect, send, receive
//!
//! [`connect`](crate::connect) looks up the name, opens TCP (and TLS for `wss://`), and makes the opening
//! handshake. It gives the connection and the server's answer.
//!
//! ```no_run
//! use bowstring::{Error, Message};
//!
//! # async fn client() -> Result<(), Error> {
//! let (mut ws, _response) = bowstring::connect("ws://127.0.0.1:9001/").await?;
//! ws.send("hello").await?;
//! while let Some(message) = ws.recv().await? {
//!     match message {
//!         Message::Text(text) => println!("text: {text}"),
//!         Message::Binary(data) => println!("{} bytes", data.len()),
//!         Message::Close(close) => println!("the server closes: {close:?}"),
//!         // Pings and pongs: they are reported only if `Config::report_pings` is set.
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`recv`](crate::WebSocket::recv) gives `None` after a clean end. An error means that the connection
//! failed. Pings are answered while you call `recv`, so call it also if you expect no message.
//!
//! # Send many messages with one write
//!
//! [`send`](crate::WebSocket::send) writes at once: one system call for each message.
//! [`feed`](crate::WebSocket::feed) only frames a message. Fed messages are written by
//! [`flush`](crate::WebSocket::flush), or at the latest when `recv` has to wait.
//!
//! ```no_run
//! # async fn burst(ws: &mut bowstring::WebSocket<bowstring::net::Transport>) -> Result<(), bowstring::Error> {
//! for number in 0..1000 {
//!     ws.feed(format!("number {number}")).await?;
//! }
//! ws.flush().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Header fields, credentials, subprotocols
//!
//! A [`ClientRequest`](crate::handshake::ClientRequest) is made of an address. Requests of the crate `http` convert
//! as well.
//!
//! ```no_run
//! use bowstring::handshake::ClientRequest;
//!
//! # async fn client() -> Result<(), bowstring::Error> {
//! let request = ClientRequest::new("wss://example.com/feed".parse()?)
//!     .bearer_auth("a-long-random-token")
//!     .header("X-Client", "prices/1.0")
//!     .protocol("prices.v2");
//! let (ws, response) = bowstring::connect(request).await?;
//! println!("agreed on {:?}, answer {:?}", ws.protocol(), response.headers());
//! # Ok(())
//! # }
//! ```
//!
//! Credentials, cookies and parameters have methods that escape what needs it:
//!
//! ```no_run
//! # async fn client() -> Result<(), bowstring::Error> {
//! use bowstring::IntoClientRequest;
//!
//! let request = "wss://example.com/feed".into_client_request()?;
//! let request = request.bearer_auth("token").cookie("theme", "dark").query("room", "red & blue");
//! let (ws, _response) = bowstring::connect(request).await?;
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `url`, addresses are read as browsers read them: see [`Uri`](crate::handshake::Uri).
//!
//! # JSON, and bytes
//!
//! With the feature `json`, `send_json` and `recv_json` send and receive values that serde knows. A message that is
//! other JSON is an error that has the message, and the connection goes on.
//!
//! A [`ByteStream`](crate::net::ByteStream) makes bytes of binary messages, for tunnels.
//!
//! # A client to deploy
//!
//! `connect` has defaults for everything. A [`Connector`](crate::Connector) has the settings. Make one when the
//! program starts and keep it: clones are cheap, and TLS sessions are resumed.
//!
//! ```no_run
//! use std::time::Duration;
//! use bowstring::{Config, Connector, net::Proxies};
//!
//! # async fn client() -> Result<(), bowstring::Error> {
//! let mut config = Config::default();
//! config.limits.max_message_size = 64 * 1024;
//! let connector = Connector::new()
//!     .config(config)
//!     .timeout(Duration::from_secs(5))
//!     .proxies(Proxies::from_environment());
//! let (mut ws, _response) = connector.connect("wss://example.com/feed").await?;
//! # Ok(())
//! # }
//! ```
//!
//! | setting | default |
//! |---|---|
//! | [`config`](crate::Connector::config): limits, keep-alive, compression | [`Config::default`](crate::Config) |
//! | [`timeout`](crate::Connector::timeout): all steps together | 10 s |
//! | [`timeouts`](crate::Connector::timeouts): a limit for each step | none |
//! | `tls`: roots, client certificates, any rustls configuration | the roots that the features say |
//! | [`proxies`](crate::Connector::proxies): forward proxies | none; the environment only if asked for |
//! | [`redirects`](crate::Connector::redirects): how many are followed | 0 |
//! | [`resolver`](crate::Connector::resolver): who knows the addresses of a name | the system |
//! | [`dialer`](crate::Connector::dialer): how an address is connected to | TCP |
//! | [`local_address`](crate::Connector::local_address), [`interface`](crate::Connector::interface) | what the system chooses |
//! | [`attempt_delay`](crate::Connector::attempt_delay): when the next address is tried | 250 ms |
//! | [`unix_socket`](crate::Connector::unix_socket): instead of TCP | none |
//! | `http2`: many WebSockets on one connection, with the feature `http2` | HTTP/1.1 |
//!
//! A name may have several addresses, of which some do not answer. The next one is tried after 250 ms, or at once
//! if the one before it has failed (RFC 8305). IPv6 and IPv4 take turns. So one dead address costs a quarter of a
//! second, and not the deadline.
//!
//! # TLS
//!
//! `wss://` needs one of two features. `rustls-tls-native-roots` trusts the certificates that the system
//! trusts. `rustls-tls-webpki-roots` trusts Mozilla's list, which is built in. With `rustls-tls` alone you say whom
//! to trust; without a feature, `connect` gives [`Error::NeedsTls`](crate::Error::NeedsTls).
//!
#![cfg_attr(
    feature = "rustls-tls",
    doc = r#"
[`ClientTls`](crate::net::ClientTls) makes a configuration of other roots, and of a client certificate:

```no_run
use bowstring::{Connector, net::ClientTls};

# async fn client() -> Result<(), Box<dyn std::error::Error>> {
let tls = ClientTls::new()
    .roots_from_pem_file("ca.pem")?
    .identity_from_pem_files("client.pem", "client.key")?
    .build()?;
let connector = Connector::new().tls(tls);
let (ws, _response) = connector.connect("wss://chat.internal/").await?;
println!("{:?}", ws.get_ref().tls());
# Ok(())
# }
```
"#
)]
//!
//! There is no switch that accepts any certificate. For another TLS library make the TLS connection yourself, then
//! call [`connect_over`](crate::net::connect_over). Over a stream that leads to the server already, such as a tunnel,
//! [`connect_through`](crate::Connector::connect_through) makes TLS and the handshake.
//!
//! # Through a proxy
//!
//! See [Going through a forward proxy](crate::guide::proxies).
//!
//! # When it fails
//!
//! Each way to fail has its own error, and [`Error::step`](crate::Error::step) says which step it was:
//!
//! | what happened | error |
//! |---|---|
//! | the address is not a WebSocket's | [`Uri`](crate::Error::Uri) |
//! | the name does not exist | [`NoSuchHost`](crate::Error::NoSuchHost) |
//! | refused, unreachable, no answer | [`Connect`](crate::Error::Connect), with every address that was tried |
//! | the proxy refused, or wants a password | [`Proxy`](crate::Error::Proxy) |
//! | the certificate is wrong, TLS failed | [`Tls`](crate::Error::Tls), with its kind |
//! | the server answered another status | [`Status`](crate::Error::Status), with fields and up to 16 KiB of the body |
//! | a redirect that is not followed | [`Redirect`](crate::Error::Redirect); with redirects off, `Status` |
//! | the answer is not a WebSocket's | [`Response`](crate::Error::Response) |
//! | a step took too long | [`HandshakeTimeout`](crate::Error::HandshakeTimeout), with the step |
//! | the connection was cut in a step | [`Opening`](crate::Error::Opening), with the step |
//!
//! ```no_run
//! use bowstring::{Connector, Error};
//!
//! # async fn client(connector: &Connector) {
//! match connector.connect("wss://example.com/feed").await {
//!     Ok((_ws, _response)) => println!("connected"),
//!     Err(Error::Status(response)) if response.status() == 401 => println!("log in first"),
//!     Err(Error::NoSuchHost(host)) => println!("is {host} spelled right?"),
//!     Err(error) if error.is_transient() => {
//!         println!("{error}: try again, after {:?} at least", error.retry_after());
//!     }
//!     Err(error) => println!("{error}"),
//! }
//! # }
//! ```
//!
//! [`is_transient`](crate::Error::is_transient) says whether another try may succeed. Wait before you try again, and
//! wait longer each time (§7.2.3): when a server falls, its clients must not all come back at once.
//! [A client that comes back](super::reconnecting) does that.
//!
//! Once the connection is open, [`Error::is_disconnect`](crate::Error::is_disconnect) says whether the peer is gone.
//! [`Error::Closed`](crate::Error::Closed) has the peer's code and reason.
//!
//! # Give up, and take turns
//!
//! Connecting is safe to cancel: dropping the future closes what was opened, and no attempt goes on.
//!
//! §4.1 allows one connection per host that is connecting at a time. A `Connector` does not enforce it, because it
//! would have to keep tasks waiting that you may have reasons to run. If you open many connections to one host, take
//! turns:
//!
//! ```no_run
//! use bowstring::{Connector, Error, WebSocket, net::Transport};
//! use tokio::sync::Mutex;
//!
//! /// One of these for each host.
//! struct Host {
//!     connector: Connector,
//!     turn: Mutex<()>,
//! }
//!
//! impl Host {
//!     async fn connect(&self, uri: &str) -> Result<WebSocket<Transport>, Error> {
//!         let _turn = self.turn.lock().await;
//!         Ok(self.connector.connect(uri).await?.0)
//!     }
//! }
//! ```
//!
//! # Close
//!
//! [`close`](crate::WebSocket::close) sends a close frame and waits for the server's, at most
//! [`Timeouts::close`](crate::proto::Timeouts::close) (5 s). Messages that still arrive are dropped: to keep
//! them, send a [`Close`](crate::Close) with `send` and go on with `recv` until it gives `None`.
