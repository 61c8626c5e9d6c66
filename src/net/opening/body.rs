//! The body of a refusal: a server's, or that of a proxy before it.

use http::Response;
use tokio::io::AsyncRead;

use super::head::read_some;
use crate::handshake::{BodyLength, Chunks, body_length};

/// How many bytes of the body of a refusal are kept.
const MAX_BODY: usize = 16 << 10;

/// How many bytes are read for it at most. Chunks of one byte each are six, and fields may follow.
const MAX_READ: usize = 8 * MAX_BODY;

/// Reads the body of a refusal, as far as it comes and is wanted.
pub(super) async fn read_body(
    stream: &mut (impl AsyncRead + Unpin),
    response: &Response<()>,
    mut raw: Vec<u8>,
    body: &mut Vec<u8>,
) {
    let mut chunks = Chunks::new();
    let length = body_length(response);
    let end = match length {
        BodyLength::None => 0,
        BodyLength::Known(len) => len.min(MAX_BODY as u64) as usize,
        _ => MAX_BODY,
    };
    let mut read = 0;
    loop {
        read += raw.len();
        let whole = match length {
            BodyLength::Chunked => chunks.decode(&raw, body).unwrap_or(true),
            _ => {
                body.extend_from_slice(&raw);
                false
            }
        };
        body.truncate(end);
        raw.clear();
        // A transport that fails here ends the body as well as any.
        let enough = whole || body.len() == end || read > MAX_READ;
        if enough || !matches!(read_some(stream, &mut raw).await, Ok(1..)) {
            break;
        }
    }
}
