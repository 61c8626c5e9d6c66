//! Properties of the handshake's grammars: what is formatted parses back, and no bytes make anything panic.

use bowstring::handshake::*;
use http::{HeaderMap, HeaderValue, header};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const TOKEN: &str = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}";

fn extension() -> impl Strategy<Value = Extension> {
    (TOKEN, vec((TOKEN, option::of(TOKEN)), 0..4)).prop_map(|(name, params)| {
        params.iter().fold(Extension::new(&name).unwrap(), |extension, (name, value)| {
            extension.with(name, value.as_deref()).unwrap()
        })
    })
}

/// Bytes that look enough like a head to get past the first check, now and then.
fn almost_a_head() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r\n\r\n".to_vec()),
        1 => Just(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n".to_vec()),
        1 => Just(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n".to_vec()),
        1 => Just(b"HTTP/1.1 101 Switching Protocols\r\n".to_vec()),
        1 => Just(b"Sec-WebSocket-Extensions: ".to_vec()),
        1 => Just(b"Sec-WebSocket-Protocol: ".to_vec()),
        1 => Just(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n".to_vec()),
        1 => Just(b"Content-Length: ".to_vec()),
        2 => vec(any::<u8>(), 0..20),
        2 => "[ -~]{0,12}".prop_map(String::into_bytes),
    ];
    vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

fn one_line(name: &'static str, value: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.append(name, HeaderValue::from_bytes(value).ok()?);
    Some(headers)
}

fn request() -> ClientRequest {
    ClientRequest::new("ws://a/".parse().unwrap()).protocol("chat")
}

proptest! {
    #[test]
    fn extensions_parse_back(list in vec(extension(), 1..5), cut in any::<prop::sample::Index>()) {
        let formatted = format_extensions(&list);
        let headers = one_line("sec-websocket-extensions", formatted.as_bytes()).unwrap();
        prop_assert_eq!(parse_extensions(&headers), Ok(list.clone()));

        // On two lines, it is the same list (§9.1).
        let (first, second) = list.split_at(cut.index(list.len() + 1));
        let mut headers = HeaderMap::new();
        for part in [first, second].iter().filter(|part| !part.is_empty()) {
            let value = HeaderValue::from_str(&format_extensions(part)).unwrap();
            headers.append(header::SEC_WEBSOCKET_EXTENSIONS, value);
        }
        prop_assert_eq!(parse_extensions(&headers), Ok(list));
    }

    #[test]
    fn a_quoted_token_is_the_token(name in TOKEN, value in TOKEN, escaped in vec(any::<bool>(), 12)) {
        let quoted: String = value
            .chars()
            .zip(escaped)
            .flat_map(|(c, escape)| escape.then_some('\\').into_iter().chain([c]))
            .collect();
        let line = format!("x;{name}=\"{quoted}\"");
        let headers = one_line("sec-websocket-extensions", line.as_bytes()).unwrap();
        let expected = Extension::new("x").unwrap().with(&name, Some(&value)).unwrap();
        prop_assert_eq!(parse_extensions(&headers), Ok(vec![expected]));
    }

    #[test]
    fn what_parses_formats_to_itself(value in "[a;,=\" \\\\]{0,24}") {
        let headers = one_line("sec-websocket-extensions", value.as_bytes()).unwrap();
        if let Ok(list) = parse_extensions(&headers) {
            let formatted = format_extensions(&list);
            let headers = one_line("sec-websocket-extensions", formatted.as_bytes()).unwrap();
            prop_assert_eq!(parse_extensions(&headers), Ok(list));
        }
    }

    #[test]
    fn lists_do_not_depend_on_lines_and_spaces(
        elements in vec(("[!-+.-~]([ -+.-~]{0,6}[!-+.-~])?", "[ \t]{0,3}", any::<bool>()), 0..8),
    ) {
        let mut lines = vec![String::new()];
        for (element, space, new_line) in &elements {
            if *new_line {
                lines.push(String::new());
            }
            let line = lines.last_mut().unwrap();
            line.push_str(&format!("{space}{element}{space},"));
        }
        let mut headers = HeaderMap::new();
        for line in &lines {
            headers.append(header::CONNECTION, HeaderValue::from_str(line).unwrap());
        }
        let found: Vec<_> = list(&headers, header::CONNECTION).collect();
        let expected: Vec<_> = elements.iter().map(|(element, ..)| element.as_bytes()).collect();
        prop_assert_eq!(found, expected);
        for (element, ..) in &elements {
            prop_assert!(has_token(&headers, header::CONNECTION, &element.to_ascii_uppercase()));
        }
    }

    #[test]
    fn uris_parse_back(
        scheme in "[wW][sS]{1,2}",
        host in r"[a-zA-Z0-9][a-zA-Z0-9.~-]{0,12}|\[::1\]|\[2001:[dD]b8::(1\.2\.3\.4)?\]",
        port in option::of(1..=65535u16),
        path in "(/[a-z%-]{0,6}){0,3}",
        query in option::of("[a-z=&/?]{0,8}"),
    ) {
        let path = path.replace('%', "%2F");
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let query = query.map_or(String::new(), |query| format!("?{query}"));
        let text = format!("{scheme}://{host}{port}{path}{query}");
        let uri = Uri::strict(&text).unwrap();
        prop_assert!(uri.resource().starts_with('/'));
        prop_assert_eq!(Uri::strict(&uri.to_string()), Ok(uri.clone()));
        // What a client writes for it, a server takes.
        let bytes = ClientRequest::new(uri).write([7; 16]).unwrap();
        let request = parse_request_head(&bytes, &HeadLimits::default()).unwrap();
        prop_assert!(check_request(&request).is_ok());
    }

    #[test]
    fn no_text_makes_a_uri_panic(
        text in prop_oneof![any::<String>(), "[ws:/@?#%\\[\\].0-9a-f\u{0}-\u{ff}]{0,20}", "ws://[\\[\\]:.0-9a-f/]{0,20}"],
    ) {
        match text.parse::<Uri>() {
            Ok(uri) => prop_assert_eq!(uri.to_string().parse::<Uri>(), Ok(uri)),
            Err(error) => prop_assert!(error.to_string().contains('§')),
        }
    }

    /// An independent opinion on IPv6 addresses.
    #[test]
    fn ipv6_addresses_are_the_standard_librarys(text in "[:.0-9a-fA-F]{0,20}|([0-9a-f]{0,4}:){1,8}([0-9a-f]{0,4}|1\\.2\\.3\\.4)") {
        let expected = text.parse::<std::net::Ipv6Addr>().is_ok();
        prop_assert_eq!(format!("ws://[{text}]/").parse::<Uri>().is_ok(), expected);
    }

    #[test]
    fn nothing_panics_and_cuts_do_not_matter(bytes in almost_a_head(), size in 1..40usize) {
        let limits = HeadLimits { max_bytes: 200, max_headers: 6 };
        let whole = HeadScanner::new(&limits).scan(&bytes);
        let mut scanner = HeadScanner::new(&limits);
        for end in (0..bytes.len()).step_by(size) {
            let early = scanner.scan(&bytes[..end]);
            prop_assert!(early == Ok(None) || early == whole);
        }
        prop_assert_eq!(scanner.scan(&bytes), whole);

        let limits = HeadLimits::default();
        match parse_request_head(&bytes, &limits) {
            Ok(request) => {
                wants_upgrade(&request);
                match check_request(&request) {
                    Ok(upgrade) => {
                        let chosen = upgrade.protocols().iter().next();
                        let answer = write_accept(&upgrade, chosen, None, &HeaderMap::new()).unwrap();
                        prop_assert!(parse_response_head(&answer, &limits).is_ok());
                    }
                    Err(error) => prop_assert!(parse_response_head(&write_refusal(&error), &limits).is_ok()),
                }
            }
            Err(error) => prop_assert!(error.to_string().contains('§')),
        }
        if let Ok(response) = parse_response_head(&bytes, &limits) {
            body_length(&response);
            if let Err(error) = check_response(&response, &request(), *b"the sample nonce") {
                prop_assert!(error.to_string().contains('§'));
            }
        }
    }

    #[test]
    fn nothing_panics_on_a_value(bytes in vec(any::<u8>(), 0..80)) {
        is_token(&bytes);
        is_key(&bytes);
        accept_key(&bytes);
        Chunks::new().decode(&bytes, &mut Vec::new()).ok();
        if let Some(headers) = one_line("sec-websocket-extensions", &bytes) {
            parse_extensions(&headers).ok();
        }
    }

    #[test]
    fn keys_are_what_nonces_make(nonce in any::<[u8; 16]>()) {
        let key = encode_nonce(nonce);
        prop_assert!(is_key(key.as_bytes()));
        prop_assert!(accept_key(key.as_bytes()).is_ascii());
    }

    /// What a caller gives either arrives as it was given or is refused (S29).
    #[test]
    fn s29_no_header_smuggles_another(name in "[a-zX\r\n:\u{0} -]{0,6}", value in "[a-z\r\n:\u{0}\t ]{0,8}") {
        if let Ok(bytes) = request().header(&name, &value).write([0; 16]) {
            let parsed = parse_request_head(&bytes, &HeadLimits::default()).unwrap();
            prop_assert_eq!(parsed.headers().len(), 7);
            prop_assert_eq!(parsed.headers()[&name].as_bytes(), value.trim_matches([' ', '\t']).as_bytes());
        }
    }

    #[test]
    fn s29_no_subprotocol_smuggles_another(names in vec("[a-c,\r\n \u{0}]{0,3}", 1..3)) {
        let asked = names.iter().fold(ClientRequest::new("ws://a/".parse().unwrap()), ClientRequest::protocol);
        if let Ok(bytes) = asked.write([0; 16]) {
            let parsed = parse_request_head(&bytes, &HeadLimits::default()).unwrap();
            let upgrade = check_request(&parsed).unwrap();
            prop_assert_eq!(upgrade.protocols().iter().collect::<Vec<_>>(), names);
        }
    }

    #[test]
    fn chunks_come_off_however_they_are_cut(pieces in vec(vec(any::<u8>(), 1..30), 0..5), size in 1..40usize) {
        let mut raw = Vec::new();
        for piece in &pieces {
            raw.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            raw.extend_from_slice(piece);
            raw.extend_from_slice(b"\r\n");
        }
        raw.extend_from_slice(b"0\r\n\r\n");
        let (mut chunks, mut body) = (Chunks::new(), Vec::new());
        let ended: Vec<_> = raw.chunks(size).map(|piece| chunks.decode(piece, &mut body)).collect();
        prop_assert_eq!(ended.last(), Some(&Ok(true)));
        prop_assert!(ended[..ended.len() - 1].iter().all(|ended| *ended == Ok(false)));
        prop_assert_eq!(body, pieces.concat());
    }
}
