//! The request over HTTP/2 and HTTP/3 (RFC 8441, RFC 9220), and answers as types.

use super::*;

/// A legal extended CONNECT.
fn connect() -> Request<()> {
    Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri("https://example.com/chat?a=b")
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap()
}

/// It with one change.
fn changed(change: impl FnOnce(&mut Request<()>)) -> Result<Upgrade, RequestError> {
    let mut request = connect();
    change(&mut request);
    check_connect(&request, Some("websocket"))
}

#[test]
fn what_rfc_8441_asks_for() {
    let upgrade = changed(|_| {}).unwrap();
    assert_eq!(upgrade.accept(), None);
    assert!(upgrade.protocols().is_empty() && upgrade.extensions().is_empty());
    assert!(changed(|request| *request.version_mut() = Version::HTTP_3).is_ok());
    // RFC 8441 §5: neither is used, so neither counts.
    let with_key = |request: &mut Request<()>| {
        request.headers_mut().insert("sec-websocket-key", HeaderValue::from_static("x"));
    };
    assert!(changed(with_key).is_ok());
    let http = |request: &mut Request<()>| {
        *request.uri_mut() = "http://example.com/".parse().unwrap();
    };
    assert!(changed(http).is_ok());
}

#[test]
fn faults_in_their_order() {
    let uri = |uri: &'static str| {
        changed(move |request| *request.uri_mut() = uri.parse().unwrap()).unwrap_err()
    };
    let field = |name: &'static str, value: &'static str| {
        let value = HeaderValue::from_static(value);
        let append = move |request: &mut http::Request<()>| {
            request.headers_mut().append(name, value);
        };
        changed(append).unwrap_err()
    };
    let of_version =
        |version| changed(move |request| *request.version_mut() = version).unwrap_err();
    // `:path` is `*`, beside `:scheme` and `:authority`.
    let asterisk = |request: &mut Request<()>| {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some("*".parse().unwrap());
        *request.uri_mut() = http::Uri::from_parts(parts).unwrap();
    };
    use RequestError::{
        Body, Malformed, Missing, NotConnect, OfHttp1, Repeated, RepeatedProtocol, Target,
        UnknownProtocol,
    };
    let (ask, bad) = (|protocol| check_connect(&connect(), protocol).unwrap_err(), 400);
    for (error, expected, status) in [
        (of_version(Version::HTTP_11), RequestError::Version, 505),
        (of_version(Version::HTTP_10), RequestError::Version, 505),
        (
            changed(|request| *request.method_mut() = Method::GET).unwrap_err(),
            NotConnect(Method::GET),
            405,
        ),
        (ask(None), Missing(":protocol"), bad),
        (ask(Some("webtransport")), UnknownProtocol, 501),
        (ask(Some("WEBSOCKET")), UnknownProtocol, 501),
        (ask(Some("websocket ")), UnknownProtocol, 501),
        (uri("/chat"), Target, bad),
        (uri("*"), Target, bad),
        (uri("ws://example.com/chat"), Target, bad),
        (changed(asterisk).unwrap_err(), Target, bad),
        (uri("example.com:443"), Target, bad),
        (uri("https://:443/chat"), Missing(":authority"), bad),
        (field("upgrade", "websocket"), OfHttp1("Upgrade"), bad),
        (field("connection", "upgrade"), OfHttp1("Connection"), bad),
        (field("transfer-encoding", "chunked"), OfHttp1("Transfer-Encoding"), bad),
        (field("content-length", "5"), Body, bad),
        (field("content-length", "0, 0"), Body, bad),
        (field("sec-websocket-version", "13"), Repeated("Sec-WebSocket-Version"), bad),
        (field("sec-websocket-protocol", "a, a"), RepeatedProtocol, bad),
        (field("sec-websocket-protocol", "a b"), Malformed("Sec-WebSocket-Protocol"), bad),
    ] {
        assert_eq!(error, expected);
        for version in [Version::HTTP_2, Version::HTTP_3] {
            let answer = refusal(&error, version);
            assert_eq!(answer.status(), status, "{error}");
            assert_eq!(*answer.body(), format!("{error}\n"));
            assert!(!answer.headers().contains_key("upgrade"), "{error}");
            assert!(!answer.headers().contains_key("connection"), "{error}");
        }
    }
    assert!(
        changed(|request| drop(request.headers_mut().remove("sec-websocket-version")))
            .is_err_and(|error| error == Missing("Sec-WebSocket-Version"))
    );
}

#[test]
fn whether_a_websocket_is_asked_for_at_all() {
    assert!(wants_connect(&connect(), Some("websocket")));
    for protocol in [None, Some(""), Some("Websocket"), Some("connect-udp")] {
        assert!(!wants_connect(&connect(), protocol), "{protocol:?}");
    }
    assert!(!wants_connect(&Request::new(()), Some("websocket")));
}

/// The answer as a type says what the written one says.
#[test]
fn accepted() {
    let request = parse_request_head(
        &head(&REQUEST, "", &[b"Sec-WebSocket-Protocol: chat, talk"]),
        &HeadLimits::default(),
    );
    let upgrade = check_request(&request.unwrap()).unwrap();
    let extension = Extension::new("permessage-deflate").unwrap();
    let mut extra = HeaderMap::new();
    extra.append("set-cookie", HeaderValue::from_static("a=1"));
    extra.append("set-cookie", HeaderValue::from_static("b=2"));
    for (protocol, extension) in [(None, None), (Some("talk"), Some(&extension))] {
        let typed = accept_response(&upgrade, protocol, extension, &extra).unwrap();
        let written = write_accept(&upgrade, protocol, extension, &extra).unwrap();
        let written = parse_response_head(&written, &HeadLimits::default()).unwrap();
        assert_eq!((typed.status(), typed.headers()), (written.status(), written.headers()));
    }

    let upgrade = changed(|request| {
        let offer = HeaderValue::from_static("chat, talk");
        request.headers_mut().insert("sec-websocket-protocol", offer);
    });
    let upgrade = upgrade.unwrap();
    let typed = accept_response(&upgrade, Some("talk"), Some(&extension), &extra).unwrap();
    assert_eq!(typed.status(), 200);
    // RFC 8441 §5: no key, so no proof of it; no Upgrade, no Connection, and no length (RFC 9110 §9.3.6).
    let names = ["sec-websocket-extensions", "sec-websocket-protocol", "set-cookie"];
    let mut found: Vec<_> = typed.headers().keys().map(|name| name.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, names);
    assert_eq!(typed.headers().get_all("set-cookie").iter().count(), 2);
    assert_eq!(write_accept(&upgrade, None, None, &extra), Err(BuildError::NotHttp1));
}

#[test]
fn s29_an_answer_that_is_not_legal() {
    let upgrade = changed(|_| {}).unwrap();
    let none = HeaderMap::new();
    let unoffered = accept_response(&upgrade, Some("a\r\nb: c"), None, &none).unwrap_err();
    assert_eq!(unoffered, BuildError::UnofferedProtocol("a\r\nb: c".to_owned()));
    for name in ["upgrade", "connection", "content-length", "transfer-encoding"] {
        let mut extra = HeaderMap::new();
        extra.insert(name, HeaderValue::from_static("x"));
        let error = accept_response(&upgrade, None, None, &extra).unwrap_err();
        assert_eq!(error, BuildError::OwnedHeader(name.to_owned()));
    }
}

/// HTTP/1.1 has 426 and `Upgrade`; later versions have neither (RFC 9113 §8.2.2).
#[test]
fn refused_in_each_version() {
    for error in [RequestError::UnsupportedVersion(8), RequestError::NotAnUpgrade] {
        let answer = refusal(&error, Version::HTTP_11);
        assert_eq!(answer.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(answer.headers()["upgrade"], "websocket");
        assert_eq!(answer.headers()["sec-websocket-version"], "13");
        assert_eq!(answer.headers()["connection"], "Upgrade");
        // HTTP/1.0 has no Connection of this kind.
        let answer = refusal(&error, Version::HTTP_10);
        assert_eq!(answer.status(), StatusCode::UPGRADE_REQUIRED);
        assert!(!answer.headers().contains_key("connection"));
        let answer = refusal(&error, Version::HTTP_2);
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert!(!answer.headers().contains_key("upgrade"));
        assert_eq!(answer.headers()["sec-websocket-version"], "13");
    }
    let answer = refusal(&RequestError::NotConnect(Method::HEAD), Version::HTTP_2);
    assert_eq!(
        (answer.body().as_str(), &answer.headers()["allow"]),
        ("", &HeaderValue::from_static("CONNECT"))
    );
}
