//! The sending half (§6.1): events in, bytes out.
//!
//! A [`Sender`] appends whole frames to a buffer of the caller. A message is one frame, or several parts, each
//! a fragment (§5.4). The buffer always ends at the end of a frame, so control frames may go in between.

use bytes::Bytes;

use super::as_event::AsEvent;
use super::close::Close;
use super::close_code::CloseCode;
use super::deflate::{BoxedDeflater, Compression, Deflater};
use super::error::{Misuse, Violation};
use super::frame::{self, RSV1};
use super::framed::Framed;
use super::header::Header;
use super::message::Event;
use super::opcode::Opcode;
use super::prepared::Prepared;
use super::ratio::Ratio;
use super::receive::{End, Replies};
use super::role::{KeySource, Role};

/// The sending half of a connection: it frames messages, masks and compresses them.
///
/// ```
/// use bowstring::proto::{Role, Sender};
///
/// let (mut sender, mut out) = (Sender::new(Role::Server), Vec::new());
/// sender.feed("Hello", &mut out)?;
/// assert_eq!(out, b"\x81\x05Hello"); // §5.7
///
/// // A message in parts (§5.4).
/// out.clear();
/// sender.feed_part("Hel", false, &mut out)?;
/// sender.feed_part("lo", true, &mut out)?;
/// assert_eq!(out, b"\x01\x03Hel\x80\x02lo");
/// # Ok::<(), bowstring::proto::Misuse>(())
/// ```
#[derive(Debug)]
pub struct Sender {
    /// §5.3: a client masks each frame with a new key, a server masks none.
    keys: Option<KeySource>,
    /// The kind of the message that is being sent in parts.
    unfinished: Option<Opcode>,
    /// Whether a close frame was framed: it is the last (§5.5.1).
    closed: bool,
    /// How much waited to be written after the last pong that went over `PONG_ROOM`. If it is less now, some
    /// of it was written since, so another pong may follow.
    ponged: u32,
    deflater: Option<BoxedDeflater>,
}

/// A payload of so many bytes or more is written from where it lies, and not copied.
const LARGE: usize = 16 << 10;

/// How many bytes may wait to be written before pings are answered only as §5.5.3 demands.
const PONG_ROOM: usize = 16 << 10;

impl Sender {
    /// The sending half of an endpoint that plays `role`.
    pub fn new(role: Role) -> Self {
        let keys = match role {
            Role::Client(keys) => Some(keys),
            Role::Server => None,
        };
        Self { keys, unfinished: None, closed: false, ponged: u32::MAX, deflater: None }
    }

    /// With permessage-deflate, if the opening handshake agreed on it (RFC 7692).
    pub fn with_compression(mut self, compression: Option<&Compression>) -> Self {
        self.deflater = compression.map(Deflater::boxed);
        self
    }

    /// How much compression has saved of what was sent.
    pub fn ratio(&self) -> Ratio {
        self.deflater.as_ref().map(|deflater| deflater.ratio()).unwrap_or_default()
    }

    /// Gives up a compressor that was not used since the last call. Its window starts empty with the next
    /// message. Call it from time to time: the tokio layer does about once per keep-alive interval.
    pub fn rest(&mut self) {
        if self.unfinished.is_none()
            && let Some(deflater) = &mut self.deflater
        {
            deflater.rest();
        }
    }

    /// Appends a whole message or a control frame to `out`.
    ///
    /// A second close frame is not sent; that is no error (§5.5.1).
    ///
    /// # Errors
    ///
    /// Nothing is appended then:
    ///
    /// - A close frame was sent before.
    /// - A control frame would have more than 125 bytes.
    /// - The close code must not be sent (§7.4).
    /// - A message in parts has not ended.
    #[inline]
    pub fn feed(&mut self, event: impl AsEvent, out: &mut Vec<u8>) -> Result<(), Misuse> {
        let payload = self.feed_borrowed(&event, out)?;
        out.extend_from_slice(payload);
        Ok(())
    }

    /// The same for all that is not plain: what is masked or compressed, and control frames.
    #[inline(never)]
    fn send_any(&mut self, event: &impl AsEvent, out: &mut Vec<u8>) -> Result<(), Misuse> {
        if let Some(prepared) = event.as_prepared() {
            return self.send_prepared(prepared, out);
        }
        let event = event.as_event();
        let (opcode, payload) = match event {
            Event::Text(text) => (Opcode::Text, text.as_bytes()),
            Event::Binary(data) => (Opcode::Binary, data),
            Event::Ping(payload) => (Opcode::Ping, payload),
            Event::Pong(payload) => (Opcode::Pong, payload),
            Event::Close(close) => return self.send_close(close, out),
        };
        if !opcode.is_control() {
            self.check_whole()?;
            self.message(opcode, payload, out);
            return Ok(());
        }
        self.check_open()?;
        // §5.5: control frames MUST have a payload of 125 bytes or less.
        if payload.len() > 125 {
            return Err(Misuse::LongControl { len: payload.len() });
        }
        self.frame(opcode, true, 0, payload, out);
        Ok(())
    }

    /// Like [`feed`](Self::feed), but a large payload is not copied: only its header is appended. Write the
    /// payload that it returns right after `out`.
    ///
    /// The payload is empty if everything was appended. That is so for messages of less than 16 KiB, and for
    /// those that are masked (§5.3) or compressed.
    ///
    /// # Errors
    ///
    /// As for [`feed`](Self::feed).
    // Of a plain message a few instructions are left where it is called.
    #[inline(always)]
    pub fn feed_borrowed<'e>(
        &mut self,
        event: &'e impl AsEvent,
        out: &mut Vec<u8>,
    ) -> Result<&'e [u8], Misuse> {
        let (opcode, payload) = match event.as_event() {
            Event::Text(text) if self.is_plain() => (Opcode::Text, text.as_bytes()),
            Event::Binary(data) if self.is_plain() => (Opcode::Binary, data),
            _ => return self.send_any(event, out).map(|()| &[][..]),
        };
        self.check_whole()?;
        let (here, apart) = payload.split_at(if payload.len() < LARGE { payload.len() } else { 0 });
        out.reserve(Header::MAX_LEN + here.len());
        Header { fin: true, rsv: 0, opcode, mask: None, len: payload.len() as u64 }.write(out);
        out.extend_from_slice(here);
        Ok(apart)
    }

    /// Whether what is sent needs a header and nothing else.
    #[inline]
    fn is_plain(&self) -> bool {
        self.keys.is_none() && self.deflater.is_none()
    }

    /// Appends what was framed before, if it suits this connection.
    fn send_prepared(&mut self, prepared: &Prepared, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.check_whole()?;
        match (self.framed(prepared), self.keys) {
            (None, _) => self.message(prepared.opcode(), prepared.plain().payload(), out),
            (Some((framed, _)), None) => out.extend_from_slice(framed.bytes()),
            // §5.3: each frame has a key of its own.
            (Some((framed, rsv)), Some(_)) => {
                self.frame(prepared.opcode(), true, rsv, framed.payload(), out);
            }
        }
        Ok(())
    }

    /// The frame of a large prepared message (16 KiB or more), shared with other connections. Write it after
    /// what was appended before.
    ///
    /// `None` means that nothing was done, and [`feed`](Self::feed) has to frame the message. That is so for
    /// clients, for short messages, and for messages that are compressed against earlier ones.
    ///
    /// # Errors
    ///
    /// As for [`feed`](Self::feed).
    pub fn feed_shared(&mut self, prepared: &Prepared) -> Result<Option<Bytes>, Misuse> {
        self.check_whole()?;
        if self.keys.is_some() || prepared.plain().payload().len() < LARGE {
            return Ok(None);
        }
        Ok(self.framed(prepared).map(|(framed, _)| framed.shared()))
    }

    /// What was framed before for all like this connection, and its reserved bits.
    fn framed<'p>(&mut self, prepared: &'p Prepared) -> Option<(&'p Framed, u8)> {
        if let Some(deflater) = &mut self.deflater {
            if !deflater.stands_alone() && !prepared.is_alone() {
                return None;
            }
            let (opcode, plain) = (prepared.opcode(), prepared.plain().payload());
            if let Some(framed) = deflater.share(opcode, plain, prepared.deflated()) {
                return Some((framed, RSV1));
            }
        }
        Some((prepared.plain(), 0))
    }

    /// Appends the next part of a message to `out` as a fragment (§5.4). `fin` ends the message; the next part
    /// begins another. Control frames are always whole, whatever `fin` says.
    ///
    /// # Errors
    ///
    /// As for [`feed`](Self::feed), and if text and binary are mixed. Nothing is appended then.
    pub fn feed_part(
        &mut self,
        part: impl AsEvent,
        fin: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        let event = part.as_event();
        let (kind, payload) = match event {
            Event::Text(text) => (Opcode::Text, text.as_bytes()),
            Event::Binary(data) => (Opcode::Binary, data),
            control => return self.feed(control, out),
        };
        self.check_open()?;
        let opcode = match self.unfinished {
            None => kind,
            Some(begun) if begun == kind => Opcode::Continuation,
            Some(_) => return Err(Misuse::KindChanged),
        };
        self.part(opcode, fin, payload, out);
        self.unfinished = if fin { None } else { Some(kind) };
        Ok(())
    }

    /// Appends what the receiving half owes the peer: a close frame at once, and pongs while `out` has room.
    ///
    /// While 16 KiB wait in `out`, pongs wait too, and newer pings replace older ones. They go on when some of
    /// `out` [was written](Self::note_written).
    // Nearly always nothing is, and who calls this looks first.
    #[cold]
    pub fn queue_replies(&mut self, replies: &mut Replies, out: &mut Vec<u8>) {
        // §5.5.2: a pong MUST be sent unless a close frame came; after our own none may follow.
        if self.closed {
            replies.take_pongs(|_| {});
        } else if out.len() < PONG_ROOM.max(self.ponged as usize) || replies.owes_close() {
            replies.take_pongs(|payload| self.frame(Opcode::Pong, true, 0, payload, out));
            let waiting = u32::try_from(out.len()).unwrap_or(u32::MAX);
            self.ponged = if out.len() < PONG_ROOM { u32::MAX } else { waiting };
        }
        match replies.take_close() {
            None => {}
            Some(End::Closed(close)) => {
                let code = close.as_ref().map(|close| close.code);
                self.echo_close(code, out);
            }
            Some(End::Failed(violation)) => self.fail(*violation, out),
        }
    }

    /// Whether a close frame was sent.
    pub const fn has_closed(&self) -> bool {
        self.closed
    }

    /// Whether a message in parts has begun, has not ended, and still can.
    pub const fn is_unfinished(&self) -> bool {
        self.unfinished.is_some() && !self.closed
    }

    /// Notes that the transport took bytes of `out`. Then one pong may be appended, however much waits.
    pub const fn note_written(&mut self) {
        self.ponged = u32::MAX;
    }

    /// Appends the close frame that tells the peer which rule it broke (§7.1.7).
    pub(super) fn fail(&mut self, violation: Violation, out: &mut Vec<u8>) {
        self.give_up(Close { code: violation.code(), reason: &violation.to_string() }, out);
    }

    /// Appends a close frame whose code and reason are ours, and known to be legal.
    pub(super) fn give_up(&mut self, close: Close<'_>, out: &mut Vec<u8>) {
        let sent = self.send_close(Some(close), out);
        debug_assert_eq!(sent, Ok(()));
    }

    /// §5.5.1: answers a close frame, typically with the code that it carried, if it had one.
    fn echo_close(&mut self, code: Option<CloseCode>, out: &mut Vec<u8>) {
        let close = code.map(|code| Close { code, reason: "" });
        let sent = self.send_close(close, out);
        debug_assert_eq!(sent, Ok(()));
    }

    fn send_close(&mut self, close: Option<Close<'_>>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        let (payload, len) = match close {
            Some(close) => close.payload()?,
            None => ([0; 125], 0),
        };
        if !self.closed {
            self.frame(Opcode::Close, true, 0, &payload[..len], out);
            self.closed = true;
        }
        Ok(())
    }

    /// §5.5.1: an endpoint MUST NOT send any more data frames after a close frame.
    #[inline]
    fn check_open(&self) -> Result<(), Misuse> {
        if self.closed { Err(Misuse::Closed) } else { Ok(()) }
    }

    /// §5.4: nor a whole message between the fragments of another.
    #[inline]
    fn check_whole(&self) -> Result<(), Misuse> {
        self.check_open()?;
        if self.unfinished.is_some() { Err(Misuse::Unfinished) } else { Ok(()) }
    }

    /// Frames a whole message, compressed if that is agreed on and makes it smaller.
    #[inline]
    fn message(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        if let Some(deflater) = &mut self.deflater {
            let keys = self.keys;
            deflater.message(payload, |payload, compressed| {
                let rsv = if compressed { RSV1 } else { 0 };
                frame::write(opcode, true, rsv, keys.map(|key| key()), payload, out);
            });
            return;
        }
        self.frame(opcode, true, 0, payload, out);
    }

    /// Frames a part of a message, compressed if that is agreed on: how much it would save is not
    /// known before the end.
    fn part(&mut self, opcode: Opcode, fin: bool, payload: &[u8], out: &mut Vec<u8>) {
        if let Some(deflater) = &mut self.deflater
            && deflater.is_able()
        {
            let keys = self.keys;
            deflater.part(payload, fin, |payload| {
                // RFC 7692 §6.1: on the first fragment alone.
                let rsv = if opcode == Opcode::Continuation { 0 } else { RSV1 };
                frame::write(opcode, fin, rsv, keys.map(|key| key()), payload, out);
            });
            return;
        }
        self.frame(opcode, fin, 0, payload, out);
    }

    #[inline]
    fn frame(&mut self, opcode: Opcode, fin: bool, rsv: u8, payload: &[u8], out: &mut Vec<u8>) {
        frame::write(opcode, fin, rsv, self.keys.map(|key| key()), payload, out);
    }
}
