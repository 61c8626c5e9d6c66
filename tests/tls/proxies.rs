//! Forward proxies and TLS: with the proxy, with the server behind it, and one in the other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bowstring::net::rustls::ClientConfig;
use bowstring::net::rustls::server::WebPkiClientVerifier;
use bowstring::net::{
    OpeningStep, Proxy, ProxyError, ProxyStep, TlsError, Transport, accept, rustls,
};
use bowstring::{Connector, Error};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio_rustls::TlsAcceptor;

use crate::support::*;

/// What the tests need of a stream.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

type AnyStream = Box<dyn Stream>;

/// Makes TLS if there is an identity to show. `None` if the client does not want it.
async fn encrypt(stream: AnyStream, tls: Option<Arc<ServerConfig>>) -> Option<AnyStream> {
    match tls {
        None => Some(stream),
        Some(tls) => Some(Box::new(TlsAcceptor::from(tls).accept(stream).await.ok()?)),
    }
}

/// Takes a request for a tunnel, and is the server at the other end of it.
async fn play(
    stream: DuplexStream,
    proxy: Option<Arc<ServerConfig>>,
    server: Option<Arc<ServerConfig>>,
) -> Option<()> {
    let mut stream = encrypt(Box::new(stream), proxy).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    assert!(head.starts_with(b"CONNECT server.test:"), "{}", String::from_utf8_lossy(&head));
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    let stream = encrypt(stream, server).await?;
    let mut ws = accept(Transport::boxed(stream)).await.ok()?;
    while let Some(message) = ws.recv().await.ok()? {
        ws.send(message).await.ok()?;
    }
    Some(())
}

/// A client whose connections all lead to a proxy with this identity, and a server with that one.
fn connector(
    proxy: Option<ServerConfig>,
    server: Option<ServerConfig>,
    trusted: Arc<ClientConfig>,
) -> Connector {
    let (proxy, server) = (proxy.map(Arc::new), server.map(Arc::new));
    let address = if proxy.is_some() { "https://proxy.test" } else { "http://proxy.test" };
    let address: Proxy = address.parse().unwrap();
    Connector::new()
        .proxies(address)
        .tls(trusted)
        .resolver(|_, port| async move { Ok(vec![([127, 0, 0, 1], port).into()]) })
        .dialer(move |_| {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            tokio::spawn(play(theirs, proxy.clone(), server.clone()));
            async { Ok(ours) }
        })
}

async fn echo(connector: &Connector, uri: &str) {
    let (mut ws, _response) = connector.connect(uri).await.unwrap();
    says(&mut ws, "through").await;
    assert_eq!(ws.get_ref().is_tls(), uri.starts_with("wss"));
}

async fn failure(connector: &Connector, uri: &str) -> Error {
    connector.connect(uri).await.map(drop).expect_err("it is connected")
}

#[tokio::test]
async fn tls_with_the_server_with_the_proxy_and_one_in_the_other() {
    let authority = Authority::new();
    let of = |name| Some(authority.issue(&[name]).server_config());
    let trusted = trusting([&authority]);
    let plain = connector(None, of("server.test"), Arc::clone(&trusted));
    echo(&plain, "wss://server.test/").await;
    let to_proxy = connector(of("proxy.test"), None, Arc::clone(&trusted));
    echo(&to_proxy, "ws://server.test/").await;
    let both = connector(of("proxy.test"), of("server.test"), trusted);
    echo(&both, "wss://server.test/").await;
}

/// An error of the proxy's certificate is not one of the server's.
#[tokio::test]
async fn whose_certificate_is_wrong_is_told() {
    let (known, unknown) = (Authority::new(), Authority::new());
    let by = |authority: &Authority, name| Some(authority.issue(&[name]).server_config());
    let trusted = trusting([&known]);
    for (proxy, server, expected) in [
        (by(&unknown, "proxy.test"), by(&known, "server.test"), (true, TlsError::UnknownIssuer)),
        (by(&known, "server.test"), by(&known, "server.test"), (true, TlsError::WrongHost)),
        (by(&known, "proxy.test"), by(&unknown, "server.test"), (false, TlsError::UnknownIssuer)),
        (by(&known, "proxy.test"), by(&known, "proxy.test"), (false, TlsError::WrongHost)),
    ] {
        let connector = connector(proxy, server, Arc::clone(&trusted));
        let error = failure(&connector, "wss://server.test/").await;
        assert!(!error.is_transient(), "{error}");
        let found = match error {
            Error::Tls(error) => (false, error),
            Error::Proxy(ProxyError::Tls(error)) => (true, error),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected);
    }
}

/// The proxy's roots are apart, if they are given.
#[tokio::test]
async fn a_configuration_for_the_proxy_alone() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let proxy = Some(theirs.issue(&["proxy.test"]).server_config());
    let server = Some(ours.issue(&["server.test"]).server_config());
    let connector = connector(proxy, server, trusting([&ours]));
    let error = failure(&connector, "wss://server.test/").await;
    assert!(matches!(error, Error::Proxy(ProxyError::Tls(TlsError::UnknownIssuer))), "{error:?}");
    let connector = connector.proxy_tls(trusting([&theirs]));
    echo(&connector, "wss://server.test/").await;
}

/// It says so only after its handshake (RFC 8446 §4.4.2.4).
#[tokio::test]
async fn a_proxy_that_wants_a_client_certificate() {
    let authority = Authority::new();
    let identity = authority.issue(&["proxy.test"]);
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let wanting = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![identity.certificate.clone()], identity.key())
        .unwrap();
    let connector = connector(Some(wanting), None, trusting([&authority]));
    let error = failure(&connector, "ws://server.test/").await;
    assert!(matches!(error, Error::Proxy(ProxyError::Tls(TlsError::Other(_)))), "{error:?}");
}

/// A connection to something that is no TLS server.
fn to(play: fn(DuplexStream) -> Pin<Box<dyn Future<Output = ()> + Send>>) -> Connector {
    let proxy: Proxy = "https://proxy.test".parse().unwrap();
    Connector::new()
        .proxies(proxy)
        .tls(trusting([&Authority::new()]))
        .resolver(|_, port| async move { Ok(vec![([127, 0, 0, 1], port).into()]) })
        .dialer(move |_| {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            tokio::spawn(play(theirs));
            async { Ok(ours) }
        })
}

#[tokio::test(start_paused = true)]
async fn a_proxy_without_tls() {
    let plain = to(|mut stream| {
        Box::pin(async move {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            std::future::pending().await
        })
    });
    let error = failure(&plain, "ws://server.test/").await;
    assert!(matches!(error, Error::Proxy(ProxyError::Tls(TlsError::Other(_)))), "{error:?}");

    let closing = to(|stream| Box::pin(async { drop(stream) }));
    let error = failure(&closing, "ws://server.test/").await;
    assert!(matches!(error, Error::Proxy(ProxyError::Closed(ProxyStep::Tls))), "{error:?}");
    assert!(error.is_transient());

    let silent = to(|stream| {
        Box::pin(async move {
            let _stream = stream;
            std::future::pending().await
        })
    });
    let began = tokio::time::Instant::now();
    let error = failure(&silent, "ws://server.test/").await;
    assert!(matches!(error, Error::Proxy(ProxyError::Timeout(ProxyStep::Tls))), "{error:?}");
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    assert_eq!((error.step(), error.is_timeout()), (Some(OpeningStep::Proxy), true));
}
