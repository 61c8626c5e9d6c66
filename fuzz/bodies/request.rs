//! A request of any bytes: the scanner must not care about the cuts, nothing may panic, a refusal must
//! be an answer that ends the connection, an acceptance one that our own client takes.
//!
//! Byte 0: where to cut. The rest: the request.

use bowstring::handshake::*;
use http::header::{CONNECTION, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Method, Request, Version};

pub fn request(data: &[u8]) {
    let [cut, bytes @ ..] = data else { return };
    let limits = HeadLimits { max_bytes: 2048, max_headers: 16 };
    let Some(parsed) = scan(*cut, bytes, &limits, parse_request_head) else { return };
    let checked = match &parsed {
        Ok(request) => {
            let _ = wants_upgrade(request);
            check_request(request)
        }
        Err(error) => Err(RequestError::from(*error)),
    };
    if let Ok(request) = &parsed {
        connect(request);
    }
    match checked {
        Err(error) => {
            let answer = write_refusal(&error);
            let response = parse_response_head(&answer, &limits).expect("a refusal is HTTP");
            assert_eq!(response.status(), error.status());
            assert!(response.status().is_client_error() || response.status().is_server_error());
            assert!(has_token(response.headers(), CONNECTION, "close"));
            assert!(answer.len() < 2048, "an answer does not repeat the question");
        }
        Ok(upgrade) => {
            let protocol = upgrade.protocols().iter().last();
            let answer =
                write_accept(&upgrade, protocol, None, &HeaderMap::new()).expect("was offered");
            let response = parse_response_head(&answer, &limits).expect("an acceptance is HTTP");
            assert_eq!(response.status(), 101);
            assert_eq!(
                response.headers()["sec-websocket-accept"].as_bytes(),
                upgrade.accept().unwrap()
            );
        }
    }
}

/// The same fields in an extended CONNECT (RFC 8441): refused with an answer that HTTP/2 has, or accepted with 200.
fn connect(request: &Request<()>) {
    let mut connect = request.clone();
    *connect.version_mut() = Version::HTTP_2;
    *connect.method_mut() = Method::CONNECT;
    for name in [CONNECTION, UPGRADE, TRANSFER_ENCODING] {
        connect.headers_mut().remove(name);
    }
    if let Some(target) = request.uri().path_and_query()
        && let Ok(uri) = format!("https://example.com{target}").parse()
    {
        *connect.uri_mut() = uri;
    }
    match check_connect(&connect, Some("websocket")) {
        Err(error) => {
            let answer = refusal(&error, Version::HTTP_2);
            assert!(answer.status().is_client_error() || answer.status().is_server_error());
            assert!([CONNECTION, UPGRADE].iter().all(|name| !answer.headers().contains_key(name)));
        }
        Ok(upgrade) => {
            let protocol = upgrade.protocols().iter().last();
            let answer = accept_response(&upgrade, protocol, None, &HeaderMap::new());
            let answer = answer.expect("was offered");
            assert_eq!(answer.status(), 200);
            let chosen = answer.headers().get("sec-websocket-protocol");
            assert_eq!(chosen.map(|name| name.as_bytes()), protocol.map(str::as_bytes));
        }
    }
}

/// Scans whole and cut; the verdict is the same. What was found, parsed; `None` if more must come.
pub(super) fn scan<T>(
    cut: u8,
    bytes: &[u8],
    limits: &HeadLimits,
    parse: impl Fn(&[u8], &HeadLimits) -> Result<T, HeadError>,
) -> Option<Result<T, HeadError>> {
    let whole = HeadScanner::new(limits).scan(bytes);
    let mut scanner = HeadScanner::new(limits);
    let mut found = Ok(None);
    for end in (0..bytes.len()).step_by(usize::from(cut) + 1).chain([bytes.len()]) {
        found = scanner.scan(&bytes[..end]);
        if !matches!(found, Ok(None)) {
            break;
        }
    }
    assert_eq!(found, whole);
    assert!(scanner.scanned() <= limits.max_bytes);
    match whole {
        Ok(None) => {
            assert!(parse(bytes, limits).is_err());
            None
        }
        Ok(Some(head)) => {
            assert!(bytes[..head.len()].ends_with(b"\r\n\r\n"));
            Some(parse(bytes, limits))
        }
        Err(error) => {
            assert_eq!(parse(bytes, limits).err(), Some(error));
            Some(Err(error))
        }
    }
}
