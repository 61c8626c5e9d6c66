//! §9.1: the extension grammar, and what values of lists cost; S14, S22.

use crate::*;

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
        (&[&b";a"[..]][..], "an extension's name at byte 0 of"),
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

/// The empty list breaks the grammar (§9.1) and can mean nothing else than no list.
#[test]
fn an_empty_list_counts_as_absent() {
    for lines in [&[&b""[..]][..], &[b" \t"], &[b", ,", b","], &[b"", b""]] {
        assert_eq!(extensions(lines), Ok(Vec::new()));
    }
    assert_eq!(extensions(&[b"", b"a", b","]).unwrap().len(), 1);
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

#[test]
#[cfg_attr(miri, ignore = "it looks at the clock")]
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
    assert_eq!(extensions(&[&commas]), Ok(Vec::new()), "it names none");
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
