//! An answer of any bytes to a request of ours: nothing may panic, and only what §4.1 demands is
//! taken for an acceptance. Where the input says so the right `Sec-WebSocket-Accept` is put in, which
//! the fuzzer could not guess.
//!
//! Byte 0: where to cut. Byte 1: options. The rest: the answer, `$` standing for the right value.

use bowstring::handshake::*;

use super::request::scan;

const NONCE: [u8; 16] = *b"the sample nonce";

pub fn response(data: &[u8]) {
    let [cut, options, bytes @ ..] = data else { return };
    let uri: Uri = "ws://example.com/".parse().expect("a URI");
    let mut request = ClientRequest::new(uri);
    if options & 1 != 0 {
        request = request.protocol("chat").protocol("super");
    }
    if options & 2 != 0 {
        let alone = DeflateOffer { server_no_context_takeover: true, ..DeflateOffer::default() };
        request = request.deflate(alone).deflate(DeflateOffer::default());
    }
    let accept = accept_key(encode_nonce(NONCE).as_bytes());
    let mut answer = Vec::new();
    for &byte in bytes {
        match byte {
            b'$' => answer.extend(accept),
            byte => answer.push(byte),
        }
    }
    let limits = HeadLimits { max_bytes: 2048, max_headers: 16 };
    let Some(Ok(response)) = scan(*cut, &answer, &limits, parse_response_head) else { return };
    match check_response(&response, &request, NONCE) {
        Ok(agreed) => {
            let protocol = agreed.protocol;
            let headers = response.headers();
            assert_eq!(response.status(), 101);
            assert_eq!(headers.get_all("sec-websocket-accept").iter().count(), 1);
            assert!(has_token(headers, http::header::UPGRADE, "websocket"));
            assert!(has_token(headers, http::header::CONNECTION, "upgrade"));
            // An empty field counts as absent.
            let extensions = list(headers, http::header::SEC_WEBSOCKET_EXTENSIONS).count();
            assert_eq!(agreed.deflate.is_some(), extensions > 0);
            assert!(agreed.deflate.is_none() || !request.deflate_offers().is_empty());
            assert!(protocol.is_none_or(|name| request.protocols().any(|offer| offer == name)));
        }
        Err(ResponseError::Status(status)) => {
            assert_ne!(status, 101);
            let (mut chunks, mut body) = (Chunks::new(), Vec::new());
            let _ = body_length(&response);
            let _ = chunks.decode(&answer, &mut body);
            assert!(body.len() <= answer.len());
        }
        Err(error) => assert!(error.to_string().len() < 400),
    }
}
