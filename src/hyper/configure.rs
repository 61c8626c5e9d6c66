//! How hyper is set up to carry WebSockets in production.

use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto::Builder;

use super::http2;
use crate::net::Config;

/// Sets up hyper's builder for a server of WebSockets that faces the internet.
///
/// hyper's defaults are made for requests that end soon. With them, one socket that does not read stops the others
/// on its connection of HTTP/2. A few thousand small frames to it end the connection with all its sockets.
///
/// | HTTP/2 | set to | why |
/// |---|---|---|
/// | extended CONNECT | on | without it no client asks for a WebSocket (RFC 8441 §3) |
/// | window of a stream | 1.5 MiB | a message of 1 MiB is on its way at once |
/// | window of a connection | 4.5 MiB | two sockets that do not read leave room for others |
/// | streams at a time | 100 | what a connection can make the server hold is bounded |
/// | buffer for sending | 8 KiB a stream | the same |
/// | fields of a request | [`Config::head`] bytes | the same |
/// | resets | 20 | a client that opens and resets streams is sent away |
/// | ping | after 20 s, answered in 20 s | a connection whose peer has gone ends |
///
/// One connection of HTTP/2 can so make the server hold at most 16 MiB beside the messages that its sockets are
/// receiving. For each of those [`Limits`](crate::proto::Limits) hold.
///
/// Over HTTP/1.1 the head of a request must come within [`Config::handshake_timeout`]. **But a client that sends nothing
/// is waited for without end:** hyper-util first waits for bytes that tell the version of HTTP. Give it a deadline of
/// your own, and a limit of connections, as below. With `http1_only` hyper's deadline counts from the beginning.
///
/// Call the builder's own methods after this to change one of them.
///
/// ```no_run
/// use bowstring::Config;
/// use hyper_util::rt::{TokioExecutor, TokioIo};
/// use hyper_util::server::conn::auto;
/// # use http::{Request, Response};
/// # async fn example(stream: tokio::net::TcpStream) -> std::io::Result<()> {
/// # let service = hyper::service::service_fn(|_: Request<hyper::body::Incoming>| async {
/// #     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
/// # });
///
/// let config = Config::default();
/// let mut builder = auto::Builder::new(TokioExecutor::new());
/// bowstring::hyper::configure(&mut builder, &config);
/// // One that sends nothing, and one that ends without a byte.
/// tokio::time::timeout(config.handshake_timeout, stream.peek(&mut [0])).await??;
/// if let Err(error) = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await {
///     println!("{error}");
/// }
/// # Ok(())
/// # }
/// ```
pub fn configure<E>(builder: &mut Builder<E>, config: &Config) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(config.handshake_timeout);
    http2::configure(builder, config);
}
