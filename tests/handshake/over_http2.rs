//! A client's request and the check of the answer over HTTP/2 (RFC 8441 §5).

use super::*;

fn request(uri: &str) -> ClientRequest {
    ClientRequest::new(uri.parse().unwrap())
}

#[test]
fn rfc_8441_section_5_the_request() {
    for (address, uri) in [
        ("ws://example.com", "http://example.com/"),
        ("ws://example.com:81/chat", "http://example.com:81/chat"),
        ("wss://example.com/chat?room=7", "https://example.com/chat?room=7"),
        // §3: the mark belongs to a query that is not empty.
        ("wss://[::1]:444/?", "https://[::1]:444/"),
    ] {
        let connect = connect_request(&request(address)).unwrap();
        assert_eq!(connect.uri(), uri);
        assert_eq!((connect.method(), connect.version()), (&Method::CONNECT, Version::HTTP_2));
    }
    let request = request("wss://example.com/").protocol("chat").header("cookie", "id=7");
    let connect = connect_request(&request.deflate(DeflateOffer::default())).unwrap();
    let mut names: Vec<_> = connect.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    // No Host, because `:authority` is there; no Upgrade, no Connection and no key (RFC 8441 §5).
    let expected =
        ["cookie", "sec-websocket-extensions", "sec-websocket-protocol", "sec-websocket-version"];
    assert_eq!(names, expected);
}

/// RFC 9113 §8.2.2: they concern one connection. What HTTP/1.1 refuses is refused as well.
#[test]
fn fields_that_http_2_does_not_have() {
    for name in ["Keep-Alive", "Proxy-Connection", "TE"] {
        let error = connect_request(&request("ws://example.com/").header(name, "x")).unwrap_err();
        assert_eq!(error, BuildError::OwnedHeader(name.to_ascii_lowercase()));
    }
    for name in ["Upgrade", "Sec-WebSocket-Key"] {
        let error = connect_request(&request("ws://example.com/").header(name, "x")).unwrap_err();
        assert!(matches!(error, BuildError::OwnedHeader(_)), "{error}");
    }
}

#[test]
fn rfc_8441_section_5_the_answer() {
    let request = request("wss://example.com/").protocol("chat");
    let answer = |status: u16, protocol: &'static str| {
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        *answer.version_mut() = Version::HTTP_2;
        if !protocol.is_empty() {
            let protocol = HeaderValue::from_static(protocol);
            answer.headers_mut().insert("sec-websocket-protocol", protocol);
        }
        check_connect_response(&answer, &request)
    };
    assert_eq!(answer(200, "chat").unwrap().protocol.as_deref(), Some("chat"));
    assert_eq!(answer(200, "").unwrap().protocol, None);
    // What was not asked for fails the handshake, as over HTTP/1.1 (§4.1).
    assert!(answer(200, "talk").is_err());
    for status in [101, 201, 204, 302, 401, 503] {
        let error = answer(status, "chat").unwrap_err();
        assert_eq!(error, ResponseError::Status(StatusCode::from_u16(status).unwrap()));
    }
}
