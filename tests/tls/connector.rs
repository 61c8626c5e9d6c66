//! A `Connector` with TLS: whom it trusts, what it resumes, and how each step fails.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bowstring::handshake::RedirectError;
use bowstring::net::rustls::server::WebPkiClientVerifier;
use bowstring::net::rustls::{ProtocolVersion, RootCertStore, ServerConfig, version};
use bowstring::net::{
    ClientTls, ConnectTimeouts, OpeningStep, Proxies, ProxyError, TlsError, Transport, rustls,
};
use bowstring::server::{Accept, Server, Tls};
use bowstring::{Connector, Error, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::*;

/// One that trusts this authority.
fn connector(authority: &Authority) -> Connector {
    Connector::new().tls(trusting([authority]))
}

async fn open(connector: &Connector, uri: &str) -> Result<WebSocket<Transport>, Error> {
    in_time(connector.connect(uri)).await.map(|(ws, _)| ws)
}

#[tokio::test]
async fn sessions_are_resumed() {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost"]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    for only in [&version::TLS13, &version::TLS12] {
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[only])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate.clone()], identity.key())
            .unwrap();
        let server = Echo::new(Tls::from_config(Arc::new(config))).await;
        let uri = server.uri("localhost");
        let one = connector(&authority);
        // A clone is the same, and another has nothing to resume.
        for (connector, resumed) in
            [(&one, false), (&one, true), (&one.clone(), true), (&connector(&authority), false)]
        {
            let mut ws = open(connector, &uri).await.unwrap();
            says(&mut ws, "hello").await;
            let tls = ws.get_ref().tls().unwrap();
            assert_eq!((tls.version, tls.resumed), (Some(only.version), resumed));
            assert_eq!(tls.peer_certificates, std::slice::from_ref(&identity.certificate));
            assert_eq!(server.asked().pop().unwrap().unwrap().resumed, resumed);
            ws.close(1000, "").await.unwrap();
        }
    }
}

#[tokio::test]
async fn roots_and_certificates_from_pem() {
    let (authority, other, clients) = (Authority::new(), Authority::new(), Authority::new());
    let identity = authority.issue(&["localhost"]);
    let mut roots = RootCertStore::empty();
    roots.add(clients.certificate()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![identity.certificate.clone()], identity.key())
        .unwrap();
    let server = Echo::new(Tls::from_config(Arc::new(config))).await;
    let uri = server.uri("localhost");

    let dir = Directory::new();
    let me = clients.issue(&["me"]);
    let (chain, key) = me.write(&dir);
    let both = pem(&other.certificate()) + &pem(&authority.certificate());
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, &both).unwrap();

    let from_files = ClientTls::new()
        .roots_from_pem_file(&ca)
        .unwrap()
        .identity_from_pem_files(&chain, &key)
        .unwrap();
    let from_texts = ClientTls::new()
        .root(authority.certificate())
        .unwrap()
        .identity_from_pem(pem(&me.certificate).as_bytes(), me.key.serialize_pem().as_bytes())
        .unwrap();
    for tls in [from_files, from_texts] {
        let mut ws = open(&Connector::new().tls(tls.build().unwrap()), &uri).await.unwrap();
        says(&mut ws, "it is me").await;
        let asked = server.asked().pop().unwrap().unwrap();
        assert_eq!(asked.peer_certificates, std::slice::from_ref(&me.certificate));
        assert_eq!(asked.alpn, None, "the server has none");
        assert_eq!(asked.version, Some(ProtocolVersion::TLSv1_3));
    }
    // Without a certificate, and with one of somebody else.
    let trusting = || ClientTls::new().roots_from_pem(both.as_bytes()).unwrap();
    let stranger = other.issue(&["stranger"]);
    let strange = trusting()
        .identity_from_pem(
            pem(&stranger.certificate).as_bytes(),
            stranger.key.serialize_pem().as_bytes(),
        )
        .unwrap();
    for tls in [trusting(), strange] {
        let error = open(&Connector::new().tls(tls.build().unwrap()), &uri).await.unwrap_err();
        assert!(matches!(error, Error::Tls(TlsError::Other(_))), "{error:?}");
        assert_eq!(error.step(), Some(OpeningStep::Tls));
    }
}

#[test]
fn what_is_wrong_with_pem_is_told() {
    let dir = Directory::new();
    let path = dir.path().join("ca.pem");
    for text in
        ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        let error = ClientTls::new().roots_from_pem(text.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{text}");
        std::fs::write(&path, text).unwrap();
        let error = ClientTls::new().roots_from_pem_file(&path).unwrap_err();
        assert!(error.to_string().contains("ca.pem"), "{error}");
    }
    let missing = ClientTls::new().roots_from_pem_file(dir.path().join("none.pem")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(missing.to_string().contains("none.pem"), "{missing}");
    assert_eq!(ClientTls::new().build().unwrap_err(), TlsError::NoRoots);

    let authority = Authority::new();
    let (one, other) = (authority.issue(&["one"]), authority.issue(&["other"]));
    let tls = || ClientTls::new().root(authority.certificate()).unwrap();
    let certificate = pem(&one.certificate);
    let error = tls().identity_from_pem(certificate.as_bytes(), b"no key").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    // The key of somebody else.
    let key = other.key.serialize_pem();
    let mixed = tls().identity_from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    assert!(matches!(mixed.build(), Err(TlsError::Other(_))));
    assert!(!format!("{:?}", tls()).contains("key"));
}

/// A server in the clear gets a TLS handshake; a server with TLS gets a request in the clear.
#[tokio::test]
async fn the_wrong_port_is_told() {
    let authority = Authority::new();
    let plain = Echo::serve(Server::bind("127.0.0.1:0").await.unwrap());
    let error = open(&connector(&authority), &plain.uri("localhost")).await.unwrap_err();
    assert!(
        matches!(error, Error::Tls(TlsError::Other(rustls::Error::InvalidMessage(_)))),
        "{error:?}"
    );
    assert_eq!(error.step(), Some(OpeningStep::Tls));

    let server = Echo::new(authority.issue(&["localhost"]).tls()).await;
    let uri = server.uri("localhost").replace("wss", "ws");
    let error = open(&connector(&authority), &uri).await.unwrap_err();
    let Error::Status(response) = &error else { panic!("{error:?}") };
    assert_eq!(response.status(), 400);
    assert!(response.body().starts_with(b"this port speaks TLS"));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn unknown_authorities_and_wrong_hosts() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Echo::new(authority.issue(&["localhost"]).tls()).await;
    for (connector, host, expected) in [
        (connector(&other), "localhost", TlsError::UnknownIssuer),
        (connector(&authority), "127.0.0.1", TlsError::WrongHost),
    ] {
        let error = open(&connector, &server.uri(host)).await.unwrap_err();
        assert!(matches!(&error, Error::Tls(error) if *error == expected), "{error:?}");
        assert_eq!(error.step(), Some(OpeningStep::Tls));
        assert!(!error.is_transient());
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_tls_handshake_that_is_slow_or_cut() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("wss://{}/", listener.local_addr().unwrap());
    let mut timeouts = ConnectTimeouts::default();
    timeouts.tls = Some(Duration::from_millis(50));
    let hasty = connector(&authority).timeouts(timeouts);
    let error = open(&hasty, &uri).await.unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(OpeningStep::Tls)), "{error:?}");
    listener.accept().await.unwrap();

    let cutting = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Everything that was sent, so that the end is no reset.
        let mut hello = [0; 16 << 10];
        assert!(stream.read(&mut hello).await.unwrap() > 100);
    };
    let connector = connector(&authority);
    let (error, ()) = tokio::join!(open(&connector, &uri), cutting);
    let error = error.unwrap_err();
    let Error::Opening(OpeningStep::Tls, source) = &error else { panic!("{error:?}") };
    assert_eq!(source.kind(), ErrorKind::UnexpectedEof);
    assert!(error.is_transient());
}

/// TLS goes over a stream of the caller's as well.
#[tokio::test]
async fn through_a_stream_that_leads_there() {
    let authority = Authority::new();
    let server = Echo::new(authority.issue(&["chat.example"]).tls()).await;
    let stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let (near, mut far) = tokio::io::duplex(1024);
    let mut stream = stream;
    tokio::spawn(async move { copy_bidirectional(&mut far, &mut stream).await });
    let connector = connector(&authority);
    let (mut ws, _) =
        in_time(connector.connect_through(near, "wss://chat.example/")).await.unwrap();
    says(&mut ws, "in a pipe").await;
    assert!(ws.get_ref().is_tls());
    assert_eq!(server.asked()[0].as_ref().unwrap().server_name.as_deref(), Some("chat.example"));
}

#[tokio::test]
async fn s30_a_redirect_from_wss_to_ws_is_not_followed() {
    let authority = Authority::new();
    let plain = Echo::serve(Server::bind("127.0.0.1:0").await.unwrap());
    let location = format!("http://localhost:{}/", plain.port);
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let server = server.tls(authority.issue(&["localhost"]).tls()).on_request(move |_| {
        let answer = http::Response::builder().status(308).header("Location", &location).body("");
        async move { Err::<Accept<()>, _>(answer.unwrap().into()) }
    });
    let port = server.local_addrs().next().unwrap().port();
    let serving = tokio::spawn(server.serve(|_| async { Ok::<_, Error>(()) }));
    let connector = connector(&authority).redirects(5);
    let error = open(&connector, &format!("wss://localhost:{port}/")).await.unwrap_err();
    assert!(matches!(error, Error::Redirect(RedirectError::Downgrade, _)), "{error:?}");
    assert!(plain.asked().is_empty());
    serving.abort();
}

/// TLS to a server, in a tunnel, in TLS to the proxy.
#[tokio::test]
async fn through_an_https_proxy() {
    let (authority, others) = (Authority::new(), Authority::new());
    let server = Echo::new(authority.issue(&["localhost"]).tls()).await;
    let proxying = |identity: Identity| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(identity.server_config()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut near) = acceptor.accept(stream).await else { return };
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(near.read_u8().await.unwrap());
                    }
                    let head = String::from_utf8(head).unwrap();
                    let target = head.split(' ').nth(1).unwrap();
                    let mut far = TcpStream::connect(target).await.unwrap();
                    near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        port
    };
    let port = proxying(authority.issue(&["localhost"])).await;
    let through = |port: u16| Proxies::all(format!("https://localhost:{port}").parse().unwrap());
    let connector = connector(&authority);
    for _ in 0..2 {
        let mut ws = open(&connector.clone().proxies(through(port)), &server.uri("localhost"))
            .await
            .unwrap();
        says(&mut ws, "in two tunnels").await;
        assert!(ws.get_ref().is_tls());
    }
    // The proxy's certificate counts as well.
    let port = proxying(others.issue(&["localhost"])).await;
    let opening = open(&connector.proxies(through(port)), &server.uri("localhost")).await;
    let error = opening.unwrap_err();
    assert!(matches!(&error, Error::Proxy(ProxyError::Tls(TlsError::UnknownIssuer))), "{error:?}");
    assert_eq!(error.step(), Some(OpeningStep::Proxy));
    assert_eq!(server.asked().len(), 2);
}
