//! WebSockets of hyper over TLS: over HTTP/1.1 the TLS stream is taken out of hyper's box, and tells what was agreed on.

use std::convert::Infallible;
use std::sync::Arc;

use bowstring::hyper::{Upgrading, configure};
use bowstring::net::rustls::crypto::ring;
use bowstring::net::rustls::{ClientConfig, RootCertStore, ServerConfig};
use bowstring::net::{Transport, connect_tls};
use bowstring::{Config, Message};
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// A server's configuration, and a client's that trusts it.
fn configurations() -> (ServerConfig, ClientConfig) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = certified.signing_key.serialize_der().try_into().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (server, client)
}

#[tokio::test]
async fn what_tls_has_agreed_on_is_known() {
    let (mut server, mut client) = configurations();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, mut transports) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(Transport::from(stream)).await.unwrap();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let sender = sender.clone();
            async move {
                let upgrading = Upgrading::from_request(&mut request).unwrap().over_tls(true);
                let (response, pending) = upgrading.accept(&Config::default()).unwrap();
                tokio::spawn(async move {
                    let mut ws = pending.await.unwrap();
                    let message = ws.recv().await.unwrap();
                    sender.send((ws.into_inner().stream, message)).unwrap();
                });
                Ok::<_, Infallible>(response.map(|()| String::new()))
            }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        configure(&mut builder, &Config::default());
        let stream = TokioIo::new(Transport::from(stream));
        builder.serve_connection_with_upgrades(stream, service).await.unwrap();
    });
    let uri = format!("wss://localhost:{port}/");
    let (mut ws, _) =
        connect_tls(uri.as_str(), &Config::default(), Arc::new(client)).await.unwrap();
    ws.send("hello").await.unwrap();
    let (transport, message) = transports.recv().await.unwrap();
    assert_eq!(message, Some(Message::from("hello")));
    assert!(transport.is_tls());
    let tls = transport.tls().unwrap();
    assert_eq!(tls.server_name.as_deref(), Some("localhost"));
    assert_eq!(tls.alpn.as_deref(), Some(&b"http/1.1"[..]));
}
