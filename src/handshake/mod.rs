//! §3–§4: the opening handshake as pure functions over bytes.
//!
//! ```text
//! client   Uri ─▶ ClientRequest::write ─▶ bytes ─┐        ┌─▶ HeadScanner ─▶ parse_response_head ─▶ check_response
//!                                                │        │
//! server   HeadScanner ─▶ parse_request_head ─▶ check_request ─▶ write_accept │ write_refusal │ write_response
//! ```
//!
//! Nothing here reads or writes a socket, keeps time or draws random bytes: the caller brings bytes and a nonce, and
//! gets bytes and facts. Call the functions in the order of the picture: scan while bytes arrive, parse the head
//! once it is whole, check it, write the answer. Bytes behind a head are the caller's to keep: behind a request that
//! gets its 101, and behind a 101, they are frames; behind anything else they are nothing.
//!
//! Each file is one idea: `uri` §3 · `head` the bounded head · `headers` lists and tokens · `key` the proof ·
//! `protocols`, `extensions` and `deflate` what is negotiated · `request` and `response` the two lists of §4.1 and §4.2 ·
//! `origin` whose pages may connect (§10.2) · `body` what follows a refusal · `error` whose fault it was.

mod body;
mod deflate;
mod error;
mod extensions;
mod head;
mod headers;
mod key;
mod origin;
mod protocols;
mod request;
mod response;
mod uri;

pub use body::{BodyLength, ChunkError, Chunks, body_length};
pub use deflate::{
    DeflateOffer, DeflateParams, PERMESSAGE_DEFLATE, answer_deflate, check_deflate, is_deflate,
};
pub use error::{BuildError, ExtensionError, RequestError, ResponseError};
pub use extensions::{Extension, Param, format_extensions, parse_extensions};
pub use head::{Head, HeadError, HeadLimits, HeadScanner, parse_request_head, parse_response_head};
pub use headers::{has_token, is_token, list};
pub use key::{accept_key, encode_nonce, is_key};
pub use origin::{OriginError, Origins};
pub use protocols::Protocols;
pub use request::{ClientRequest, Upgrade, check_request, wants_upgrade};
pub use response::{Agreed, check_response, write_accept, write_refusal, write_response};
pub use uri::{Uri, UriError};
