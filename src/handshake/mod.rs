//! The opening handshake (§3–§4) as functions over bytes.
//!
//! Nothing here reads a socket, keeps time or draws random numbers. You bring bytes and a nonce; you get bytes and
//! facts.
//!
//! ```text
//! client   Uri ─▶ ClientRequest::write ─▶ bytes ─┐        ┌─▶ HeadScanner ─▶ Head::response ─▶ check_response
//!                                                │        │
//! server   HeadScanner ─▶ Head::request ─▶ check_request ─▶ write_accept │ write_refusal │ write_response
//! ```
//!
//! Call the functions in this order: scan while bytes arrive, parse the head once it is whole, check it, write the
//! answer.
//!
//! ```
//! use bowstring::handshake::{
//!     ClientRequest, HeadLimits, check_request, check_response, parse_request_head, parse_response_head, write_accept,
//! };
//!
//! let limits = HeadLimits::default();
//! // The client asks. A real nonce must be random.
//! let (client, nonce) = (ClientRequest::new("ws://example.com/chat".parse()?).protocol("chat"), [7; 16]);
//! let asked = client.write(nonce)?;
//!
//! // The server answers.
//! let upgrade = check_request(&parse_request_head(&asked, &limits)?)?;
//! let answer = write_accept(&upgrade, Some("chat"), None, &http::HeaderMap::new())?;
//!
//! // The client checks the answer.
//! let agreed = check_response(&parse_response_head(&answer, &limits)?, &client, nonce)?;
//! assert_eq!(agreed.protocol.as_deref(), Some("chat"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! If an HTTP library has read the request, [`check_request`] or [`check_connect`] take what it has read.
//! [`accept_response`] and [`refusal`] make the answer as the type of the crate `http`.
//!
//! Bytes after a head are yours to keep. After a request that gets its 101, and after a 101, they are frames. After
//! anything else they mean nothing.

// The map of these files is in ARCHITECTURE.md.

mod answer;
mod body;
mod client_request;
mod credentials;
mod deflate;
mod error;
mod extended_connect;
mod extensions;
mod head;
mod headers;
mod into_client_request;
mod key;
mod origin;
mod over_http2;
mod protocols;
mod redirect;
mod request;
mod response;
mod uri;
#[cfg(feature = "url")]
mod url_request;
#[cfg_attr(not(feature = "url"), path = "whatwg_off.rs")]
mod whatwg;

pub use answer::{accept_response, refusal};
pub use body::{BodyLength, ChunkError, Chunks, body_length};
pub use client_request::ClientRequest;
pub(crate) use credentials::basic_credentials;
pub use deflate::{
    DeflateOffer, DeflateParams, PERMESSAGE_DEFLATE, answer_deflate, check_deflate, is_deflate,
};
pub use error::{BuildError, ExtensionError, RequestError, ResponseError};
pub use extended_connect::{check_connect, wants_connect};
pub use extensions::{Extension, Param, format_extensions, parse_extensions};
pub use head::{Head, HeadError, HeadLimits, HeadScanner, parse_request_head, parse_response_head};
pub use headers::{has_token, is_token, list};
pub use into_client_request::IntoClientRequest;
pub use key::{accept_key, encode_nonce, is_key};
pub use origin::{OriginError, Origins};
pub use over_http2::{check_connect_response, connect_request};
pub use protocols::Protocols;
pub use redirect::{RedirectError, follow_redirect, is_redirect};
pub use request::{Upgrade, check_request, wants_upgrade};
pub use response::{
    Agreed, check_response, write_accept, write_refusal, write_response, write_response_head,
};
pub use uri::{Uri, UriError};
