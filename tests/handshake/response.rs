//! The answer: §4.2.2 writes it, §4.1 checks it; S25.

use crate::*;

fn upgrade(protocols: &[u8]) -> Upgrade {
    server(&head(&REQUEST, "", &[&[b"Sec-WebSocket-Protocol: ", protocols].concat()])).unwrap()
}

#[test]
fn section_4_2_2_the_answer_as_it_is_written() {
    let mut extra = HeaderMap::new();
    extra.append("set-cookie", HeaderValue::from_static("a=b"));
    extra.append("set-cookie", HeaderValue::from_bytes(b"\xff").unwrap());
    let answer = write_accept(&upgrade(b"a, chat"), Some("chat"), None, &extra).unwrap();
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
    let answer = write_accept(&upgrade(b"a"), None, None, &HeaderMap::new()).unwrap();
    assert_eq!(client(&answer, &ask().protocol("a")), Ok(None));
}

#[test]
fn section_4_2_2_answers_that_are_not_written() {
    for name in ["b", "A", "", "a,chat", "chat\r\nX: y"] {
        let found =
            write_accept(&upgrade(b"a, chat"), Some(name), None, &HeaderMap::new()).unwrap_err();
        assert_eq!(found, BuildError::UnofferedProtocol(name.to_owned()));
        assert!(!found.to_string().contains('\n'), "{found}");
        assert!(found.to_string().contains(found.section()));
    }
    for name in
        ["upgrade", "connection", "content-length", "transfer-encoding", "sec-websocket-accept"]
    {
        let mut extra = HeaderMap::new();
        extra.append(name, HeaderValue::from_static("x"));
        let found = write_accept(&upgrade(b"a"), None, None, &extra);
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
        // Empty fields count as absent.
        ("", &[b"Sec-WebSocket-Protocol:"], None),
        ("", &[b"Sec-WebSocket-Extensions: "], None),
        ("", &[b"Sec-WebSocket-Extensions: ,"], None),
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
    for value in ["a;", ";", "\u{e9}"] {
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
