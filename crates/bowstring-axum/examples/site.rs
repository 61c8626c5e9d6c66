//! A site for browsers: a page and its WebSockets on one port over TLS, by HTTP/2 or HTTP/1.1. It says how each request
//! came.
//!
//! ```text
//! cargo run -p bowstring-axum --example site -- chain.pem key.pem [HOST:PORT]
//! ```
//!
//! Without an address the system chooses the port. On SIGTERM it closes its WebSockets and ends.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::{Html, Response};
use axum::routing::{any, get};
use axum::{Router, middleware};
use bowstring::server::{Server, ServerHandle};
use bowstring_axum::{Config, WebSocket, WebSocketUpgrade};
use http::Version;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Which connection a request came by.
#[derive(Clone, Copy)]
struct Connection {
    number: usize,
    peer: SocketAddr,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(chain), Some(key)) = (arguments.next(), arguments.next()) else {
        return Err("usage: site chain.pem key.pem [HOST:PORT]".into());
    };
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let acceptor = TlsAcceptor::from(Arc::new(tls(&chain, &key)?));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    bowstring::hyper::configure(&mut builder, &Config::default());

    let server = Server::new().handle();
    let app = Router::new()
        .route(
            "/",
            get(async || Html("<!doctype html><link rel=icon href=data:,><title>site</title>\n")),
        )
        .route("/text", get(async || "a text\n"))
        // Over HTTP/2 the method is CONNECT: `get` would refuse it.
        .route("/ws", any(echo))
        .layer(middleware::map_request(say))
        .with_state(server.clone());

    let listener = TcpListener::bind(address).await?;
    println!("listening on wss://localhost:{}/", listener.local_addr()?.port());
    let (graceful, mut terminate) = (GracefulShutdown::new(), signal(SignalKind::terminate())?);
    for number in 1.. {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = terminate.recv() => break,
        };
        stream.set_nodelay(true)?;
        let app = app.clone().layer(Extension(Connection { number, peer }));
        let (acceptor, builder, watcher) = (acceptor.clone(), builder.clone(), graceful.watcher());
        tokio::spawn(async move {
            let stream = match acceptor.accept(stream).await {
                Ok(stream) => stream,
                Err(error) => return eprintln!("connection {number}: {error}"),
            };
            let service = TowerToHyperService::new(app);
            let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
            if let Err(error) = watcher.watch(serving.into_owned()).await {
                eprintln!("connection {number}: {error}");
            }
        });
    }
    // First the WebSockets: over HTTP/2 a connection ends after its last stream.
    server.drain();
    println!("{:?}", server.drained().await);
    graceful.shutdown().await;
    Ok(())
}

fn tls(chain: &str, key: &str) -> Result<ServerConfig, Box<dyn Error>> {
    let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<_, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// One line for each request: `2 HTTP/2.0 CONNECT websocket /ws`, the number of the connection first.
async fn say(Extension(connection): Extension<Connection>, request: Request) -> Request {
    let protocol = request.extensions().get::<hyper::ext::Protocol>();
    let protocol = protocol.map_or("-", |protocol| protocol.as_str());
    let (version, method, path) = (request.version(), request.method(), request.uri().path());
    println!("{} {version:?} {method} {protocol} {path}", connection.number);
    request
}

async fn echo(
    ws: WebSocketUpgrade,
    Extension(connection): Extension<Connection>,
    State(server): State<ServerHandle>,
    version: Version,
) -> Response {
    let ws = ws.protocols(["echo.v2", "echo"]);
    // A server's origins hold: pages of this site alone.
    ws.over_tls(true).server(&server, connection.peer).on_upgrade(async move |socket| {
        let (protocol, compressed, last) = serve(socket).await;
        let Connection { number, .. } = connection;
        println!("{number} {version:?} ended {protocol} {compressed} {last}");
    })
}

/// Sends messages back, and gives the subprotocol, whether messages were compressed, and the close code.
async fn serve(mut socket: WebSocket) -> (String, &'static str, String) {
    use bowstring_axum::Message::{Binary, Close, Text};
    let protocol = socket.protocol().and_then(|name| name.to_str().ok()).unwrap_or("-").to_owned();
    let mut last = "lost".to_owned();
    while let Some(Ok(message)) = socket.recv().await {
        match message {
            Text(_) | Binary(_) => match socket.send(message).await {
                Ok(()) => {}
                Err(_) => break,
            },
            Close(close) => last = close.map_or("none".to_owned(), |close| close.code.to_string()),
            _ => {}
        }
    }
    let (sent, _) = socket.get_ref().ratios();
    (protocol, if sent.wire < sent.plain { "compressed" } else { "plain" }, last)
}
