//! Over TLS, where ALPN decides between HTTP/1.1 and HTTP/2 on one port, as browsers want it.

#![allow(missing_docs, reason = "a test binary has no outside")]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ws as axums;
use axum::routing::any;
use bowstring::handshake::ClientRequest;
use bowstring::net::connect_over;
use bowstring::net::http2::Session;
use bowstring::{Config, Message, WebSocket};
use bowstring_axum::{Origins, WebSocketUpgrade};
use bowstring_testing::io::wait::soon;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A server at `localhost`, and what its clients trust.
struct Site {
    address: SocketAddr,
    roots: Arc<RootCertStore>,
}

impl Site {
    /// Serves with the builder of hyper-util, as programs do that face the internet: `axum::serve` knows no TLS and
    /// no windows.
    async fn start(app: Router) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (acceptor, app) = (acceptor.clone(), app.clone());
                tokio::spawn(async move {
                    let stream = acceptor.accept(stream).await.unwrap();
                    let mut builder = auto::Builder::new(TokioExecutor::new());
                    bowstring::hyper::configure(&mut builder, &Config::default());
                    let service = TowerToHyperService::new(app);
                    // How it ends is for the client to see.
                    let _ =
                        builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, roots: Arc::new(roots) }
    }

    async fn connect(&self, protocols: &[&str]) -> TlsStream<TcpStream> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = "localhost".try_into().unwrap();
        soon("TLS", TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap()
    }

    fn request(&self, path: &str) -> ClientRequest {
        let port = self.address.port();
        ClientRequest::new(format!("wss://localhost:{port}{path}").parse().unwrap())
    }
}

fn app() -> Router {
    Router::new()
        .route(
            "/ours",
            any(async |ws: WebSocketUpgrade| {
                ws.protocols(["echo"]).on_upgrade(async |mut socket| {
                    while let Some(Ok(message)) = socket.recv().await {
                        if socket.send(message).await.is_err() {
                            return;
                        }
                    }
                })
            }),
        )
        .route(
            "/axums",
            any(async |ws: axums::WebSocketUpgrade| {
                ws.protocols(["echo"]).on_upgrade(async |mut socket| {
                    while let Some(Ok(message)) = socket.recv().await {
                        if socket.send(message).await.is_err() {
                            return;
                        }
                    }
                })
            }),
        )
        .route(
            "/same",
            any(async |ws: WebSocketUpgrade| {
                ws.origins(Origins::same_host()).on_upgrade(async |_socket| {})
            }),
        )
}

async fn echoes<S: AsyncRead + AsyncWrite + Unpin>(mut ws: WebSocket<S>) {
    assert_eq!(ws.protocol(), Some("echo"));
    for size in [5, 100_000] {
        let message = Message::binary(vec![7; size]);
        ws.send(message.clone()).await.unwrap();
        assert_eq!(soon("an echo", ws.recv()).await.unwrap(), Some(message));
    }
    // axum's program loses the answer to the close frame.
    let _ = soon("the end", ws.close(1000, "")).await;
}

#[tokio::test]
async fn alpn_decides_the_version_and_one_port_serves_both() {
    let site = Site::start(app()).await;
    for path in ["/ours", "/axums"] {
        let request = site.request(path).protocol("echo");
        // A browser of today, one that asks for HTTP/1.1 alone, and a client without ALPN.
        let stream = site.connect(&["h2", "http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let session = soon("h2", Session::over(stream, &Config::default())).await.unwrap();
        let (first, response) = session.open(&request, &Config::default()).await.unwrap();
        assert_eq!(response.status(), 200);
        let (second, _) = session.open(&request, &Config::default()).await.unwrap();
        tokio::join!(echoes(first), echoes(second));

        for protocols in [&["http/1.1"][..], &[]] {
            let stream = site.connect(protocols).await;
            let config = Config::default();
            let opening = connect_over(stream, &request, &config);
            let (ws, response) = soon("HTTP/1.1", opening).await.unwrap();
            assert_eq!(response.status(), 101);
            echoes(ws).await;
        }
    }
}

/// Over HTTP/2 the request says that it came over TLS (`:scheme`), so a page that came in the clear is foreign.
#[tokio::test]
async fn over_tls_a_page_that_came_in_the_clear_is_foreign() {
    let site = Site::start(app()).await;
    let stream = site.connect(&["h2"]).await;
    let session = soon("h2", Session::over(stream, &Config::default())).await.unwrap();
    let port = site.address.port();
    for (scheme, allowed) in [("https", true), ("http", false)] {
        let request =
            site.request("/same").header("Origin", format!("{scheme}://localhost:{port}"));
        let opened = session.open(&request, &Config::default()).await;
        assert_eq!(opened.is_ok(), allowed, "{scheme}");
    }
}
