//! S32: a client believes the right server alone, and says what is wrong with the others.

use std::sync::Arc;
use std::time::Duration;

use bowstring::handshake::ClientRequest;
use bowstring::net::rustls::server::WebPkiClientVerifier;
use bowstring::net::rustls::{AlertDescription, ProtocolVersion, RootCertStore};
use bowstring::net::{TlsError, connect_tls, connect_with, rustls};
use bowstring::server::{Server, Tls};
use bowstring::{Config, Error};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};
use tokio::net::TcpListener;

use crate::support::*;

/// Connects to a server with this identity; nothing of the request may have reached it.
async fn refused(identity: &Identity, host: &str, trusted: &Authority) -> TlsError {
    let server = Echo::new(identity.tls()).await;
    let error = server.connect(host, &trusting([trusted])).await.unwrap_err();
    let Error::Tls(error) = error else { panic!("{error:?}") };
    assert!(server.asked().is_empty(), "the request was sent");
    server.end().await;
    error
}

#[tokio::test]
async fn s32_the_right_server_is_believed_and_hears_its_name() {
    let authority = Authority::new();
    let server = Echo::new(authority.issue(&["localhost"]).tls()).await;
    for host in ["localhost", "LocalHost"] {
        let mut ws = server.connect(host, &trusting([&authority])).await.unwrap();
        says(&mut ws, "hello").await;
        assert!(ws.get_ref().is_tls());
        let ours = ws.get_ref().tls().unwrap();
        assert_eq!(ours.version, Some(ProtocolVersion::TLSv1_3));
        assert_eq!(ours.peer_certificates.len(), 1);
        ws.close(1000, "").await.unwrap();
        let theirs = server.asked().pop().unwrap().unwrap();
        assert_eq!(theirs.server_name.as_deref(), Some("localhost"), "SNI");
        assert_eq!(theirs.version, Some(ProtocolVersion::TLSv1_3));
        assert_eq!((theirs.alpn, theirs.peer_certificates), (None, vec![]));
    }
    let report = server.end().await;
    assert_eq!((report.closed, report.failed, report.refused), (2, 0, 0), "{report:?}");
}

#[tokio::test]
async fn s32_an_address_is_believed_only_if_the_certificate_has_it() {
    let authority = Authority::new();
    let server = Echo::new(authority.issue(&["127.0.0.1"]).tls()).await;
    let mut ws = server.connect("127.0.0.1", &trusting([&authority])).await.unwrap();
    says(&mut ws, "by address").await;
    assert_eq!(server.asked()[0].as_ref().unwrap().server_name, None, "no SNI for an address");
    // The same server by its name.
    let error = server.connect("localhost", &trusting([&authority])).await.unwrap_err();
    assert!(matches!(error, Error::Tls(TlsError::WrongHost)), "{error:?}");

    let other = authority.issue(&["localhost", "127.0.0.2", "::1"]);
    assert_eq!(refused(&other, "127.0.0.1", &authority).await, TlsError::WrongHost);

    let identity = authority.issue(&["::1"]);
    let server = Echo::on("[::1]:0", |server| server.tls(identity.tls())).await;
    let mut ws = server.connect("[::1]", &trusting([&authority])).await.unwrap();
    says(&mut ws, "by the longer address").await;
}

#[tokio::test]
async fn s32_a_certificate_for_another_host_is_refused() {
    let authority = Authority::new();
    for names in [
        &["example.com"][..],
        &["localhost.example.com", "example.localhost", "localhos", "*.localhost"],
        &[],
    ] {
        let error = refused(&authority.issue(names), "localhost", &authority).await;
        assert_eq!(error, TlsError::WrongHost, "{names:?}");
    }
    // The common name names nobody (RFC 6125 §6.4.4).
    let common = authority.issue_with(&[], |params| {
        params.distinguished_name.push(DnType::CommonName, "localhost");
    });
    assert_eq!(refused(&common, "localhost", &authority).await, TlsError::WrongHost);
    let error = TlsError::WrongHost.to_string();
    assert_eq!(error, "the server's certificate is for another host");
}

#[tokio::test]
async fn s32_a_certificate_of_another_time_is_refused() {
    let authority = Authority::new();
    let past = authority.issue_with(&["localhost"], |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    assert_eq!(refused(&past, "localhost", &authority).await, TlsError::Expired);
    let future = authority.issue_with(&["localhost"], |params| {
        params.not_before = date_time_ymd(2998, 1, 1);
        params.not_after = date_time_ymd(2999, 1, 1);
    });
    assert_eq!(refused(&future, "localhost", &authority).await, TlsError::NotYetValid);
}

#[tokio::test]
async fn s32_a_certificate_of_nobody_trusted_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let identity = other.issue(&["localhost"]);
    assert_eq!(refused(&identity, "localhost", &authority).await, TlsError::UnknownIssuer);

    for (is_ca, expected) in [
        (IsCa::NoCa, TlsError::UnknownIssuer),
        (IsCa::Ca(BasicConstraints::Unconstrained), TlsError::Authority),
    ] {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let identity = Identity { certificate, issuers: Vec::new(), key };
        assert_eq!(refused(&identity, "localhost", &authority).await, expected);
    }
    // Somebody of the same name.
    let (real, namesake) = (Authority::called("Trustworthy"), Authority::called("Trustworthy"));
    let error = refused(&namesake.issue(&["localhost"]), "localhost", &real).await;
    assert_eq!(error, TlsError::BadSignature);
    // A server's certificate vouches for nobody, though it was issued by somebody trusted.
    let middle_params = || {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "middle");
        params
    };
    let middle = authority.issue_with(&[], |params| *params = middle_params());
    let issuer = rcgen::Issuer::new(middle_params(), &middle.key);
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().der().clone();
    let identity = Identity { certificate, issuers: vec![middle.certificate], key };
    assert_eq!(refused(&identity, "localhost", &authority).await, TlsError::UnknownIssuer);
}

/// Without a configuration of one's own: nobody is believed whom the features do not name. Neither
/// the address nor anything else turns that off.
#[tokio::test]
async fn s32_by_default_the_trusted_roots_count() {
    let authority = Authority::new();
    let server = Echo::new(authority.issue(&["localhost"]).tls()).await;
    let error = bowstring::connect(&server.uri("localhost")).await.unwrap_err();
    if cfg!(any(feature = "rustls-tls-native-roots", feature = "rustls-tls-webpki-roots")) {
        // A machine without certificates of its own trusts none.
        let bare = cfg!(not(feature = "rustls-tls-webpki-roots"));
        let expected = |error: &_| match error {
            Error::Tls(TlsError::UnknownIssuer) => true,
            Error::Tls(TlsError::NoRoots) => bare,
            _ => false,
        };
        assert!(expected(&error), "{error:?}");
    } else {
        assert!(matches!(error, Error::NeedsTls), "{error:?}");
    }
    assert!(server.asked().is_empty());
}

/// What the system trusts is read once per process, so these are processes of their own.
#[cfg(feature = "rustls-tls-native-roots")]
#[tokio::test]
async fn s32_whom_the_system_trusts_is_believed() {
    let (authority, other, dir) = (Authority::new(), Authority::new(), Directory::new());
    let server = Echo::new(authority.issue(&["localhost"]).tls()).await;
    for (trusted, expected) in [
        (pem(&authority.certificate()), "believed"),
        (pem(&other.certificate()) + &pem(&authority.certificate()), "believed"),
        (pem(&other.certificate()), "UnknownIssuer"),
        (
            String::new(),
            if cfg!(feature = "rustls-tls-webpki-roots") { "UnknownIssuer" } else { "NoRoots" },
        ),
    ] {
        let file = dir.path().join("roots.pem");
        std::fs::write(&file, trusted).unwrap();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--ignored", "--exact", "--nocapture", "client::in_a_process_of_its_own"]);
        child.env("SSL_CERT_FILE", &file).env("SSL_CERT_DIR", "").env(URI, server.uri("localhost"));
        let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(server.asked().len(), 2);
}

#[cfg(feature = "rustls-tls-native-roots")]
const URI: &str = "BOWSTRING_TEST_URI";

#[cfg(feature = "rustls-tls-native-roots")]
#[tokio::test]
#[ignore = "started by s32_whom_the_system_trusts_is_believed"]
async fn in_a_process_of_its_own() {
    let uri = std::env::var(URI).expect("a URI");
    match bowstring::connect(&uri).await {
        Ok((mut ws, _)) => {
            says(&mut ws, "hello").await;
            assert_eq!(ws.get_ref().tls().unwrap().version, Some(ProtocolVersion::TLSv1_3));
            println!("believed");
        }
        Err(error) => println!("{error:?}"),
    }
}

#[tokio::test]
async fn the_protocol_agreed_on_is_http_1_1_or_none() {
    let authority = Authority::new();
    let dir = Directory::new();
    let (chain, key) = authority.issue(&["localhost"]).write(&dir);
    let server = Echo::new(Tls::from_pem_files(chain, key).unwrap()).await;
    let offering = |protocols: &[&str]| {
        let mut tls = trust([authority.certificate()]);
        tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(tls)
    };
    for (offer, agreed) in [
        (&["http/1.1"][..], Some(b"http/1.1".to_vec())),
        (&["h2", "http/1.1"], Some(b"http/1.1".to_vec())),
        (&[], None),
    ] {
        let ws = server.connect("localhost", &offering(offer)).await.unwrap();
        assert_eq!(ws.get_ref().tls().unwrap().alpn, agreed);
        assert_eq!(server.asked().pop().unwrap().unwrap().alpn, agreed);
    }
    let error = server.connect("localhost", &offering(&["h2"])).await.unwrap_err();
    let alert = rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol);
    assert!(matches!(&error, Error::Tls(TlsError::Other(other)) if *other == alert), "{error:?}");

    // A server that wants to speak something else.
    let mut config = authority.issue(&["localhost"]).server_config();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let server = Echo::new(Tls::from_config(Arc::new(config))).await;
    let error = server.connect("localhost", &offering(&["h2", "http/1.1"])).await.unwrap_err();
    assert!(matches!(error, Error::Tls(TlsError::Protocol)), "{error:?}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_client_shows_its_certificate_to_a_server_that_wants_one() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let identity = authority.issue(&["localhost"]);
    let mut roots = RootCertStore::empty();
    roots.add(clients.certificate()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![identity.certificate.clone()], identity.key())
        .unwrap();
    let server = Echo::new(Tls::from_config(Arc::new(config))).await;

    let error = server.connect("localhost", &trusting([&authority])).await.unwrap_err();
    let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
    assert!(matches!(&error, Error::Tls(TlsError::Other(other)) if *other == alert), "{error:?}");
    assert_eq!(
        error.to_string(),
        "TLS failed: received fatal alert: the server requires a certificate"
            .replace("the server requires a certificate", "CertificateRequired")
    );

    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate()).unwrap();
    let me = clients.issue(&["me"]);
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![me.certificate.clone()], me.key())
        .unwrap();
    let mut ws = server.connect("localhost", &Arc::new(tls)).await.unwrap();
    says(&mut ws, "it is me").await;
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].as_ref().unwrap().peer_certificates, [me.certificate]);
}

#[tokio::test]
async fn what_is_no_tls_at_all_is_an_error_soon() {
    let tls = trusting([&Authority::new()]);
    // A server in the clear answers 400 to a ClientHello.
    let plain = Echo::serve(Server::bind("127.0.0.1:0").await.unwrap());
    let error = plain.connect("localhost", &tls).await.unwrap_err();
    assert!(
        matches!(error, Error::Tls(TlsError::Other(rustls::Error::InvalidMessage(_)))),
        "{error:?}"
    );

    // One that says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("wss://{}/", silent.local_addr().unwrap());
    let request = ClientRequest::new(uri.parse().unwrap());
    let mut config = Config::default();
    config.handshake_timeout = Duration::from_millis(50);
    let error = in_time(connect_tls(&request, &config, tls.clone())).await.unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error:?}");

    // Names that no certificate can have, and addresses that want no TLS: nothing is sent.
    let long = format!("wss://{}.example/", "a".repeat(64));
    for (uri, expected) in [(&*long, TlsError::Host), ("ws://localhost/", TlsError::Scheme)] {
        let error = connect(uri, &tls).await.unwrap_err();
        assert!(matches!(&error, Error::Tls(error) if *error == expected), "{error:?}");
    }
    let request = ClientRequest::new(plain.uri("localhost").replace("wss", "ws").parse().unwrap());
    let (ws, _) = connect_with(&request, &Config::default()).await.unwrap();
    assert!(!ws.get_ref().is_tls() && ws.get_ref().tls().is_none());
    assert_eq!(plain.asked(), [None]);
}
