//! `Sec-WebSocket-Extensions` of any bytes (§9.1), and URIs (§3): what parses formats back to what
//! parses the same.

use bowstring::handshake::*;
use http::header::SEC_WEBSOCKET_EXTENSIONS;
use http::{HeaderMap, HeaderValue};

pub fn extensions(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|&byte| byte == b'\n').take(4) {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(SEC_WEBSOCKET_EXTENSIONS, value);
    }
    if let Ok(parsed) = parse_extensions(&headers) {
        let line = format_extensions(&parsed);
        let mut again = HeaderMap::new();
        again.insert(SEC_WEBSOCKET_EXTENSIONS, line.parse().expect("a field value"));
        assert_eq!(parse_extensions(&again).expect("what we wrote"), parsed);
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(uri) = text.parse::<Uri>()
    {
        assert_eq!(uri.to_string().parse::<Uri>().as_ref(), Ok(&uri));
        assert!(!uri.host().is_empty() && uri.resource().starts_with('/'));
    }
}
