//! HTTP/2 or HTTP/1.1, as TLS agrees (ALPN, RFC 7301): a connector, and servers that speak one or both.

#[path = "http2/support.rs"]
mod support;

use std::sync::Arc;

use bowstring::net::rustls::crypto::ring;
use bowstring::net::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use bowstring::net::rustls::{ClientConfig, RootCertStore, ServerConfig};
use bowstring::net::{Http2Error, UseHttp2};
use bowstring::{Config, Connector, Error, Message};
use http::Version;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use rcgen::{CertificateParams, KeyPair};
use support::{echo_all, serve_with};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

const URL: &str = "wss://localhost/chat";

type Protocols = &'static [&'static [u8]];

/// Of each connection that was made, what TLS agreed on.
type Agreed = mpsc::UnboundedReceiver<Option<Vec<u8>>>;

/// A server that chooses among these protocols, and a connector that knows it.
fn served(
    protocols: Protocols,
    when: UseHttp2,
    set: impl Fn(&mut Builder<TokioExecutor>) + Copy + Send + Sync + 'static,
) -> (Connector, Agreed) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = certificate.self_signed(&key).unwrap().der().clone();
    let provider = Arc::new(ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    server.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (agreed, heard) = mpsc::unbounded_channel();
    let connector = Connector::new()
        .tls(Arc::new(client))
        .http2(when)
        .resolver(|_, port| async move { Ok(vec![([127, 0, 0, 1], port).into()]) })
        .dialer(move |_| {
            let (near, far) = tokio::io::duplex(64 << 10);
            let (acceptor, agreed) = (acceptor.clone(), agreed.clone());
            tokio::spawn(async move {
                // A client that wants another protocol goes.
                let Ok(stream) = acceptor.accept(far).await else { return };
                let _ = agreed.send(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec));
                echo_all(serve_with(stream, Config::default(), set).0);
            });
            async move { Ok(near) }
        });
    (connector, heard)
}

async fn echoes(connector: &Connector) -> Version {
    let (mut ws, response) = connector.connect(URL).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("hello")));
    response.version()
}

#[tokio::test]
async fn a_server_that_wants_http_2_gets_one_connection() {
    let (connector, mut agreed) = served(&[b"h2", b"http/1.1"], UseHttp2::Negotiate, |_| {});
    for _ in 0..3 {
        assert_eq!(echoes(&connector).await, Version::HTTP_2);
    }
    assert_eq!(agreed.try_recv().unwrap().unwrap(), b"h2");
    assert!(agreed.try_recv().is_err());
}

#[tokio::test]
async fn a_server_that_wants_http_1_gets_it() {
    const HTTP_1: Protocols = &[b"http/1.1"];
    for protocols in [HTTP_1, &[]] {
        let (connector, mut agreed) = served(protocols, UseHttp2::Negotiate, |_| {});
        for _ in 0..2 {
            assert_eq!(echoes(&connector).await, Version::HTTP_11);
            assert_eq!(agreed.try_recv().unwrap(), protocols.first().map(|name| name.to_vec()));
        }
    }
}

/// HTTP/2 without WebSockets (RFC 8441 §3): most servers of today.
#[tokio::test]
async fn a_server_that_has_no_websockets_over_http_2_is_asked_over_http_1() {
    let (connector, mut ends) = served(&[b"h2", b"http/1.1"], UseHttp2::Negotiate, |builder| {
        // A builder of its own: what was switched on cannot be switched off.
        *builder = Builder::new(TokioExecutor::new());
    });
    for _ in 0..2 {
        assert_eq!(echoes(&connector).await, Version::HTTP_11);
    }
    let protocols: Vec<_> = std::iter::from_fn(|| ends.try_recv().ok().flatten()).collect();
    assert_eq!(protocols, [&b"h2"[..], b"http/1.1", b"http/1.1"]);
}

#[tokio::test]
async fn http_2_that_is_required_and_not_there_is_an_error() {
    let (connector, _) = served(&[], UseHttp2::Always, |_| {});
    let error = connector.connect(URL).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Http2(Http2Error::NotNegotiated)), "{error:?}");
    let error = connector.session(&URL.parse().unwrap()).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Http2(Http2Error::NotNegotiated)), "{error:?}");
    // The server that knows HTTP/1.1 alone says so in TLS.
    let (connector, _) = served(&[b"http/1.1"], UseHttp2::Always, |_| {});
    let error = connector.connect(URL).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Tls(_)), "{error:?}");
}

/// Unless it is asked for, HTTP/2 is not offered.
#[tokio::test]
async fn by_default_it_is_http_1() {
    let (connector, mut agreed) = served(&[b"h2", b"http/1.1"], UseHttp2::Never, |_| {});
    assert_eq!(echoes(&connector).await, Version::HTTP_11);
    assert_eq!(agreed.try_recv().unwrap(), None);
}
