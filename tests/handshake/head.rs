//! The bounded head: where it ends and what is refused at once; S21, S26, S27.

use crate::*;

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
#[cfg_attr(miri, ignore = "it would take an hour")]
fn s21_a_head_without_end_is_refused_at_its_bound() {
    let limits = HeadLimits::default();
    assert_eq!(limits, HeadLimits { max_bytes: 16384, max_headers: 128 });
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
    assert_eq!(
        HeadScanner::new(&limits).scan(&fits).map(|head| head.map(|head| head.len())),
        Ok(Some(16384))
    );
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
    for (count, ok) in [(128, true), (129, false), (2000, false)] {
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
                assert_eq!(request.unwrap_err(), HeadError::TooManyHeaders(128));
                assert_eq!(response.unwrap_err(), HeadError::TooManyHeaders(128));
            }
        }
    }
    refused(&HeadError::TooManyHeaders(128).into(), 431, "128 header lines");
}

/// RFC 9110 §2.5: a later version of HTTP/1 is understood as HTTP/1.1. Others are told apart from what is
/// no HTTP.
#[test]
fn later_versions_of_http_1_are_taken_as_1_1() {
    for blank in ["", "\r\n"] {
        for digit in '2'..='9' {
            let line = format!("{blank}GET /chat?a=b HTTP/1.{digit}");
            let found = server(&head(&REQUEST, "GET", &[line.as_bytes()]));
            assert_eq!(found.unwrap().accept().unwrap(), ACCEPT.as_bytes(), "{line:?}");
        }
    }
    for digit in '2'..='9' {
        let line = format!("HTTP/1.{digit} 101 Switching Protocols");
        assert_eq!(client(&head(&RESPONSE, "HTTP", &[line.as_bytes()]), &ask()), Ok(None));
    }
    for version in ["HTTP/0.9", "HTTP/2.0", "HTTP/3.1", "HTTP/9.9"] {
        let line = format!("GET / {version}");
        let found = server(&head(&REQUEST, "GET", &[line.as_bytes()])).unwrap_err();
        assert_eq!(found, HeadError::Version.into(), "{line}");
        refused(&found, 505, "HTTP version");
        let found =
            client(&head(&RESPONSE, "HTTP", &[format!("{version} 101").as_bytes()]), &ask());
        assert_eq!(found, Err(HeadError::Version.into()), "{version}");
    }
    for version in ["HTTP/1.x", "HTTP/1.10", "HTTP/1", "HTTPS/1.1", "http/1.1", "RTSP/1.0"] {
        let line = format!("GET / {version}");
        let found = server(&head(&REQUEST, "GET", &[line.as_bytes()])).unwrap_err();
        assert_eq!(found, HeadError::Malformed("start line").into(), "{line}");
    }
}

/// A space in the target is a fault of the target: charge points of OCPP with a space in their name.
#[test]
fn a_target_with_a_space_is_a_malformed_target_and_no_other_version() {
    for target in ["/ocpp/CP 001", "/ /", "/a b c", "/chat HTTP/1.1", "/a "] {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let line = format!("GET {target} {version}");
            let found = server(&head(&REQUEST, "GET", &[line.as_bytes()])).unwrap_err();
            assert_eq!(found, HeadError::Malformed("request target").into(), "{line}");
            refused(&found, 400, "the request target is malformed");
        }
    }
}

/// Two spaces leave the target empty: that is a fault of the line.
#[test]
fn a_target_that_is_empty_is_a_malformed_start_line() {
    for line in ["GET  / HTTP/1.1", "GET  HTTP/1.1", "GET   HTTP/1.1", " / / HTTP/1.1"] {
        let found = server(&head(&REQUEST, "GET", &[line.as_bytes()])).unwrap_err();
        assert_eq!(found, HeadError::Malformed("start line").into(), "{line}");
        refused(&found, 400, "the start line is malformed");
    }
}

/// Limits that a caller sets too high meet the bounds of the types behind.
#[test]
#[cfg_attr(miri, ignore = "it would take an hour")]
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
#[cfg_attr(miri, ignore = "it would take an hour")]
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
    // A buffer that shrinks is the caller's fault. It does not hold the head any more; no panic.
    assert_eq!(scanner.scan(b""), Ok(None));
    assert_eq!(scanner.scan(&bytes).unwrap().unwrap().len(), bytes.len());
    assert!(started.elapsed() < Duration::from_secs(5));
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
            assert_eq!(scanner.scan(&bytes).map(|head| head.map(|head| head.len())), Ok(Some(end)));
            assert_eq!(scanner.scanned(), end);
            assert_eq!(scanner.scan(&bytes).map(|head| head.map(|head| head.len())), Ok(Some(end)));
        }
        let bytes = [&head(&REQUEST, "", &[])[..], behind].concat();
        let request = parse_request_head(&bytes, &HeadLimits::default()).unwrap();
        assert_eq!(request.uri(), "/chat?a=b");
        let bytes = [&head(&RESPONSE, "", &[])[..], behind].concat();
        let response = parse_response_head(&bytes, &HeadLimits::default()).unwrap();
        assert_eq!(check_response(&response, &ask(), NONCE), Ok(Agreed::default()));
    }
}
