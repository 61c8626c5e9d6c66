//! Known deviations and choices.
//!
//! All of RFC 6455 and RFC 7692 is implemented, and the Autobahn suite passes whole in both roles. Where the
//! RFCs leave a choice, or where practice asks for something else, this page says what the crate does.
//!
//! # Deviations
//!
//! | what | the RFC | this crate | why |
//! |---|---|---|---|
//! | a ping that arrives after our close frame | §5.5.2: answer it | no pong | §5.5.1: after a close frame nothing more is sent; many peers take what follows one for an error |
//! | many pings without time to answer | §5.5.3 allows it | only the newest is answered once 2 KiB of pongs wait | a flood of pings costs no memory |
//! | one connecting client per host | §4.1 item 2 | left to the caller | the crate keeps no state between calls |
//! | proxies, `CONNECT` | §4.1 item 3 | not there; open the tunnel and use [`connect_over`](crate::net::connect_over) | few programs need it |
//!
//! # Choices in the opening handshake
//!
//! - A client that offered subprotocols takes an answer without one (§4.1 allows it). Look at
//!   [`protocol`](crate::WebSocket::protocol) if you need one.
//! - A server without a hook chooses no subprotocol, whatever is offered.
//! - A server takes every path unless a hook says otherwise.
//! - Redirects and 401 are reported, not followed.
//! - The head of a request or response is limited in bytes and fields
//!   ([`HeadLimits`](crate::handshake::HeadLimits)). A bare line feed, a NUL byte and a folded line are refused
//!   (RFC 9112 §2.2, §5.2).
//! - A request with a body, or with `Transfer-Encoding`, is not an opening handshake.
//! - Each answer other than 101 closes the connection, so nothing after it can be taken for a second request.
//! - What a client sends before it has the answer is kept if the answer is 101.
//!
//! # Choices on the wire
//!
//! - Messages are sent in one frame. [`feed_part`](crate::WebSocket::feed_part) sends a message in parts.
//! - Text is checked as it arrives: a message that is not UTF-8 fails at the first bad byte, not at its end.
//! - A length that is not in its shortest form is an error (§5.2).
//! - Close codes below 3000 without a meaning are errors (§7.4), those of the IANA registry are known.
//! - A server ends TCP after both close frames; a client waits for that (§7.1.1), at most 5 s.
//! - After a violation the peer is told with its code. What it still sends is read and dropped for a while, because
//!   a reset could destroy the close frame on its way.
//!
//! # Choices in compression
//!
//! - By default each message is compressed alone, so an idle connection keeps no window.
//!   `Config::deflate` can keep windows for better ratios.
//! - Messages shorter than 128 bytes are not compressed, nor those that would grow.
//! - A message that inflates beyond the limit is stopped there. The compressed length does not matter.
//! - Control frames are never compressed (RFC 7692 §6.1).
//!
//! # Not there
//!
//! HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220), WebSocket extensions other than permessage-deflate, HTTP proxies.
