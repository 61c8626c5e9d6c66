//! Requests that do not become WebSockets, and what their clients are told.

use bowstring::Config;
use bowstring::handshake::{Origins, RequestError};
use bowstring::hyper::{Rejection, Upgrading};
use bowstring_testing::handshake::request;
use http::{HeaderMap, Method, Request, StatusCode, Version};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::support::*;

/// Each fault over HTTP/2, and the answer to it.
#[tokio::test]
async fn faults_of_an_extended_connect() {
    type Row = (Option<&'static str>, &'static [(&'static str, &'static str)], u16, &'static str);
    let table: [Row; 12] = [
        (None, &[VERSION_13], 400, ":protocol is missing (RFC 8441 §4)\n"),
        (Some("chat"), &[VERSION_13], 501, "the :protocol is not websocket (RFC 9220 §3)\n"),
        (Some("WebSocket"), &[VERSION_13], 501, "the :protocol is not websocket (RFC 9220 §3)\n"),
        (Some(""), &[VERSION_13], 501, "the :protocol is not websocket (RFC 9220 §3)\n"),
        (Some("websocket"), &[], 400, "Sec-WebSocket-Version is missing (RFC 6455 §4.2.1)\n"),
        (
            Some("websocket"),
            &[VERSION_13, VERSION_13],
            400,
            "Sec-WebSocket-Version stands more than once (RFC 6455 §11.3)\n",
        ),
        (
            Some("websocket"),
            &[("sec-websocket-version", "12")],
            400,
            "version 12 is not 13 (RFC 6455 §4.2.2)\n",
        ),
        (
            Some("websocket"),
            &[("sec-websocket-version", "013")],
            400,
            "Sec-WebSocket-Version is malformed (RFC 6455 §4.2.1)\n",
        ),
        (
            Some("websocket"),
            &[VERSION_13, ("sec-websocket-protocol", "a, a")],
            400,
            "a subprotocol is offered twice (RFC 6455 §4.1)\n",
        ),
        (
            Some("websocket"),
            &[VERSION_13, ("sec-websocket-extensions", "a; =")],
            400,
            "expected a parameter's name at byte 3 of Sec-WebSocket-Extensions (RFC 6455 §9.1)\n",
        ),
        (
            Some("websocket"),
            &[VERSION_13, ("host", "example.com"), ("host", "example.org")],
            400,
            "Host stands more than once (RFC 9112 §3.2)\n",
        ),
        (
            Some("websocket"),
            &[VERSION_13, ("origin", "https://example.org")],
            403,
            "pages of this origin may not connect (RFC 6455 §10.2)\n",
        ),
    ];
    let mut client = Client::new(echo_pipe()).await;
    for (protocol, fields, status, text) in table {
        let mut stream = client.ask(connect(protocol, fields)).await;
        assert_eq!(stream.response.status(), status, "{protocol:?} {fields:?}");
        let headers = stream.response.headers();
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
        // RFC 9113 §8.2.2: HTTP/2 has none of these.
        assert!(!headers.contains_key("upgrade") && !headers.contains_key("connection"));
        // §4.4: a client that has the version wrong learns the right one.
        let tells = headers.get("sec-websocket-version").is_some_and(|version| version == "13");
        assert_eq!(tells, text.contains("ersion"), "{text}");
        assert_eq!(stream.text().await, text);
    }
    // The connection goes on, and so does the next request.
    client.open().await.echo("hello").await;
}

#[tokio::test]
async fn other_methods_over_http_2() {
    let mut client = Client::new(echo_pipe()).await;
    for method in [Method::GET, Method::POST, Method::HEAD] {
        let request = Request::builder()
            .method(method.clone())
            .uri("http://example.com/chat")
            .header("sec-websocket-version", "13")
            .body(())
            .unwrap();
        let mut stream = client.ask(request).await;
        assert_eq!(stream.response.status(), 405, "{method}");
        assert_eq!(stream.response.headers()["allow"], "CONNECT");
        let text = stream.text().await;
        let has_text = text == "the method is not CONNECT (RFC 8441 §5)\n";
        assert_eq!(has_text, method != Method::HEAD, "{text}");
    }
}

/// What an HTTP library would let through, or reads otherwise, is checked all the same.
#[test]
fn what_hyper_does_not_let_through() {
    let request = |uri: &str, fields: &[(&'static str, &str)]| {
        let mut request = connect_to(uri, Some("websocket"), fields);
        request.extensions_mut().insert(hyper::ext::Protocol::from_static("websocket"));
        Upgrading::from_request(&mut request).unwrap_err()
    };
    let check = |rejection: Rejection, expected: RequestError| match rejection {
        Rejection::Request { error, version } => {
            assert_eq!((error, version), (expected, Version::HTTP_2));
        }
        other => panic!("{other:?}"),
    };
    check(request("/chat", &[VERSION_13]), RequestError::Target);
    check(request("*", &[VERSION_13]), RequestError::Target);
    check(request("ftp://example.com/chat", &[VERSION_13]), RequestError::Target);
    check(request("example.com:80", &[VERSION_13]), RequestError::Target);
    let uri = "https://example.com/chat";
    let with = |name| request(uri, &[VERSION_13, (name, "x")]);
    check(with("upgrade"), RequestError::OfHttp1("Upgrade"));
    check(with("connection"), RequestError::OfHttp1("Connection"));
    check(with("transfer-encoding"), RequestError::OfHttp1("Transfer-Encoding"));
    check(with("content-length"), RequestError::Body);
    // A legal one; but nothing that hyper has noted for the upgrade.
    assert_eq!(request(uri, &[VERSION_13, ("content-length", "0")]), Rejection::NotUpgradable);
}

/// Sends a request over HTTP/1.1 and gives the answer as a whole.
async fn answer(head: &[u8]) -> String {
    let mut near = echo_pipe();
    near.write_all(head).await.unwrap();
    let mut answer = vec![0; 4096];
    let len = near.read(&mut answer).await.unwrap();
    String::from_utf8(answer[..len].to_vec()).unwrap()
}

#[tokio::test]
async fn faults_of_an_upgrade() {
    let head = String::from_utf8(request("")).unwrap();
    let without = |name: &str| {
        let lines = head.split_inclusive("\r\n").filter(|line| !line.starts_with(name));
        lines.collect::<String>()
    };
    let with = |from: &str, to: &str| {
        assert!(head.contains(from), "{head}");
        head.replace(from, to)
    };
    for (head, status, field) in [
        (without("Upgrade"), "426", "upgrade: websocket\r\n"),
        (without("Connection"), "400", ""),
        (without("Sec-WebSocket-Key"), "400", ""),
        (without("Sec-WebSocket-Version"), "400", "sec-websocket-version: 13\r\n"),
        (with("Version: 13", "Version: 8"), "426", "sec-websocket-version: 13\r\n"),
        (with("GET", "POST"), "405", "allow: GET\r\n"),
        (with("Version: 13", "Version: 13\r\nOrigin: https://example.org"), "403", ""),
    ] {
        let answer = answer(head.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}\n{answer}");
        assert!(answer.contains(field), "{answer}");
        assert!(answer.contains("(RFC 6455 §"), "{answer}");
    }
}

/// Pages of the same host may connect: `:authority` names it over HTTP/2, where there is no `Host`.
#[tokio::test]
async fn origins_over_http_2() {
    let mut client = Client::new(echo_pipe()).await;
    for (target, origin, status) in [
        ("https://example.com/chat", "https://example.com", 200),
        ("https://example.com/chat", "https://example.com:443", 200),
        ("https://example.com:8443/chat", "https://example.com:8443", 200),
        ("https://example.com/chat", "https://example.com.example.org", 403),
        ("https://example.com/chat", "https://example.com:8443", 403),
        ("https://example.com/chat", "null", 403),
        // The scheme says that it is TLS, so this page came from elsewhere.
        ("https://example.com/chat", "http://example.com", 403),
        ("http://example.com/chat", "http://example.com", 200),
        // A proxy may have ended TLS.
        ("http://example.com/chat", "https://example.com", 200),
    ] {
        let fields = [VERSION_13, ("origin", origin)];
        let stream = client.ask(connect_to(target, Some("websocket"), &fields)).await;
        assert_eq!(stream.response.status(), status, "{target} {origin}");
    }
}

#[tokio::test]
async fn other_origins_on_request() {
    fn listed(request: &mut Request<Incoming>) -> Answer {
        let origins = Origins::list(["https://app.example.org"]).unwrap();
        let upgrading = Upgrading::from_request(request)?.origins(origins);
        let allowed = upgrading.is_origin_allowed();
        let answer = upgrading.accept(&Config::default());
        assert_eq!(answer.is_ok(), allowed);
        answer
    }
    let (near, far) = duplex(64 << 10);
    tokio::spawn(serve(far, listed, |pending| async { drop(pending.await) }));
    let mut client = Client::new(near).await;
    for (origin, status) in [("https://app.example.org", 200), ("https://example.com", 403)] {
        let fields = [VERSION_13, ("origin", origin)];
        let target = "https://example.com/chat";
        let stream = client.ask(connect_to(target, Some("websocket"), &fields)).await;
        assert_eq!(stream.response.status(), status, "{origin}");
    }
}

/// Over HTTP/1.1 the server says whether it ends TLS.
#[tokio::test]
async fn over_tls() {
    fn tls(request: &mut Request<Incoming>) -> Answer {
        Upgrading::from_request(request)?.over_tls(true).accept(&Config::default())
    }
    let head = String::from_utf8(request("Origin: http://example.com\r\n")).unwrap();
    let head = head.lines().map(|line| match line.starts_with("Host:") {
        true => "Host: example.com\r\n".to_owned(),
        false => format!("{line}\r\n"),
    });
    let head: String = head.collect();
    assert!(answer(head.as_bytes()).await.starts_with("HTTP/1.1 101 "));
    let (mut near, far) = duplex(64 << 10);
    tokio::spawn(serve(far, tls, |pending| async { drop(pending.await) }));
    near.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 13];
    near.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 403 ");
}

/// What the application has chosen wrongly is its own fault, and the client is told nothing of it.
#[tokio::test]
async fn faults_of_the_application() {
    fn unoffered(request: &mut Request<Incoming>) -> Answer {
        Upgrading::from_request(request)?.protocol(Some("chat")).accept(&Config::default())
    }
    fn owned(request: &mut Request<Incoming>) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("sec-websocket-extensions", "x".parse().unwrap());
        Upgrading::from_request(request)?.headers(headers).accept(&Config::default())
    }
    for answer in [unoffered, owned] {
        let (near, far) = duplex(64 << 10);
        tokio::spawn(serve(far, answer, |pending| async { drop(pending.await) }));
        let mut client = Client::new(near).await;
        let mut stream = client.ask(connect(Some("websocket"), &[VERSION_13])).await;
        assert_eq!(stream.response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(stream.text().await, "");
    }
}
