//! The request: §4.1 writes it, §4.2.1 and §4.4 check it; S24, S26, S29.

use crate::*;

#[test]
fn section_4_1_the_request_as_it_is_written() {
    let request = ask().protocol("chat").protocol("superchat").header("Origin", "http://a.b");
    assert_eq!(request.uri().resource(), "/chat?a=b");
    assert_eq!(
        text(&request.write(NONCE).unwrap()),
        "GET /chat?a=b HTTP/1.1\r\n\
         Host: server.example.com\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: chat, superchat\r\n\
         Origin: http://a.b\r\n\
         \r\n"
    );
}

#[test]
fn section_4_1_a_host_given_replaces_the_uris() {
    let mut headers = HeaderMap::new();
    headers.append("host", HeaderValue::from_static("other:8080"));
    headers.append("cookie", HeaderValue::from_bytes(b"a=\xff").unwrap());
    headers.append("cookie", HeaderValue::from_static("b"));
    let bytes = ask().append_headers(&headers).write(NONCE).unwrap();
    let request = parse_request_head(&bytes, &HeadLimits::default()).unwrap();
    let hosts: Vec<_> = request.headers().get_all("host").iter().collect();
    assert_eq!(hosts, ["other:8080"]);
    let cookies: Vec<_> =
        request.headers().get_all("cookie").iter().map(|c| c.as_bytes()).collect();
    assert_eq!(cookies, [&b"a=\xff"[..], b"b"]);
    check_request(&request).unwrap();
}

#[test]
fn s29_nothing_invalid_is_written() {
    use BuildError::*;
    let name = |name: &str| name.to_owned();
    for (request, error) in [
        (ask().header("a\r\nb", "c"), HeaderName { header: 0, at: 1 }),
        (ask().header("ok", "").header("", "c"), HeaderName { header: 1, at: 0 }),
        (ask().header("a:", "c"), HeaderName { header: 0, at: 1 }),
        (ask().header("a ", "c"), HeaderName { header: 0, at: 1 }),
        (ask().header("\u{e9}", "c"), HeaderName { header: 0, at: 0 }),
        (ask().header("Origin", "a\r\nb: c"), HeaderValue { name: name("Origin"), at: 1 }),
        (ask().header("X", "a\n"), HeaderValue { name: name("X"), at: 1 }),
        (ask().header("X", "\0"), HeaderValue { name: name("X"), at: 0 }),
        (ask().header("X", "ab\x7f"), HeaderValue { name: name("X"), at: 2 }),
        (ask().header("Host", "a\r\nb: c"), HeaderValue { name: name("Host"), at: 1 }),
        (ask().header("Host", "a b"), Host),
        (ask().header("Host", ""), Host),
        (ask().header("Host", b"\xff"), Host),
        (ask().header("Host", "u@h"), Host),
        (ask().header("host", "a").header("HOST", "a"), RepeatedHost),
        (ask().header("upGrade", "x"), OwnedHeader(name("Upgrade"))),
        (ask().header("connection", "x"), OwnedHeader(name("Connection"))),
        (ask().header("Content-Length", "1"), OwnedHeader(name("Content-Length"))),
        (ask().header("transfer-encoding", "x"), OwnedHeader(name("Transfer-Encoding"))),
        (ask().header("SEC-WEBSOCKET-KEY", KEY), OwnedHeader(name("Sec-Websocket-Key"))),
        (
            ask().header("sec-websocket-extensions", "x"),
            OwnedHeader(name("Sec-Websocket-Extensions")),
        ),
        (ask().protocol("a").protocol(""), Protocol { protocol: 1, at: 0 }),
        (ask().protocol("a,b"), Protocol { protocol: 0, at: 1 }),
        (ask().protocol("a\r\nX: y"), Protocol { protocol: 0, at: 1 }),
        (ask().protocol("a b"), Protocol { protocol: 0, at: 1 }),
        (ask().protocol("\0"), Protocol { protocol: 0, at: 0 }),
        (ask().protocol("caf\u{e9}"), Protocol { protocol: 0, at: 3 }),
        (ask().protocol("a").protocol("a"), RepeatedProtocol(name("a"))),
    ] {
        assert_eq!(request.write(NONCE), Err(error.clone()), "{request:?}");
        let shown = error.to_string();
        assert!(shown.contains(error.section()) && !shown.contains(['\r', '\n']), "{shown}");
    }
    let new = bowstring::handshake::Extension::new;
    assert_eq!(new("a;b"), Err(Extension { at: 1 }));
    assert_eq!(new(""), Err(Extension { at: 0 }));
    let extension = new("a").unwrap();
    assert_eq!(extension.clone().with("b\r\n", None), Err(Extension { at: 1 }));
    assert_eq!(extension.with("b", Some("\"")), Err(Extension { at: 0 }));
    assert!(Extension { at: 7 }.to_string().contains("byte 7"));
}

#[test]
fn section_4_2_1_requests_that_are_accepted() {
    for (drop, add) in [
        ("", &[][..]),
        ("", &[&b"Origin: http://example.com"[..], b"Cookie: a=\xff", b"X:"][..]),
        ("GET", &[b"GET http://server.example.com/chat HTTP/1.1"]),
        ("GET", &[b"GET https://server.example.com HTTP/1.1"]),
        ("GET", &[b"\r\nGET /chat HTTP/1.1"]),
        ("Host", &[b"hOsT:[::1]:9001\t "]),
        ("Host", &[b"Host: a:"]),
        ("Upgrade", &[b"Upgrade: h2c, WebSocket"]),
        ("Upgrade", &[b"Upgrade: h2c", b"Upgrade:\tWEBSOCKET"]),
        ("Connection", &[b"Connection: keep-alive, upgrade"]),
        ("Connection", &[b"Connection: keep-alive", b"Connection: , uPGRADE ,"]),
        ("Sec-WebSocket-Key", &[b"sec-websocket-key:dGhlIHNhbXBsZSBub25jZQ== "]),
        ("", &[b"Content-Length: 0"]),
        // Empty lists count as absent.
        ("", &[b"Sec-WebSocket-Protocol:"]),
        ("", &[b"Sec-WebSocket-Protocol: ,", b"Sec-WebSocket-Protocol:"]),
        ("", &[b"Sec-WebSocket-Extensions:"]),
        ("", &[b"Sec-WebSocket-Extensions: , ,\t", b"Sec-WebSocket-Extensions:"]),
    ] {
        let bytes = head(&REQUEST, drop, add);
        let upgrade = server(&bytes).unwrap_or_else(|e| panic!("{}: {e}", bytes.escape_ascii()));
        assert_eq!(upgrade.accept().unwrap(), ACCEPT.as_bytes());
        assert!(upgrade.protocols().is_empty() && upgrade.extensions().is_empty());
    }
    // The RFC's own key with trailing bits.
    let bytes =
        head(&REQUEST, "Sec-WebSocket-Key", &[b"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC=="]);
    assert!(server(&bytes).is_ok());
}

#[test]
fn section_4_2_1_what_is_offered_comes_in_order() {
    let upgrade = server(&head(
        &REQUEST,
        "",
        &[
            b"Sec-WebSocket-Protocol: superchat , ,chat",
            b"Sec-WebSocket-Extensions: foo",
            b"Sec-WebSocket-Protocol: soap",
            b"Sec-WebSocket-Extensions: bar; baz=2; q=\"a\\b\" ;r",
        ],
    ))
    .unwrap();
    assert_eq!(upgrade.protocols().iter().collect::<Vec<_>>(), ["superchat", "chat", "soap"]);
    assert!(upgrade.protocols().contains("chat") && !upgrade.protocols().contains("Chat"));
    assert!(!upgrade.protocols().contains("chat,soap"));
    assert_eq!(format_extensions(upgrade.extensions()), "foo, bar; baz=2; q=ab; r");
    let bar = &upgrade.extensions()[1];
    assert_eq!((bar.name(), bar.params().len()), ("bar", 3));
    assert_eq!((bar.params()[0].name(), bar.params()[0].value()), ("baz", Some("2")));
    assert_eq!((bar.params()[2].name(), bar.params()[2].value()), ("r", None));
}

/// (§, dropped, added, error, status, what the refusal has)
#[test]
fn section_4_2_1_requests_that_are_refused() {
    use RequestError::*;
    const UPGRADE: &str = "upgrade: websocket\r\n";
    /// Who gives no version learns ours (§4.4).
    const OURS: &str = "sec-websocket-version: 13\r\n";
    for (drop, add, error, status, has) in [
        (
            "GET",
            &[&b"POST /chat HTTP/1.1"[..]][..],
            Method(http::Method::POST),
            405,
            "allow: GET\r\n",
        ),
        ("GET", &[b"CONNECT a:80 HTTP/1.1"], Method(http::Method::CONNECT), 405, "allow: GET\r\n"),
        ("GET", &[b"GET /chat HTTP/1.0"], Version, 505, "§4.2.1"),
        ("GET", &[b"GET /chat HTTP/2.0"], Head(HeadError::Version), 505, "HTTP version"),
        (
            "GET",
            &[b"GET /chat HTTP/11"],
            Head(HeadError::Malformed("start line")),
            400,
            "start line",
        ),
        ("GET", &[b"GET /chat"], Head(HeadError::Malformed("start line")), 400, "start line"),
        (
            "GET",
            &[b"GET  /chat HTTP/1.1"],
            Head(HeadError::Malformed("start line")),
            400,
            "start line",
        ),
        (
            "GET",
            &[b"G(T /chat HTTP/1.1"],
            Head(HeadError::Malformed("start line")),
            400,
            "start line",
        ),
        ("GET", &[b"\r\n\r\nGET"], Head(HeadError::Malformed("start line")), 400, "start line"),
        (
            "GET",
            &[b"GET /#a HTTP/1.1"],
            Head(HeadError::Malformed("request target")),
            400,
            "target",
        ),
        (
            "GET",
            &[b"GET /\xc3\xa9 HTTP/1.1"],
            Head(HeadError::Malformed("request target")),
            400,
            "target",
        ),
        ("GET", &[b"GET chat HTTP/1.1"], Target, 400, "target"),
        ("GET", &[b"GET * HTTP/1.1"], Target, 400, "target"),
        ("GET", &[b"GET a:80 HTTP/1.1"], Target, 400, "target"),
        ("GET", &[b"GET ws://a/ HTTP/1.1"], Target, 400, "target"),
        ("Host", &[], Missing("Host"), 400, "Host is missing (RFC 9112 §3.2)"),
        ("", &[b"Host: server.example.com"], Repeated("Host"), 400, "Host stands"),
        (
            "",
            &[b"Upgrade : websocket"],
            Head(HeadError::Malformed("header name")),
            400,
            "header name",
        ),
        ("", &[b"X: a\x01b"], Head(HeadError::Malformed("header value")), 400, "header value"),
        ("Upgrade", &[], NotAnUpgrade, 426, UPGRADE),
        ("Upgrade", &[b"Upgrade: h2c"], WrongUpgrade, 400, "Upgrade does"),
        ("Upgrade", &[b"Upgrade: websocket/13"], WrongUpgrade, 400, "Upgrade does"),
        ("Upgrade", &[b"Upgrade:"], WrongUpgrade, 400, "Upgrade does"),
        ("Connection", &[], Missing("Connection"), 400, "Connection is missing"),
        ("Connection", &[b"Connection: keep-alive"], WrongConnection, 400, "Connection does"),
        (
            "Connection",
            &[b"Connection: upgrade keep-alive"],
            WrongConnection,
            400,
            "Connection does",
        ),
        ("Sec-WebSocket-Version", &[], Missing("Sec-WebSocket-Version"), 400, "Version is missing"),
        ("Sec-WebSocket-Version", &[], Missing("Sec-WebSocket-Version"), 400, OURS),
        ("", &[b"Sec-WebSocket-Version: 13"], Repeated("Sec-WebSocket-Version"), 400, "§11.3"),
        ("", &[b"Sec-WebSocket-Version: 13"], Repeated("Sec-WebSocket-Version"), 400, OURS),
        ("Sec-WebSocket-Key", &[], Missing("Sec-WebSocket-Key"), 400, "Key is missing"),
        (
            "",
            &[b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
            Repeated("Sec-WebSocket-Key"),
            400,
            "Key stands",
        ),
        (
            "Sec-WebSocket-Key",
            &[b"Sec-WebSocket-Key: c2hvcnQ="],
            Malformed("Sec-WebSocket-Key"),
            400,
            "Key is malformed",
        ),
        (
            "",
            &[b"Sec-WebSocket-Protocol: a b"],
            Malformed("Sec-WebSocket-Protocol"),
            400,
            "Protocol is",
        ),
        (
            "",
            &[b"Sec-WebSocket-Protocol: a, b", b"Sec-WebSocket-Protocol: a"],
            RepeatedProtocol,
            400,
            "twice",
        ),
    ] {
        let bytes = head(&REQUEST, drop, add);
        let found = if add == [b"\r\n\r\nGET"] {
            // Here the head ends before the request does.
            assert_eq!(scanned(&bytes), Ok(Some(4)));
            parse_request_head(&bytes, &HeadLimits::default())
                .map_err(RequestError::from)
                .map(drop_it)
        } else {
            server(&bytes).map(drop_it)
        };
        assert_eq!(found, Err(error.clone()), "{}", bytes.escape_ascii());
        refused(&error, status, has);
    }
}

#[test]
fn section_4_2_1_a_plain_request_never_asked() {
    let plain = |drop, add: &[&[u8]]| {
        wants_upgrade(
            &parse_request_head(&head(&REQUEST, drop, add), &HeadLimits::default()).unwrap(),
        )
    };
    assert!(plain("", &[]));
    assert!(plain("Connection", &[]), "a broken upgrade is one");
    assert!(!plain("Upgrade", &[]));
    assert!(!plain("Upgrade", &[b"Upgrade: h2c"]));
}

#[test]
fn section_4_4_other_versions_learn_ours() {
    for version in ["0", "7", "8", "12", "14", "25", "255"] {
        let line = format!("Sec-WebSocket-Version: {version}");
        // A version of another time may come with another key.
        let mut lines = REQUEST.to_vec();
        lines.remove(4);
        let error = server(&head(&lines, "Sec-WebSocket-Version", &[line.as_bytes()])).unwrap_err();
        assert_eq!(error, RequestError::UnsupportedVersion(version.parse().unwrap()));
        refused(&error, 426, "sec-websocket-version: 13\r\n");
    }
    for version in
        ["", "013", "+13", "13, 8", "1 3", "256", "-1", "x", "\u{661}", "1000000000000000000000"]
    {
        let line = format!("Sec-WebSocket-Version: {version}");
        let error =
            server(&head(&REQUEST, "Sec-WebSocket-Version", &[line.as_bytes()])).unwrap_err();
        assert_eq!(error, RequestError::Malformed("Sec-WebSocket-Version"), "{version}");
        refused(&error, 400, "sec-websocket-version: 13\r\n");
    }
}

#[test]
fn s24_odd_bytes_in_every_header() {
    let huge = "a".repeat(15_000);
    let odd: [&[u8]; 9] = [
        b"",
        b"\x80\xff",
        b"\xc3\xa9",
        b"constructor",
        b"__proto__",
        b"\"",
        b",",
        b"[::1",
        huge.as_bytes(),
    ];
    for value in odd {
        for name in ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"]
        {
            let line = [name.as_bytes(), b": ", value].concat();
            let found = server(&head(&REQUEST, name, &[&line]));
            // A long or odd name can be a host.
            match found {
                Ok(_) => assert!(name == "Host" && is_token(value) || value == b","),
                Err(error) => refused(&error, 400, "RFC"),
            }
        }
        for name in ["Origin", "Cookie", "X-Odd"] {
            let line = [name.as_bytes(), b": ", value].concat();
            assert!(server(&head(&REQUEST, name, &[&line])).is_ok());
        }
        for name in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"] {
            let line = [name.as_bytes(), b": ", value].concat();
            match server(&head(&REQUEST, name, &[&line])) {
                Ok(_) => assert!(is_token(value) || [&b""[..], b","].contains(&value)),
                Err(error) => refused(&error, 400, "RFC 6455"),
            }
        }
        for name in [
            "Upgrade",
            "Connection",
            "Sec-WebSocket-Accept",
            "Sec-WebSocket-Protocol",
            "Sec-WebSocket-Extensions",
        ] {
            let line = [name.as_bytes(), b": ", value].concat();
            match client(&head(&RESPONSE, name, &[&line]), &ask()) {
                // The lists of what was chosen may be empty.
                Ok(_) => assert!(line == format!("{name}: ").as_bytes() || value == b",", "{name}"),
                Err(error) => assert!(error.to_string().len() < 200, "{error}"),
            }
        }
    }
    for host in ["a b", "a/b", "u@h", "a:b", "a:99999", "[::1]x", "a?b", "a#b", "a%41", "http://a"]
    {
        let line = format!("Host: {host}");
        let error = server(&head(&REQUEST, "Host", &[line.as_bytes()])).unwrap_err();
        assert_eq!(error, RequestError::Malformed("Host"), "{host}");
    }
}

/// A `Request` may also come from elsewhere than our parser.
#[test]
fn s24_requests_built_by_hand() {
    let request = Request::builder().version(Version::HTTP_2).body(()).unwrap();
    assert_eq!(check_request(&request), Err(RequestError::Version));
    let request = Request::builder()
        .uri("/")
        .header("host", " a ")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-version", "13 ")
        .header("sec-websocket-key", format!("\t{KEY} "))
        .body(())
        .unwrap();
    assert_eq!(check_request(&request).unwrap().accept().unwrap(), ACCEPT.as_bytes());
}

#[test]
fn s26_a_request_with_a_body_is_refused() {
    for lines in [
        &[&b"Content-Length: 5"[..]][..],
        &[b"Content-Length: 0", b"Content-Length: 5"],
        &[b"Content-Length: 0, 0"],
        &[b"Content-Length:"],
        &[b"Content-Length: -0"],
        &[b"Content-Length: \xff"],
        &[b"Transfer-Encoding: chunked"],
        &[b"Transfer-Encoding: identity"],
        &[b"transfer-encoding:"],
        &[b"Transfer-Encoding: chunked", b"Content-Length: 0"],
    ] {
        let error = server(&head(&REQUEST, "", lines)).unwrap_err();
        assert_eq!(error, RequestError::Body);
        refused(&error, 400, "has a body");
    }
    // RFC 9112 §6.1: 501 for a coding that is not known.
    for lines in [
        &[&b"Transfer-Encoding: compress"[..]][..],
        &[b"Transfer-Encoding: gzip, chunked"],
        &[b"Transfer-Encoding: chunked", b"Transfer-Encoding: \xff"],
        &[b"Transfer-Encoding: chunked;a=b"],
    ] {
        let error = server(&head(&REQUEST, "", lines)).unwrap_err();
        assert_eq!(error, RequestError::TransferCoding);
        refused(&error, 501, "RFC 9112 §6.1");
    }
    // Netty's: an old version without Upgrade and Connection was let through.
    let bytes = head(&[REQUEST[0], REQUEST[1], REQUEST[4], "Sec-WebSocket-Version: 7"], "", &[]);
    refused(&server(&bytes).unwrap_err(), 426, "upgrade: websocket");
}
