//! What converts into a client's request, and what becomes of the handshake's fields in it (§4.1).

use crate::*;

const URI: &str = "ws://server.example.com/chat?a=b";

fn written(request: impl IntoClientRequest) -> Result<String, BuildError> {
    Ok(text(&request.into_client_request()?.write(NONCE)?).to_owned())
}

/// A request of the crate `http` with these fields.
fn with(fields: &[(&str, &str)]) -> Request<()> {
    let request = Request::get(URI);
    let add = |request: http::request::Builder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    fields.iter().fold(request, add).body(()).unwrap()
}

#[test]
fn section_4_1_all_that_is_an_address_asks_alike() {
    let plain = written(ask()).unwrap();
    assert!(plain.starts_with("GET /chat?a=b HTTP/1.1\r\nHost: server.example.com\r\n"));
    let uri: Uri = URI.parse().unwrap();
    let http: http::Uri = URI.parse().unwrap();
    let (owned, request, http_request) = (URI.to_owned(), ask(), with(&[]));
    for asked in [
        written(URI),
        written(&owned),
        written(owned),
        written(&uri),
        written(uri),
        written(&http),
        written(http),
        written(&request),
        written(request),
        written(&http_request),
        written(http_request),
        written(with(&[]).into_parts().0),
    ] {
        assert_eq!(asked.as_ref(), Ok(&plain));
    }
}

#[test]
fn section_4_1_fields_of_the_handshake_that_agree_are_dropped() {
    let plain = written(ask()).unwrap();
    for fields in [
        &[("Host", "server.example.com")][..],
        &[("Upgrade", "WebSocket"), ("Connection", "keep-alive, Upgrade")],
        &[("Sec-WebSocket-Version", " 13 "), ("Sec-WebSocket-Key", KEY)],
        &[("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEA==")],
        &[("Content-Length", "0")],
        &[("Sec-WebSocket-Protocol", ""), ("Sec-WebSocket-Extensions", "")],
    ] {
        assert_eq!(written(with(fields)).as_ref(), Ok(&plain), "{fields:?}");
    }
}

#[test]
fn section_4_1_subprotocols_and_deflate_become_offers() {
    let request = with(&[
        ("Sec-WebSocket-Protocol", "chat.v2, chat"),
        ("X-Other", "kept"),
        ("Sec-WebSocket-Protocol", "plain"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    ]);
    let request = request.into_client_request().unwrap();
    assert!(request.protocols().eq(["chat.v2", "chat", "plain"]));
    assert_eq!(request.deflate_offers(), [DeflateOffer::default()]);
    let shown = written(&request).unwrap();
    assert!(shown.contains("Sec-WebSocket-Protocol: chat.v2, chat, plain\r\n"), "{shown}");
    assert!(shown.contains("permessage-deflate; client_max_window_bits\r\n"), "{shown}");
    assert!(shown.contains("X-Other: kept\r\n"), "{shown}");

    // Those who come from other libraries change the map of a request.
    let mut request = URI.into_client_request().unwrap().protocol("first");
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", HeaderValue::from_static("second"));
    headers.insert("authorization", HeaderValue::from_static("Bearer x"));
    let shown = written(request).unwrap();
    assert!(shown.contains("Sec-WebSocket-Protocol: first, second\r\n"), "{shown}");
    assert!(shown.contains("Authorization: Bearer x\r\n"), "{shown}");
}

#[test]
fn section_4_1_what_contradicts_the_handshake_is_an_error() {
    for (fields, name) in [
        (&[("Upgrade", "h2c")][..], "Upgrade"),
        (&[("Upgrade", "websocket, h2c")], "Upgrade"),
        (&[("Connection", "close")], "Connection"),
        (&[("Sec-WebSocket-Version", "8")], "Sec-Websocket-Version"),
        (
            &[("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Version", "13")],
            "Sec-Websocket-Version",
        ),
        (&[("Sec-WebSocket-Key", "x")], "Sec-Websocket-Key"),
        (&[("Sec-WebSocket-Accept", ACCEPT)], "Sec-Websocket-Accept"),
        (&[("Sec-WebSocket-Extensions", "x-other")], "Sec-Websocket-Extensions"),
        (
            &[("Sec-WebSocket-Extensions", "permessage-deflate; server_max_window_bits=7")],
            "Sec-Websocket-Extensions",
        ),
        (&[("Sec-WebSocket-Extensions", "a;;")], "Sec-Websocket-Extensions"),
        (&[("Content-Length", "1")], "Content-Length"),
        (&[("Transfer-Encoding", "chunked")], "Transfer-Encoding"),
    ] {
        let error = BuildError::OwnedHeader(name.to_owned());
        assert_eq!(written(with(fields)), Err(error), "{fields:?}");
    }
    for (fields, error) in [
        (&[("Sec-WebSocket-Protocol", "a, b c")][..], BuildError::Protocol { protocol: 1, at: 1 }),
        (&[("Sec-WebSocket-Protocol", "a, a")], BuildError::RepeatedProtocol("a".to_owned())),
        (&[("Host", "a b")], BuildError::Host),
        (&[("Host", "a"), ("Host", "a")], BuildError::RepeatedHost),
    ] {
        assert_eq!(written(with(fields)), Err(error), "{fields:?}");
    }
}

#[test]
fn section_4_1_requests_of_another_kind_are_errors() {
    let of = |method: Method, version: Version, uri: &str| {
        written(Request::builder().method(method).version(version).uri(uri).body(()).unwrap())
    };
    assert!(of(Method::GET, Version::HTTP_11, URI).is_ok());
    assert!(of(Method::GET, Version::HTTP_2, URI).is_ok());
    let seen = of(Method::POST, Version::HTTP_11, URI);
    assert_eq!(seen, Err(BuildError::Method(Method::POST)));
    let seen = of(Method::GET, Version::HTTP_10, URI);
    assert_eq!(seen, Err(BuildError::Version(Version::HTTP_10)));
    let seen = of(Method::GET, Version::HTTP_11, "/chat");
    assert_eq!(seen, Err(BuildError::Uri(UriError::Scheme)));
    for (error, shown) in [
        (BuildError::Method(Method::POST), "POST"),
        (BuildError::Version(Version::HTTP_10), "HTTP/1.0"),
        (BuildError::TooManyHeaders, "24,576"),
        (BuildError::Uri(UriError::Host(5)), "byte 5"),
    ] {
        let text = error.to_string();
        assert!(text.contains(shown) && text.contains(error.section()), "{text}");
    }
}

#[test]
fn too_many_fields_are_an_error_and_no_panic() {
    let many = (0..40_000).fold(ask(), |request, n| request.header(format!("x-{n}"), ""));
    assert_eq!(many.write(NONCE), Err(BuildError::TooManyHeaders));
}

#[test]
fn credentials_are_not_shown() {
    let request = ask().header("Authorization", "secret").header("cookie", "secret");
    let request = request.header("Proxy-Authorization", "secret").header("X-Name", "shown");
    let shown = format!("{request:?}");
    assert!(!shown.contains("secret") && shown.contains("shown"), "{shown}");
}

/// However they came in, and what the application has marked itself.
#[test]
fn credentials_of_other_requests_are_not_shown() {
    let mut marked = HeaderValue::from_static("secret");
    marked.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert("x-key", marked);
    headers.insert("x-name", HeaderValue::from_static("shown"));
    for name in ["authorization", "cookie", "proxy-authorization"] {
        headers.append(name, HeaderValue::from_static("secret"));
        headers.append(name, HeaderValue::from_static("secret too"));
    }
    let mut of_http = Request::new(());
    *of_http.uri_mut() = "ws://example.com/".parse().unwrap();
    *of_http.headers_mut() = headers.clone();
    let mut changed = ask();
    *changed.headers_mut() = headers.clone();
    for request in [
        of_http.into_client_request().unwrap(),
        changed.into_client_request().unwrap(),
        ask().append_headers(&headers),
    ] {
        let shown = format!("{request:?}");
        assert!(!shown.contains("secret") && shown.contains("shown"), "{shown}");
        // RFC 7541 §7.1.3: HTTP/2 keeps what is not marked in its table.
        let shown = format!("{:?}", connect_request(&request).unwrap());
        assert!(!shown.contains("secret") && shown.contains("shown"), "{shown}");
    }
}

#[test]
fn rfc_7617_and_6750_credentials() {
    for (user, password, field) in [
        // RFC 7617 §2 and §2.1.
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test", "123\u{a3}", "Basic dGVzdDoxMjPCow=="),
        ("", "", "Basic Og=="),
        ("a", "b:c", "Basic YTpiOmM="),
    ] {
        let request = ask().header("Authorization", "old").basic_auth(user, password);
        let all: Vec<_> = request.headers().get_all("authorization").iter().collect();
        assert_eq!(all, [field]);
        assert!(all[0].is_sensitive());
    }
    let request = ask().basic_auth("a", "b").bearer_auth("mF_9.B5f-4.1JqM");
    assert!(written(&request).unwrap().contains("\r\nAuthorization: Bearer mF_9.B5f-4.1JqM\r\n"));

    let error = ask().basic_auth("a:b", "c").write(NONCE).unwrap_err();
    assert_eq!(error, BuildError::UserName { at: 1 });
    assert!(error.to_string().contains("colon at byte 1 (RFC 7617 §2)"), "{error}");
    // A token read from a file, with its end of line.
    let error = ask().bearer_auth("token\n").write(NONCE).unwrap_err();
    assert_eq!(error, BuildError::HeaderValue { name: "Authorization".to_owned(), at: 12 });
}

#[test]
fn rfc_6265_cookies_stand_in_one_field() {
    let request = ask().header("Cookie", "a=1").header("Cookie", "b=\"2\"").cookie("c", "3, 4");
    let all: Vec<_> = request.headers().get_all("cookie").iter().collect();
    assert_eq!(all, ["a=1; b=\"2\"; c=3, 4"]);
    for (name, value, at) in
        [("", "x", 0), ("a=b", "x", 1), ("a", "x;b=y", 3), ("a", "x\r\nX: y", 3), ("a", "\0;", 2)]
    {
        let error = ask().cookie(name, value).write(NONCE).unwrap_err();
        assert_eq!(error, BuildError::Cookie { at }, "{name:?} {value:?}");
        assert!(error.to_string().contains(error.section()), "{error}");
    }
}

#[test]
fn section_3_query_parameters_are_escaped() {
    for (uri, name, value, resource) in [
        ("ws://h", "a", "b", "/?a=b"),
        ("ws://h/p?", "a", "b", "/p?a=b"),
        ("ws://h/p?x", "a", "", "/p?x&a="),
        ("ws://h/?a=b", "a", "b", "/?a=b&a=b"),
        ("ws://h/", "filter[id]", "3", "/?filter%5Bid%5D=3"),
        ("ws://h/", "\u{e9}", "a b+c&d=e#f%?/", "/?%C3%A9=a%20b%2Bc%26d%3De%23f%25%3F%2F"),
        ("ws://h/", "-._~", "\r\n\0", "/?-._~=%0D%0A%00"),
    ] {
        let request = Uri::strict(uri).unwrap().into_client_request().unwrap().query(name, value);
        assert_eq!(request.uri().resource(), resource);
        assert_eq!(Uri::strict(&request.uri().to_string()).as_ref(), Ok(request.uri()));
    }
    assert_eq!(ask().query("n", 7).uri().resource(), "/chat?a=b&n=7");
}
