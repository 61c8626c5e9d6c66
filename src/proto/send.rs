//! The sending half (§6.1): events in, bytes out.
//!
//! A [`Sender`] appends whole frames to a buffer of the caller's. A message goes in one frame, or in
//! parts of a length not known before, each a fragment (§5.4); since the buffer always ends at the
//! end of a frame, control frames may go in between at any time.

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

/// The sending half of a connection.
#[derive(Debug)]
pub struct Sender {
    /// §5.3: a client masks each frame with a fresh key, a server masks none.
    keys: Option<KeySource>,
    /// The kind of the message that is being sent in parts.
    unfinished: Option<Opcode>,
    /// Whether a close frame was framed: it is the last (§5.5.1).
    closed: bool,
    /// How much waited to be written behind the last pong that went over `PONG_ROOM`: with less,
    /// some of it has gone since, so another may.
    ponged: u32,
    deflater: Option<BoxedDeflater>,
}

/// From how many bytes on a payload is better written from where it lies than copied.
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

    /// The same, for a connection that has agreed on permessage-deflate, or has not.
    pub fn with_compression(mut self, compression: Option<&Compression>) -> Self {
        self.deflater = compression.map(Deflater::boxed);
        self
    }

    /// How much compression has spared this end.
    pub fn ratio(&self) -> Ratio {
        self.deflater.as_ref().map(|deflater| deflater.ratio()).unwrap_or_default()
    }

    /// Gives up a compressor that was not used since the last call; its window starts empty with the
    /// next message. To be called now and then: the tokio layer does so when its timer goes off,
    /// about once per keep-alive interval.
    pub fn rest(&mut self) {
        if self.unfinished.is_none()
            && let Some(deflater) = &mut self.deflater
        {
            deflater.rest();
        }
    }

    /// Appends a whole message or a control frame to `out`.
    ///
    /// A second close frame is not sent, and no error (§5.5.1).
    ///
    /// # Errors
    ///
    /// With nothing appended: after a close frame was sent; a control payload of more than
    /// 125 bytes; a close code that must not be sent; a whole message while one is unfinished.
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

    /// Like [`feed`](Self::feed), but where a copy can be spared it appends only the header, and gives
    /// the payload back, to be written right behind `out`: of a large message (16 KiB) that is neither
    /// masked (§5.3) nor compressed. Else what it gives is empty.
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

    /// The frame of a large prepared message (16 KiB) where it is the same for all, to be written
    /// instead of a copy: a server's, unless it is compressed against what was said before. With
    /// `None` nothing was done, and [`feed`](Self::feed) frames it.
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

    /// Appends the next part of a message to `out` as a fragment; `fin` ends the message (§5.4).
    /// The first part begins it. Control frames go out whole, whatever `fin` says.
    ///
    /// # Errors
    ///
    /// As for [`feed`](Self::feed), and where text and binary are mixed; nothing is appended then.
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

    /// Appends what the receiving half owes the peer: a close frame at once, pongs while `out` has
    /// room. With 16 KiB waiting in `out` they stay behind, where newer pings replace older ones,
    /// until some of `out` [was written](Self::wrote).
    // Nearly always nothing is, and who calls this looks first.
    #[cold]
    pub fn settle(&mut self, replies: &mut Replies, out: &mut Vec<u8>) {
        // §5.5.2: a pong MUST be sent unless a close frame came; behind our own none may follow.
        if self.closed {
            replies.take_pongs(|_| {});
        } else if out.len() < PONG_ROOM.max(self.ponged as usize) || replies.owes_close() {
            replies.take_pongs(|payload| self.frame(Opcode::Pong, true, 0, payload, out));
            let waiting = u32::try_from(out.len()).unwrap_or(u32::MAX);
            self.ponged = if out.len() < PONG_ROOM { u32::MAX } else { waiting };
        }
        match replies.take_close() {
            None => {}
            Some(End::Closed(code)) => self.echo_close(code, out),
            Some(End::Failed(violation)) => self.fail(violation, out),
        }
    }

    /// Whether a close frame was sent.
    pub const fn has_closed(&self) -> bool {
        self.closed
    }

    /// Whether a message that is sent in parts has begun and not ended, and still can.
    pub const fn is_unfinished(&self) -> bool {
        self.unfinished.is_some() && !self.closed
    }

    /// Notes that the transport took bytes of `out`: then a pong may join what waits, however much it
    /// is.
    pub const fn wrote(&mut self) {
        self.ponged = u32::MAX;
    }

    /// Appends the close frame that tells the peer which rule it broke (§7.1.7).
    pub(super) fn fail(&mut self, violation: Violation, out: &mut Vec<u8>) {
        self.give_up(violation.code(), &violation.to_string(), out);
    }

    /// Appends a close frame whose code and reason are ours, and known to be legal.
    pub(super) fn give_up(&mut self, code: CloseCode, reason: &str, out: &mut Vec<u8>) {
        let sent = self.send_close(Some(Close { code, reason }), out);
        debug_assert_eq!(sent, Ok(()));
    }

    /// §5.5.1: answers a close frame, typically with the code that it carried, if it had one.
    fn echo_close(&mut self, code: CloseCode, out: &mut Vec<u8>) {
        let close = (code != CloseCode::NO_STATUS).then_some(Close { code, reason: "" });
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

    /// Frames a part of a message, compressed if that is agreed on: how much it would spare is not
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
