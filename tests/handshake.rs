//! The opening handshake, in tables by section. A test named `sNN_` answers the attack of that number.
//!
//! Every head goes through [`scanned`], which feeds it whole, byte by byte and cut at every byte, and asks for one
//! outcome.

use bowstring::handshake::*;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use std::time::{Duration, Instant};

const NONCE: [u8; 16] = *b"the sample nonce";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const REQUEST: [&str; 6] = [
    "GET /chat?a=b HTTP/1.1",
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

const RESPONSE: [&str; 4] = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
];

/// `lines` without those that begin with `drop`, and with `add` in the place of the first of them, or last.
fn head(lines: &[&str], drop: &str, add: &[&[u8]]) -> Vec<u8> {
    let mut all: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    let at = lines.iter().position(|line| line.starts_with(drop)).filter(|_| !drop.is_empty());
    if let Some(at) = at {
        all.remove(at);
    }
    for (n, line) in add.iter().enumerate() {
        all.insert(at.unwrap_or(lines.len()) + n, line);
    }
    let mut head = all.join(&b"\r\n"[..]);
    head.extend_from_slice(b"\r\n\r\n");
    head
}

/// What a scanner makes of `bytes`, however they are cut.
fn scanned(bytes: &[u8]) -> Result<Option<usize>, HeadError> {
    let limits = HeadLimits::default();
    let whole = HeadScanner::new(&limits).scan(bytes);
    let mut trickle = HeadScanner::new(&limits);
    for end in 0..bytes.len() {
        let early = trickle.scan(&bytes[..end]);
        assert!(early == Ok(None) || early == whole, "{early:?} at {end}, {whole:?} in the end");
        assert!(trickle.scanned() <= end);
        if bytes.len() < 2000 {
            let mut cut = HeadScanner::new(&limits);
            assert_eq!(cut.scan(&bytes[..end]), early);
            assert_eq!(cut.scan(bytes), whole, "cut at {end}");
        }
    }
    assert_eq!(trickle.scan(bytes), whole);
    whole
}

fn server(bytes: &[u8]) -> Result<Upgrade, RequestError> {
    if let Ok(Some(end)) = scanned(bytes) {
        assert_eq!(end, bytes.len(), "one head and nothing more");
    }
    let request = parse_request_head(bytes, &HeadLimits::default())?;
    check_request(&request)
}

fn client(bytes: &[u8], request: &ClientRequest) -> Result<Option<String>, ResponseError> {
    scanned(bytes)?;
    let response = parse_response_head(bytes, &HeadLimits::default())?;
    check_response(&response, request, NONCE)
}

fn ask() -> ClientRequest {
    ClientRequest::new("ws://server.example.com/chat?a=b".parse().unwrap())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

// §3

#[test]
fn section_3_uris() {
    for (uri, host, port, secure, resource, host_header) in [
        ("ws://h", "h", 80, false, "/", "h"),
        ("WSS://H.Example/", "h.example", 443, true, "/", "h.example"),
        ("ws://h:80/a", "h", 80, false, "/a", "h"),
        ("ws://h:443/a", "h", 443, false, "/a", "h:443"),
        ("wss://h:80", "h", 80, true, "/", "h:80"),
        ("ws://h:/", "h", 80, false, "/", "h"),
        ("ws://h:65535?q", "h", 65535, false, "/?q", "h:65535"),
        ("ws://h/?", "h", 80, false, "/", "h"),
        ("ws://h/a%20b;c=d/@:!$&'()*+,?x?/y", "h", 80, false, "/a%20b;c=d/@:!$&'()*+,?x?/y", "h"),
        ("ws://127.0.0.1:9001/", "127.0.0.1", 9001, false, "/", "127.0.0.1:9001"),
        ("ws://[::1]:9001/", "::1", 9001, false, "/", "[::1]:9001"),
        ("wss://[2001:DB8::1]", "2001:db8::1", 443, true, "/", "[2001:db8::1]"),
        ("ws://[::]", "::", 80, false, "/", "[::]"),
        ("ws://[1:2:3:4:5:6:7:8]", "1:2:3:4:5:6:7:8", 80, false, "/", "[1:2:3:4:5:6:7:8]"),
        ("ws://[::ffff:1.2.3.4]", "::ffff:1.2.3.4", 80, false, "/", "[::ffff:1.2.3.4]"),
        (
            "ws://[1:2:3:4:5:6:1.2.3.4]",
            "1:2:3:4:5:6:1.2.3.4",
            80,
            false,
            "/",
            "[1:2:3:4:5:6:1.2.3.4]",
        ),
    ] {
        let parsed = Uri::try_from(uri).unwrap();
        assert_eq!(parsed.host(), host, "{uri}");
        assert_eq!(parsed.port(), port, "{uri}");
        assert_eq!(parsed.secure(), secure, "{uri}");
        assert_eq!(parsed.resource(), resource, "{uri}");
        assert_eq!(parsed.host_header(), host_header, "{uri}");
        assert_eq!(parsed.to_string().parse(), Ok(parsed), "{uri}");
    }
}

#[test]
fn section_3_uris_that_are_none() {
    use UriError::*;
    for (uri, error) in [
        ("", Scheme),
        ("h/path", Scheme),
        ("://h", Scheme),
        ("ftp://h", Scheme),
        ("wsx://h", Scheme),
        ("http://h", HttpScheme),
        ("HTTPS://h", HttpScheme),
        ("ws:h", NoAuthority),
        ("ws:/h", NoAuthority),
        ("ws://", Host(5)),
        ("ws:///path", Host(5)),
        ("ws://:80/", Host(5)),
        ("ws://h_%41", Host(7)),
        ("ws://h\\x", Host(6)),
        ("ws://::1/", Host(5)),
        ("ws://[::1", Host(5)),
        ("ws://[]", Host(6)),
        ("ws://[h]", Host(6)),
        ("ws://[:]", Host(6)),
        ("ws://[:::]", Host(6)),
        ("ws://[1::2::3]", Host(6)),
        ("ws://[12345::]", Host(6)),
        ("ws://[1:2:3:4:5:6:7]", Host(6)),
        ("ws://[1:2:3:4:5:6:7::8]", Host(6)),
        ("ws://[1.2.3.4::]", Host(6)),
        ("ws://[::1.2.3]", Host(6)),
        ("ws://[::1.2.3.04]", Host(6)),
        ("ws://[::1.2.3.256]", Host(6)),
        ("ws://[::1.2.3.+4]", Host(6)),
        ("ws://[fe80::1%25eth0]", Host(6)),
        ("ws://[v1.x]", Host(6)),
        ("ws://[::1]x", Host(10)),
        ("ws://h:0", Port(7)),
        ("ws://h:65536", Port(7)),
        ("ws://h:+80", Port(7)),
        ("ws://h:80:80", Port(7)),
        ("ws://h:8a", Port(7)),
        ("ws://h/#", Fragment(7)),
        ("ws://h#f", Fragment(6)),
        ("ws://h/?a#f", Fragment(9)),
        ("ws://u@h", Userinfo),
        ("ws://u:secret@h", Userinfo),
        ("ws://h/a b", Byte(8)),
        (" ws://h", Byte(0)),
        ("ws://h/\u{e9}", Byte(7)),
        ("ws://h/\0", Byte(7)),
        ("ws://h/a\r\nX: y", Byte(8)),
        ("ws://h/\u{7f}", Byte(7)),
        ("ws://h/%", Byte(7)),
        ("ws://h/a%2", Byte(8)),
        ("ws://h/?%zz", Byte(8)),
        ("ws://h/?{", Byte(8)),
        ("ws://h/[", Byte(7)),
    ] {
        let found = uri.parse::<bowstring::handshake::Uri>();
        assert_eq!(found, Err(error), "{uri:?}");
        let shown = error.to_string();
        assert!(shown.contains(error.section()) && shown.contains('§'), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}

// §4.1, the request

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
    let bytes = ask().headers(&headers).write(NONCE).unwrap();
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
        (ask().header("upGrade", "x"), OwnedHeader(name("upGrade"))),
        (ask().header("connection", "x"), OwnedHeader(name("connection"))),
        (ask().header("Content-Length", "1"), OwnedHeader(name("Content-Length"))),
        (ask().header("transfer-encoding", "x"), OwnedHeader(name("transfer-encoding"))),
        (ask().header("SEC-WEBSOCKET-KEY", KEY), OwnedHeader(name("SEC-WEBSOCKET-KEY"))),
        (
            ask().header("sec-websocket-extensions", "x"),
            OwnedHeader(name("sec-websocket-extensions")),
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

// §4.2.1

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
    ] {
        let bytes = head(&REQUEST, drop, add);
        let upgrade = server(&bytes).unwrap_or_else(|e| panic!("{}: {e}", bytes.escape_ascii()));
        assert_eq!(upgrade.accept(), ACCEPT.as_bytes());
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
        ("GET", &[b"GET /chat HTTP/1.2"], Head(HeadError::Version), 505, "HTTP version"),
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
        ("", &[b"Sec-WebSocket-Version: 13"], Repeated("Sec-WebSocket-Version"), 400, "§11.3"),
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
            &[b"Sec-WebSocket-Protocol:"],
            Malformed("Sec-WebSocket-Protocol"),
            400,
            "Protocol is",
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

fn drop_it<T>(_: T) {}

/// The refusal parses, has the status, closes, and its length is right.
fn refused(error: &RequestError, status: u16, has: &str) {
    let answer = write_refusal(error);
    let length = scanned(&answer[..answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4])
        .unwrap()
        .unwrap();
    let response = parse_response_head(&answer, &HeadLimits::default()).unwrap();
    assert_eq!(response.status(), status, "{error}");
    assert_eq!(body_length(&response), BodyLength::Known((answer.len() - length) as u64));
    assert!(has_token(response.headers(), http::header::CONNECTION, "close"));
    if status == 426 {
        assert!(has_token(response.headers(), http::header::CONNECTION, "upgrade"));
        assert_eq!(response.headers()["upgrade"], "websocket");
        assert_eq!(response.headers()["sec-websocket-version"], "13");
    }
    let shown = text(&answer);
    assert!(shown.contains(has) && shown.contains(error.section()), "{has}: {shown}");
    assert!(error.section().contains('§'));
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
    }
}

// §4.2.2

fn upgrade(protocols: &[u8]) -> Upgrade {
    server(&head(&REQUEST, "", &[&[b"Sec-WebSocket-Protocol: ", protocols].concat()])).unwrap()
}

#[test]
fn section_4_2_2_the_answer_as_it_is_written() {
    let mut extra = HeaderMap::new();
    extra.append("set-cookie", HeaderValue::from_static("a=b"));
    extra.append("set-cookie", HeaderValue::from_bytes(b"\xff").unwrap());
    let answer = write_accept(&upgrade(b"a, chat"), Some("chat"), &extra).unwrap();
    assert_eq!(
        answer,
        b"HTTP/1.1 101 Switching Protocols\r\n\
          Upgrade: websocket\r\n\
          Connection: Upgrade\r\n\
          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
          Sec-WebSocket-Protocol: chat\r\n\
          set-cookie: a=b\r\n\
          set-cookie: \xff\r\n\
          \r\n"
    );
    assert_eq!(client(&answer, &ask().protocol("chat")), Ok(Some("chat".to_owned())));
    let answer = write_accept(&upgrade(b"a"), None, &HeaderMap::new()).unwrap();
    assert_eq!(client(&answer, &ask().protocol("a")), Ok(None));
}

#[test]
fn section_4_2_2_answers_that_are_not_written() {
    for name in ["b", "A", "", "a,chat", "chat\r\nX: y"] {
        let found = write_accept(&upgrade(b"a, chat"), Some(name), &HeaderMap::new()).unwrap_err();
        assert_eq!(found, BuildError::UnofferedProtocol(name.to_owned()));
        assert!(!found.to_string().contains('\n'), "{found}");
        assert!(found.to_string().contains(found.section()));
    }
    for name in
        ["upgrade", "connection", "content-length", "transfer-encoding", "sec-websocket-accept"]
    {
        let mut extra = HeaderMap::new();
        extra.append(name, HeaderValue::from_static("x"));
        let found = write_accept(&upgrade(b"a"), None, &extra);
        assert_eq!(found, Err(BuildError::OwnedHeader(name.to_owned())));
    }
}

#[test]
fn section_4_2_2_final_answers() {
    let response = Response::builder()
        .status(401)
        .header("www-authenticate", "Basic")
        .header("content-length", "999")
        .header("transfer-encoding", "chunked")
        .header("connection", "keep-alive")
        .body("no\n")
        .unwrap();
    assert_eq!(
        text(&write_response(&response).unwrap()),
        "HTTP/1.1 401 Unauthorized\r\n\
         Connection: close\r\n\
         Content-Length: 3\r\n\
         www-authenticate: Basic\r\n\
         \r\n\
         no\n"
    );
    let empty = |status: u16| Response::builder().status(status).body(Vec::new()).unwrap();
    assert_eq!(
        text(&write_response(&empty(204)).unwrap()),
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(
        text(&write_response(&empty(299)).unwrap()),
        "HTTP/1.1 299 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    for status in [100, 101, 199, 600, 999] {
        let found = write_response(&empty(status)).unwrap_err();
        assert_eq!(found, BuildError::Status(StatusCode::from_u16(status).unwrap()));
        assert!(found.to_string().contains(&status.to_string()));
    }
    for status in [204, 205, 304] {
        let response = empty(status).map(|_| "x");
        let found = write_response(&response).unwrap_err();
        assert_eq!(found, BuildError::Body(StatusCode::from_u16(status).unwrap()));
        assert!(found.to_string().contains(found.section()));
    }
}

#[test]
fn section_4_2_2_a_refused_head_request_gets_no_body() {
    let error = RequestError::Method(Method::HEAD);
    assert_eq!(
        text(&write_refusal(&error)),
        "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\nallow: GET\r\n\r\n"
    );
}

// §4.1, the answer

#[test]
fn section_4_1_answers_that_are_accepted() {
    for (drop, add, agreed) in [
        ("", &[][..], None),
        ("HTTP", &[&b"HTTP/1.1 101 "[..]], None),
        ("HTTP", &[b"HTTP/1.1 101"], None),
        ("HTTP", &[b"HTTP/1.1 101 \xff\xfe"], None),
        ("Upgrade", &[b"upgrade:WebSocket\t"], None),
        ("Connection", &[b"Connection: keep-alive", b"Connection: upgrade"], None),
        ("", &[b"Content-Length: 5", b"X-Odd: \x80\xff"], None),
        ("", &[b"Sec-WebSocket-Protocol: chat"], Some("chat")),
    ] {
        let found = client(&head(&RESPONSE, drop, add), &ask().protocol("soap").protocol("chat"));
        assert_eq!(found, Ok(agreed.map(str::to_owned)));
    }
}

#[test]
fn s25_answers_that_are_refused() {
    use ResponseError::*;
    const ACCEPT: &str = "Sec-WebSocket-Accept";
    const PROTOCOL: &str = "Sec-WebSocket-Protocol";
    for (drop, add, error) in [
        ("HTTP", &[&b"HTTP/1.1 200 OK"[..]][..], Status(StatusCode::OK)),
        ("HTTP", &[b"HTTP/1.1 301 Moved"], Status(StatusCode::MOVED_PERMANENTLY)),
        ("HTTP", &[b"HTTP/1.1 401 No"], Status(StatusCode::UNAUTHORIZED)),
        ("HTTP", &[b"HTTP/1.1 100 Continue"], Status(StatusCode::CONTINUE)),
        ("HTTP", &[b"HTTP/1.0 403 No"], Status(StatusCode::FORBIDDEN)),
        ("HTTP", &[b"HTTP/1.0 101 Switching"], Version),
        ("HTTP", &[b"HTTP/2.0 101 Switching"], Head(HeadError::Version)),
        ("HTTP", &[b"HTTP/1.1 1010 Switching"], Head(HeadError::Malformed("start line"))),
        ("HTTP", &[b"HTTP/1.1 099 Switching"], Head(HeadError::Malformed("status code"))),
        ("HTTP", &[b"HTTP/x 101 Switching"], Head(HeadError::Malformed("start line"))),
        ("HTTP", &[b"ICY 101 Switching"], Head(HeadError::Malformed("status line"))),
        ("HTTP", &[b"\r\nHTTP/1.1 101 Switching"], Head(HeadError::Malformed("status line"))),
        ("Upgrade", &[], Missing("Upgrade")),
        ("Upgrade", &[b"Upgrade:"], WrongUpgrade),
        ("Upgrade", &[b"Upgrade: h2c"], WrongUpgrade),
        ("Upgrade", &[b"Upgrade: websocket, h2c"], WrongUpgrade),
        ("", &[b"Upgrade: websocket"], WrongUpgrade),
        ("Connection", &[], Missing("Connection")),
        ("Connection", &[b"Connection: close"], WrongConnection),
        (ACCEPT, &[], Missing(ACCEPT)),
        (ACCEPT, &[b"Sec-WebSocket-Accept:"], WrongAccept),
        (ACCEPT, &[b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo"], WrongAccept),
        (ACCEPT, &[b"Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo="], WrongAccept),
        (ACCEPT, &[b"Sec-WebSocket-Accept: \xff\x80"], WrongAccept),
        (
            ACCEPT,
            &[b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=, s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
            WrongAccept,
        ),
        ("", &[b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="], Repeated(ACCEPT)),
        ("", &[b"Sec-WebSocket-Protocol: other"], UnofferedProtocol("other".to_owned())),
        ("", &[b"Sec-WebSocket-Protocol: Chat"], UnofferedProtocol("Chat".to_owned())),
        ("", &[b"Sec-WebSocket-Protocol: chat, soap"], Malformed(PROTOCOL)),
        ("", &[b"Sec-WebSocket-Protocol:"], Malformed(PROTOCOL)),
        ("", &[b"Sec-WebSocket-Protocol: \xff"], Malformed(PROTOCOL)),
        (
            "",
            &[b"Sec-WebSocket-Protocol: chat", b"Sec-WebSocket-Protocol: chat"],
            Repeated(PROTOCOL),
        ),
        ("", &[b"Sec-WebSocket-Extensions: foo; a=b"], UnofferedExtension("foo".to_owned())),
        (
            "",
            &[b"Sec-WebSocket-Extensions: a", b"Sec-WebSocket-Extensions: a"],
            Repeated("Sec-WebSocket-Extensions"),
        ),
    ] {
        let bytes = head(&RESPONSE, drop, add);
        let found = client(&bytes, &ask().protocol("soap").protocol("chat"));
        assert_eq!(found, Err(error.clone()), "{}", bytes.escape_ascii());
        assert!(error.to_string().contains(error.section()) && error.section().contains('§'));
    }
    // Without an offer, every subprotocol is one too many.
    let found = client(&head(&RESPONSE, "", &[b"Sec-WebSocket-Protocol: chat"]), &ask());
    assert_eq!(found, Err(UnofferedProtocol("chat".to_owned())));
    for value in ["", "a;", ",", "\u{e9}"] {
        let line = format!("Sec-WebSocket-Extensions: {value}");
        let found = client(&head(&RESPONSE, "", &[line.as_bytes()]), &ask()).unwrap_err();
        assert!(matches!(found, Extensions(_)), "{found}");
        assert_eq!(found.section(), "RFC 6455 §9.1");
        assert!(found.to_string().contains("§9.1"));
    }
}

#[test]
fn s25_how_the_body_of_a_refusal_ends() {
    use BodyLength::*;
    for (status, lines, expected) in [
        (200, &[][..], UntilClose),
        (200, &["Content-Length: 5"][..], Known(5)),
        (200, &["Content-Length: 0"], Known(0)),
        (200, &["Content-Length: 18446744073709551615"], Known(u64::MAX)),
        (200, &["Content-Length: 18446744073709551616"], UntilClose),
        (200, &["Content-Length: +5"], UntilClose),
        (200, &["Content-Length: -5"], UntilClose),
        (200, &["Content-Length:"], UntilClose),
        (200, &["Content-Length: 5, 5"], UntilClose),
        (200, &["Content-Length: 5", "Content-Length: 6"], UntilClose),
        (200, &["Transfer-Encoding: Chunked"], Chunked),
        (200, &["Transfer-Encoding: gzip, chunked", "Content-Length: 5"], Chunked),
        (200, &["Transfer-Encoding: chunked", "Transfer-Encoding: gzip"], UntilClose),
        (200, &["Transfer-Encoding:"], UntilClose),
        (100, &["Content-Length: 5"], None),
        (204, &["Content-Length: 5"], None),
        (304, &["Transfer-Encoding: chunked"], None),
    ] {
        let line = format!("HTTP/1.1 {status} X");
        let add: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let bytes = head(&[&line], "", &add);
        let response = parse_response_head(&bytes, &HeadLimits::default()).unwrap();
        assert_eq!(body_length(&response), expected, "{lines:?}");
    }
}

#[test]
fn s25_chunked_bodies() {
    let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(300));
    for (raw, expected) in [
        (&b"0\r\n\r\n"[..], Ok((&b""[..], true))),
        (b"3\r\nabc\r\n0\r\n\r\nrest", Ok((b"abc", true))),
        (
            b"0A ; x=y\r\n0123456789\r\n1\r\nz\r\n000\r\nTrailer: a\r\nB: c\r\n\r\n",
            Ok((b"0123456789z", true)),
        ),
        (b"3\r\nab", Ok((b"ab", false))),
        (b"3\r\nabc\r\n0\r\n", Ok((b"abc", false))),
        (b"ffffffffffffffff\r\nab", Ok((b"ab", false))),
        (b"10000000000000000\r\n", Err(&b""[..])),
        (b"3\r\nabcd\r\n", Err(b"abc")),
        (b"\r\n", Err(b"")),
        (b"+3\r\nabc", Err(b"")),
        (b"-1\r\nabc", Err(b"")),
        (b"x\r\n", Err(b"")),
        (b"\xff\r\n", Err(b"")),
        (b"3\nabc", Err(b"")),
        (long.as_bytes(), Err(b"")),
    ] {
        for size in 1..=raw.len() {
            let (mut chunks, mut body) = (Chunks::default(), Vec::new());
            let mut ended = Ok(false);
            for piece in raw.chunks(size) {
                if ended == Ok(false) {
                    ended = chunks.decode(piece, &mut body);
                }
            }
            let found = ended.map(|ended| (&body[..], ended)).map_err(|_| &body[..]);
            assert_eq!(found, expected, "{} by {size}", raw.escape_ascii());
        }
    }
    assert!(ChunkError.to_string().contains("§7.1"));
    let (mut chunks, mut body) = (Chunks::new(), Vec::new());
    assert_eq!(chunks.decode(b"0\r\n\r\n", &mut body), Ok(true));
    assert_eq!(chunks.decode(b"1\r\nx", &mut body), Ok(true), "the end is the end");
}

// §9.1

fn extensions(lines: &[&[u8]]) -> Result<Vec<Extension>, ExtensionError> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append("sec-websocket-extensions", HeaderValue::from_bytes(line).unwrap());
    }
    parse_extensions(&headers)
}

#[test]
fn section_9_1_lists() {
    for (lines, formatted) in [
        (&[][..], ""),
        (&[&b"deflate-stream"[..]][..], "deflate-stream"),
        (
            &[b"mux; max-channels=4; flow-control, deflate-stream"],
            "mux; max-channels=4; flow-control, deflate-stream",
        ),
        (&[b"foo", b"bar; baz=2"], "foo, bar; baz=2"),
        (&[b",, foo\t;\ta = \"1\" , ,", b"", b"foo;a;a=1;A"], "foo; a=1, foo; a; a=1; A"),
        (&[b"x; a=\"\\1\\0\""], "x; a=10"),
        (
            &[b"constructor; __proto__=__proto__, constructor"],
            "constructor; __proto__=__proto__, constructor",
        ),
    ] {
        let parsed = extensions(lines).unwrap();
        assert_eq!(format_extensions(&parsed), formatted);
        if !parsed.is_empty() {
            assert_eq!(extensions(&[formatted.as_bytes()]), Ok(parsed));
        }
    }
}

#[test]
fn section_9_1_what_is_no_list() {
    for (lines, shown) in [
        (&[&b""[..]][..], "an extension's name at byte 0 of"),
        (&[b", ,", b","], "an extension's name at byte 0 of"),
        (&[b";a"], "an extension's name at byte 0 of"),
        (&[b"a b"], "a comma, a semicolon or the end at byte 2 of"),
        (&[b"a", b"b;"], "a parameter's name at byte 2 of Sec-WebSocket-Extensions line 2"),
        (&[b"a;;b"], "a parameter's name at byte 2 of"),
        (&[b"a;b="], "a parameter's value at byte 4 of"),
        (&[b"a;b=,c"], "a parameter's value at byte 4 of"),
        (&[b"a;=b"], "a parameter's name at byte 2 of"),
        (&[b"a=b"], "a comma, a semicolon or the end at byte 1 of"),
        (&[b"a;b=c=d"], "a comma, a semicolon or the end at byte 5 of"),
        (&[b"a;b=\"c"], "a quoted string at byte 6 of"),
        (&[b"a;b=\"c\\"], "a quoted string at byte 7 of"),
        (&[b"a;b=\"\""], "a token between the quotes before this at byte 6 of"),
        (&[b"a;b=\"c d\""], "a token between the quotes"),
        (&[b"a;b=\"\xff\""], "a token between the quotes"),
        (&[b"a;b=\"c\"d"], "a comma, a semicolon or the end at byte 7 of"),
        (&[b"\xc3\xa9"], "an extension's name at byte 0 of"),
        (&[b"a;b=\xff"], "a parameter's value at byte 4 of"),
    ] {
        let error = extensions(lines).unwrap_err();
        assert!(error.to_string().contains(shown), "{error}");
        assert!(error.to_string().contains(error.section()));
        let joined = [b"Sec-WebSocket-Extensions: ", lines[0]].concat();
        if lines.len() == 1 {
            let error = RequestError::Extensions(error);
            assert_eq!(server(&head(&REQUEST, "", &[&joined])), Err(error.clone()));
            refused(&error, 400, shown);
        }
    }
}

/// The grammar's half only: which numbers are windows is the extension's to say.
#[test]
fn s14_odd_parameter_values_are_tokens_or_refused() {
    let many = "9".repeat(31);
    for value in ["0", "7", "16", "99", "a", "08", "-1", "\"10\"", &many] {
        let line =
            format!("permessage-deflate; server_max_window_bits={value}; server_max_window_bits");
        let parsed = extensions(&[line.as_bytes()]).unwrap();
        assert_eq!(parsed[0].params()[0].value(), Some(value.trim_matches('"')));
        assert_eq!(parsed[0].params().len(), 2, "a repeated name is kept for who knows it");
    }
    for value in ["", "\"\"", "\"1 0\"", "1 0", "\"10"] {
        let line = format!("permessage-deflate; server_max_window_bits={value}");
        assert!(extensions(&[line.as_bytes()]).is_err(), "{value}");
    }
}

// The head

#[test]
fn s21_bytes_that_are_ambiguous_are_refused_where_they_show() {
    use HeadError::*;
    for (bytes, error, status) in [
        (&b"GET / HTTP/1.1\nHost: a\r\n\r\n"[..], BareLf(14), 400),
        (b"GET / HTTP/1.1\r\n\n", BareLf(16), 400),
        (b"\nGET", BareLf(0), 400),
        (b"GET / HTTP/1.1\rHost", BareCr(14), 400),
        (b"GET / HTTP/1.1\r\r\n", BareCr(14), 400),
        (b"GET / HTTP/1.1\r\n\rX", BareCr(16), 400),
        (b"GET / HTTP/1.1\r\nA: b\0", Nul(20), 400),
        (b"\0", Nul(0), 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n c", Folded(22), 400),
        (b"GET / HTTP/1.1\r\n\tA: b", Folded(16), 400),
    ] {
        assert_eq!(scanned(bytes), Err(error), "{}", bytes.escape_ascii());
        // Whatever follows: what was refused stays refused.
        assert_eq!(scanned(&[bytes, b"\r\n\r\n"].concat()), Err(error));
        assert_eq!(parse_request_head(bytes, &HeadLimits::default()).unwrap_err(), error);
        assert_eq!(parse_response_head(bytes, &HeadLimits::default()).unwrap_err(), error);
        assert_eq!(ResponseError::from(error).section(), error.section());
        assert_eq!(ResponseError::from(error).to_string(), error.to_string());
        refused(&RequestError::from(error), status, error.section());
    }
    let early = parse_request_head(b"GET / HTTP/1.1\r\n", &HeadLimits::default()).unwrap_err();
    assert_eq!(early, Incomplete);
    assert!(early.to_string().contains("no end"));
}

#[test]
fn s21_a_head_without_end_is_refused_at_its_bound() {
    let limits = HeadLimits::default();
    assert_eq!(limits, HeadLimits { max_bytes: 16384, max_headers: 64 });
    let mut endless = b"GET / HTTP/1.1\r\nX: ".to_vec();
    endless.resize(1 << 20, b'a');
    let mut scanner = HeadScanner::new(&limits);
    assert_eq!(scanner.scan(&endless[..16383]), Ok(None));
    assert_eq!(scanner.scan(&endless), Err(HeadError::TooLarge(16384)));
    assert_eq!(scanner.scanned(), 16384, "nothing is looked at beyond the bound");
    assert_eq!(scanner.scan(&endless), Err(HeadError::TooLarge(16384)));
    let found = parse_request_head(&endless, &limits).unwrap_err();
    assert_eq!(found, HeadError::TooLarge(16384));
    refused(&found.into(), 431, "16384 bytes");

    // The bound is inclusive.
    let fits = head(&["GET / HTTP/1.1"], "", &[format!("X: {}", "a".repeat(16361)).as_bytes()]);
    assert_eq!(fits.len(), 16384);
    assert_eq!(HeadScanner::new(&limits).scan(&fits), Ok(Some(16384)));
    let tight = HeadLimits { max_bytes: 16383, ..limits };
    assert_eq!(HeadScanner::new(&tight).scan(&fits), Err(HeadError::TooLarge(16383)));
    assert_eq!(
        HeadScanner::new(&HeadLimits { max_bytes: 0, ..limits }).scan(b""),
        Err(HeadError::TooLarge(0))
    );
}

#[test]
fn s21_header_lines_are_counted_whether_they_repeat_or_not() {
    let limits = HeadLimits::default();
    for (count, ok) in [(64, true), (65, false), (2000, false)] {
        let same: Vec<&[u8]> = vec![b"X: y"; count];
        let names: Vec<String> = (0..count).map(|n| format!("X{n}:")).collect();
        let different: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
        for lines in [same, different] {
            let request = parse_request_head(&head(&["GET / HTTP/1.1"], "", &lines), &limits);
            let response = parse_response_head(&head(&["HTTP/1.1 200 OK"], "", &lines), &limits);
            if ok {
                assert_eq!(request.unwrap().headers().len(), count);
                assert_eq!(response.unwrap().headers().len(), count);
            } else {
                assert_eq!(request.unwrap_err(), HeadError::TooManyHeaders(64));
                assert_eq!(response.unwrap_err(), HeadError::TooManyHeaders(64));
            }
        }
    }
    refused(&HeadError::TooManyHeaders(64).into(), 431, "64 header lines");
}

/// Limits that a caller sets too high meet the bounds of the types behind.
#[test]
fn s21_generous_limits_do_not_panic() {
    let limits = HeadLimits { max_bytes: usize::MAX, max_headers: usize::MAX };
    let names: Vec<String> = (0..40_000).map(|n| format!("X{n}:")).collect();
    let lines: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    let found = parse_request_head(&head(&["GET / HTTP/1.1"], "", &lines), &limits).unwrap_err();
    assert_eq!(found, HeadError::TooManyHeaders(usize::MAX));
    let long = "a".repeat(70_000);
    let found = parse_request_head(format!("GET /{long} HTTP/1.1\r\n\r\n").as_bytes(), &limits);
    assert_eq!(found.unwrap_err(), HeadError::Malformed("request target"));
    let found =
        parse_request_head(format!("GET / HTTP/1.1\r\n{long}: b\r\n\r\n").as_bytes(), &limits);
    assert_eq!(found.unwrap_err(), HeadError::Malformed("header name"));
}

#[test]
fn s21_single_bytes_cost_one_look_each() {
    let mut bytes = head(&REQUEST, "", &[format!("X: {}", "a".repeat(16_000)).as_bytes()]);
    bytes.truncate(16_384);
    let started = Instant::now();
    let mut scanner = HeadScanner::new(&HeadLimits::default());
    for end in 0..=bytes.len() {
        let before = scanner.scanned();
        let found = scanner.scan(&bytes[..end]);
        assert!(scanner.scanned() - before <= 1, "{end}: {found:?}");
    }
    assert_eq!(scanner.scanned(), bytes.len());
    // A buffer that shrinks is a caller's fault, and no panic.
    assert_eq!(scanner.scan(b""), scanner.scan(&bytes));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn s22_values_cost_linear_time() {
    let started = Instant::now();
    let spaces = [b"b".to_vec(), b" ".repeat(32_000), b"x".to_vec()].concat();
    let mut headers = HeaderMap::new();
    for name in ["sec-websocket-protocol", "connection", "upgrade", "sec-websocket-extensions"] {
        headers.append(name, HeaderValue::from_bytes(&spaces).unwrap());
    }
    assert!(!has_token(&headers, http::header::CONNECTION, "x"));
    assert_eq!(list(&headers, http::header::UPGRADE).count(), 1);
    assert!(parse_extensions(&headers).is_err());

    let params = [b"a".to_vec(), b";a".repeat(8_000)].concat();
    let error = extensions(&[&params]).unwrap_err().to_string();
    assert!(error.contains("no more than 256") && error.contains("at byte 513"), "{error}");
    let just = [b"a".to_vec(), b";a".repeat(255)].concat();
    assert_eq!(extensions(&[&just]).unwrap()[0].params().len(), 255);
    assert!(extensions(&[&just, b"b"]).is_err(), "counted over all lines");
    let commas = b",".repeat(16_000);
    assert!(extensions(&[&commas]).is_err());
    let quote = [b"a;b=\"".to_vec(), b"\\".repeat(16_000)].concat();
    let error = extensions(&[&quote]).unwrap_err().to_string();
    assert!(error.contains("at byte 16005"), "{error}");

    let many: Vec<String> = (0..3_000).map(|n| format!("{n:x}")).collect();
    let line = format!("Sec-WebSocket-Protocol: {}", many.join(","));
    let request =
        parse_request_head(&head(&REQUEST, "", &[line.as_bytes()]), &HeadLimits::default());
    let upgrade = check_request(&request.unwrap()).unwrap();
    assert_eq!(upgrade.protocols().iter().count(), 3_000);
    let line = format!("{line},bb7");
    let request =
        parse_request_head(&head(&REQUEST, "", &[line.as_bytes()]), &HeadLimits::default());
    assert_eq!(check_request(&request.unwrap()), Err(RequestError::RepeatedProtocol));
    assert!(started.elapsed() < Duration::from_secs(5));
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
                Ok(_) => assert!(is_token(value)),
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
            let error = client(&head(&RESPONSE, name, &[&line]), &ask()).unwrap_err();
            assert!(error.to_string().len() < 200, "{error}");
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
    assert_eq!(check_request(&request).unwrap().accept(), ACCEPT.as_bytes());
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
    // Netty's: an old version without Upgrade and Connection was let through.
    let bytes = head(&[REQUEST[0], REQUEST[1], REQUEST[4], "Sec-WebSocket-Version: 7"], "", &[]);
    refused(&server(&bytes).unwrap_err(), 426, "upgrade: websocket");
}

#[test]
fn s26_s27_bytes_behind_the_head_are_left_alone() {
    for behind in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x81\x85\0\0\0\0hello", b"\n\0\r", &[0; 40_000]]
    {
        for lines in [&REQUEST[..], &RESPONSE[..]] {
            let mut bytes = head(lines, "", &[]);
            let end = bytes.len();
            bytes.extend_from_slice(behind);
            let mut scanner = HeadScanner::new(&HeadLimits::default());
            assert_eq!(scanner.scan(&bytes), Ok(Some(end)));
            assert_eq!(scanner.scanned(), end);
            assert_eq!(scanner.scan(&bytes), Ok(Some(end)));
        }
        let bytes = [&head(&REQUEST, "", &[])[..], behind].concat();
        let request = parse_request_head(&bytes, &HeadLimits::default()).unwrap();
        assert_eq!(request.uri(), "/chat?a=b");
        let bytes = [&head(&RESPONSE, "", &[])[..], behind].concat();
        let response = parse_response_head(&bytes, &HeadLimits::default()).unwrap();
        assert_eq!(check_response(&response, &ask(), NONCE), Ok(None));
    }
}

#[test]
fn errors_do_not_repeat_what_the_peer_wrote_at_length() {
    let long = "x".repeat(10_000);
    for error in [
        ResponseError::UnofferedProtocol(long.clone()),
        ResponseError::UnofferedExtension(long.clone()),
    ] {
        let shown = error.to_string();
        assert!(shown.len() < 200 && shown.contains(&long[..64]), "{shown}");
    }
    // Reachable only by building the error, but a log is a log.
    let shown = ResponseError::UnofferedProtocol("a\r\n\u{1b}[31m".to_owned()).to_string();
    assert!(shown.contains(r"a\r\n\x1b[31m"), "{shown}");
}
