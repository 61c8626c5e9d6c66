//! A request of any bytes: the scanner must not care about the cuts, nothing may panic, a refusal must
//! be an answer that ends the connection, an acceptance one that our own client takes.
//!
//! Byte 0: where to cut. The rest: the request.

use bowstring::handshake::*;
use http::HeaderMap;

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
    match checked {
        Err(error) => {
            let answer = write_refusal(&error);
            let response = parse_response_head(&answer, &limits).expect("a refusal is HTTP");
            assert_eq!(response.status(), error.status());
            assert!(response.status().is_client_error() || response.status().is_server_error());
            assert!(has_token(response.headers(), http::header::CONNECTION, "close"));
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
