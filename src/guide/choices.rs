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
//! | one connecting client per host | §4.1 item 2 | left to the caller: see [how](super::client#give-up-and-take-turns) | the crate keeps no task waiting unasked |
//! | proxies | §4.1 item 3: as the system is configured | only those that a [`Connector`](crate::Connector) is given, or the environment's if it is asked to | a library that reads the environment unasked surprises |
//! | the proxy for `ws://`, of those in the environment | §4.1 item 3 encourages that for `https` | `ws_proxy`, then that for `http` | so curl does, and users set one variable for each scheme |
//!
//! # Choices in the opening handshake
//!
//! - A client that offered subprotocols takes an answer without one (§4.1 allows it). Look at
//!   [`protocol`](crate::WebSocket::protocol) if you need one.
//! - A server without a hook chooses no subprotocol, whatever is offered.
//! - A server takes every path unless a hook says otherwise.
//! - Redirects and 401 are reported. A [`Connector`](crate::Connector::redirects) follows redirects if it is told to.
//! - The head of a request or response is limited in bytes and fields
//!   ([`HeadLimits`](crate::handshake::HeadLimits)). A bare line feed, a NUL byte and a folded line are refused
//!   (RFC 9112 §2.2, §5.2).
//! - A request with a body, or with `Transfer-Encoding`, is not an opening handshake. HTTP/1.2 to 1.9 count as 1.1
//!   (RFC 9110 §2.5).
//! - An empty `Sec-WebSocket-Protocol` or `Sec-WebSocket-Extensions` counts as absent.
//! - A server that refuses a request says why in one line of text, with the status that fits: 400, 403, 405, 426,
//!   429, 431, 500, 501, 503 or 505.
//! - Each answer other than 101 closes the connection, so nothing after it can be taken for a second request.
//! - What a client sends before it has the answer is kept if the answer is 101.
//! - The host of an absolute target counts for origins, and `Host` is ignored then (RFC 9112 §3.2.2).
//! - Pages of the server's own host may connect to a `Server`. `ws://` and `wss://` origins count as `http` and
//!   `https`, because native clients send them.
//!
//! # Choices on the wire
//!
//! - Messages are sent in one frame. [`feed_part`](crate::WebSocket::feed_part) sends a message in parts.
//! - Text is checked as it arrives: a message that is not UTF-8 fails at the first bad byte, not at its end.
//! - A length that is not in its shortest form is an error (§5.2).
//! - Close codes below 3000 without a meaning are errors (§7.4), those of the IANA registry are known.
//! - A server ends TCP after both close frames; a client waits for that (§7.1.1), at most 5 s.
//! - After a violation the application learns it at once, and the peer is told with its code. Then `close`, the next
//!   `recv`, or the task of a `Server` reads and drops what the peer still sends. Otherwise a reset could destroy the close
//!   frame on its way.
//! - A close frame with an illegal code or with text that is not UTF-8 is a violation, too.
//! - Dropping an unsplit socket ends the transport without a closing handshake. A connection of a `Server` is closed
//!   with a closing handshake when its handler drops it.
//!
//! # Choices in compression
//!
//! - By default each message is compressed alone, so an idle connection keeps no window.
//!   [`Config::deflate`](crate::Config::deflate) can keep windows for better ratios.
//! - A client makes two offers (RFC 7692 §5.1): one that suits its settings, then the plain one of browsers. If the
//!   server takes the plain one, the client keeps the server's window, some 40 KiB.
//! - Messages shorter than 128 bytes are not compressed, nor those that would grow.
//! - A message that inflates beyond the limit is stopped there. The compressed length does not matter.
//! - A message may end its DEFLATE stream with a final block, and go on with another (RFC 7692 §7.2.3.4). So
//!   16 blocks may end it, and one more for every 64 bytes of the message on the wire. After more than that, a block may
//!   not refer to what came before it.
//! - Control frames are never compressed (RFC 7692 §6.1).
//!
//! # Not there
//!
//! HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220), WebSocket extensions other than permessage-deflate. Of proxies: SOCKS4, scripts that choose one
//! (PAC), and authentication with a challenge (Digest, NTLM, Negotiate).
