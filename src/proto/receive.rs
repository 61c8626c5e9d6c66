//! The receiving half (§6.2): bytes in, events out.
//!
//! A [`Receiver`] checks every rule for what the peer sends, joins fragments (§5.4), and notes what is owed to the
//! peer: pongs, a close frame ([`Replies`]). It writes nothing. The sending half
//! [frames](super::Sender::queue_replies) what is owed.
//!
//! An event is lent from the input if the whole message is there. Otherwise it is lent from the receiver,
//! which gives that memory back at the next call. It holds nothing between messages.

use bytes::buf::Limit;

use super::assemble::Assembler;
use super::close::Close;
use super::close_code::CloseCode;
use super::config::{Bounds, Limits};
use super::deflate::{BoxedInflater, Compression, Inflater};
use super::error::Violation;
use super::frame::{FrameReader, Piece, RSV1};
use super::message::{CloseFrame, Event, Message, Part};
use super::opcode::Opcode;
use super::plain::{self, Plain};
use super::ratio::Ratio;
use super::role::Role;
use super::utf8;

/// The receiving half of a connection: it takes frames apart and gives messages.
///
/// ```
/// use bowstring::proto::{Event, Limits, Receiver, Role};
///
/// let mut receiver = Receiver::new(Role::Client(|| [0; 4]), Limits::default());
/// // A server's "Hello" in two fragments, and half a header.
/// let mut bytes = *b"\x01\x03Hel\x80\x02lo\x82";
/// let mut input = &mut bytes[..];
/// assert_eq!(receiver.recv(&mut input)?, Some(Event::Text("Hello")));
/// assert_eq!(receiver.recv(&mut input)?, None);
/// assert_eq!(input, b"\x82", "to be kept, and put before the next bytes");
/// # Ok::<(), bowstring::proto::Violation>(())
/// ```
#[derive(Debug)]
pub struct Receiver {
    frames: FrameReader,
    assembler: Assembler,
    limits: Bounds,
    /// §5.1: what comes from a client must be masked, what comes from a server must not.
    masked: bool,
    ping: PingState,
    /// From which length on a plain message cannot be taken before anything else is looked at. With
    /// compression 0: then there is something to look at.
    too_long: u16,
    replies: Replies,
    inflater: Option<BoxedInflater>,
}

/// What has become of a ping that this side wants to know the answer of.
#[derive(Clone, Copy, Debug)]
enum PingState {
    /// There is none.
    Idle,
    /// It was sent with this payload, which its pong has too (§5.5.3).
    Sent([u8; 4]),
    /// Its pong has come, with this payload.
    Answered([u8; 4]),
}

/// Why nothing more is read.
#[derive(Debug)]
pub(super) enum End {
    /// The peer's close frame came, with this in it. Boxed, because it is there for a moment only.
    Closed(Option<Box<CloseFrame>>),
    /// The peer broke a rule (§7.1.7).
    Failed(Violation),
}

/// What the receiving half owes the peer: pongs, and at the end a close frame.
///
/// Each ping gets a pong while there is room. In a flood, or if the peer takes no bytes, only the newest
/// gets one, as §5.5.3 allows.
#[derive(Debug, Default)]
pub struct Replies {
    /// Payloads of pings without a pong, oldest first, each after a byte with its length.
    pongs: Vec<u8>,
    /// The end is answered with a close frame: the peer's own code (§5.5.1), or which rule it broke
    /// (§7.1.7).
    end: Option<End>,
    /// And was not yet.
    owes_close: bool,
}

/// If less of a frame is to come, reading on into an input may find the next frame after it.
const DIRECT: u64 = 64 << 10;

/// How many bytes of pings may wait for their pongs.
const PONGS: usize = 2 << 10;

impl Replies {
    /// Whether nothing is owed.
    pub const fn is_empty(&self) -> bool {
        self.pongs.is_empty() && !self.owes_close
    }

    /// Whether the last thing that is owed is.
    pub(super) const fn owes_close(&self) -> bool {
        self.owes_close
    }

    /// What the close frame that is owed answers.
    pub(super) const fn take_close(&mut self) -> Option<&End> {
        if std::mem::replace(&mut self.owes_close, false) { self.end.as_ref() } else { None }
    }

    fn end(&mut self, end: End) {
        self.end = Some(end);
        self.owes_close = true;
    }

    fn add_pong(&mut self, payload: &[u8]) {
        if self.pongs.len() + 1 + payload.len() > PONGS {
            self.pongs.clear();
        }
        self.pongs.push(payload.len() as u8);
        self.pongs.extend_from_slice(payload);
    }

    /// Hands over the payloads that wait, and their memory.
    pub(super) fn take_pongs(&mut self, mut each: impl FnMut(&[u8])) {
        let pongs = std::mem::take(&mut self.pongs);
        let mut rest = &*pongs;
        while let Some((&len, behind)) = rest.split_first() {
            let (payload, behind) = behind.split_at(usize::from(len));
            each(payload);
            rest = behind;
        }
    }
}

/// What the next bytes held, free of any borrow of the receiver.
enum Found<'b> {
    Control(Event<'b>),
    Text(&'b str),
    Binary(&'b [u8]),
    /// A message whose pieces the assembler has joined.
    Assembled,
}

impl Receiver {
    /// The receiving half of an endpoint that plays `role`.
    pub fn new(role: Role, limits: Limits) -> Self {
        let limits = Bounds::from(limits);
        Self {
            frames: FrameReader::new(),
            assembler: Assembler::default(),
            too_long: limits.too_long,
            limits,
            masked: matches!(role, Role::Server),
            ping: PingState::Idle,
            replies: Replies::default(),
            inflater: None,
        }
    }

    /// With permessage-deflate, if the opening handshake agreed on it (RFC 7692).
    pub fn with_compression(mut self, compression: Option<&Compression>) -> Self {
        self.inflater = compression.map(Inflater::boxed);
        if self.inflater.is_some() {
            self.too_long = 0;
        }
        self
    }

    /// Whether compression was agreed on.
    pub(crate) const fn has_compression(&self) -> bool {
        self.inflater.is_some()
    }

    /// How much compression has saved of what was received.
    pub fn ratio(&self) -> Ratio {
        self.inflater.as_ref().map(|inflater| inflater.ratio()).unwrap_or_default()
    }

    /// Takes the next event off the front of `input`, which advances past it.
    ///
    /// `None` means that more bytes are needed. Keep what is left of `input` then, and put it before what comes
    /// next: at most 130 bytes of a header or a control frame. Payloads are unmasked in place, so bytes that
    /// were taken have changed.
    ///
    /// After the peer's close frame everything is discarded (§5.5.1).
    ///
    /// # Errors
    ///
    /// The rule that the peer broke. From then on every call gives the same error (§7.1.7).
    pub fn recv<'a, 'b: 'a>(
        &'a mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Event<'a>>, Violation> {
        Ok(match self.find(input)? {
            None => None,
            Some(Found::Control(event)) => Some(event),
            Some(Found::Text(text)) => Some(Event::Text(text)),
            Some(Found::Binary(data)) => Some(Event::Binary(data)),
            Some(Found::Assembled) => Some(self.assembler.lend()),
        })
    }

    /// Like [`recv`](Self::recv), but owned: a long message is handed over without a copy.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn recv_message(&mut self, input: &mut &mut [u8]) -> Result<Option<Message>, Violation> {
        Ok(match self.find(input)? {
            None => None,
            Some(Found::Control(event)) => Some(event.into()),
            Some(Found::Text(text)) => Some(Event::Text(text).into()),
            Some(Found::Binary(data)) => Some(Event::Binary(data).into()),
            Some(Found::Assembled) => Some(self.assembler.take()),
        })
    }

    /// Like [`recv`](Self::recv), but gives messages in the pieces in which they arrive, without joining them.
    /// All limits still apply. Pieces of text are checked and hold whole characters.
    ///
    /// Receive a message either whole or in parts. If you mix the two within one message, the first part holds
    /// all that was joined before, and `recv` leaves out what was given as parts.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn recv_part<'a, 'b: 'a>(
        &'a mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Part<'a>>, Violation> {
        self.check_end(input)?;
        let found = self.find_part(input).map_err(|violation| self.fail(violation))?;
        Ok(found.map(|(found, fin)| {
            let event = match found {
                Found::Control(event) => event,
                Found::Text(text) => Event::Text(text),
                Found::Binary(data) => Event::Binary(data),
                Found::Assembled => self.assembler.lend(),
            };
            Part { event, fin }
        }))
    }

    /// Room for the next bytes of a large binary frame, directly after what was gathered of its
    /// message: what is read into it need not be copied from an input. `None` if the next bytes must
    /// come through an input, which is so unless the last one was taken whole.
    ///
    /// Note what was appended with [`advance_direct`](Self::advance_direct). It is received by the next
    /// call of [`recv`](Self::recv) or [`recv_message`](Self::recv_message), with an input that may be
    /// empty.
    pub fn direct_buffer(&mut self) -> Option<Limit<&mut Vec<u8>>> {
        let to_come = self.frames.to_come();
        if to_come < DIRECT || self.replies.end.is_some() {
            return None;
        }
        self.assembler.room(to_come)
    }

    /// Notes that the last `len` bytes of [`direct_buffer`](Self::direct_buffer) were appended to it.
    /// Every byte that is appended must be noted before anything else is received.
    pub fn advance_direct(&mut self, len: usize) {
        let added = self.assembler.last(len);
        if let Some(inflater) = &mut self.inflater {
            inflater.pass(added.len() as u64);
        }
        self.frames.fill(added);
    }

    /// What is owed to the peer, for [`Sender::queue_replies`](super::Sender::queue_replies).
    pub const fn replies(&mut self) -> &mut Replies {
        &mut self.replies
    }

    /// Whether the peer's close frame has arrived.
    pub const fn has_closed(&self) -> bool {
        matches!(self.replies.end, Some(End::Closed(_)))
    }

    /// The close code of the connection (§7.1.5): that of the peer's close frame, or 1005 if it has none. `None`
    /// before the close frame has arrived.
    pub fn close_code(&self) -> Option<CloseCode> {
        match &self.replies.end {
            Some(End::Closed(close)) => {
                Some(close.as_ref().map_or(CloseCode::NO_STATUS, |close| close.code))
            }
            _ => None,
        }
    }

    /// Whether this end is the server.
    pub(super) const fn is_server(&self) -> bool {
        self.masked
    }

    /// Why nothing more is read.
    pub(super) const fn end(&self) -> Option<&End> {
        self.replies.end.as_ref()
    }

    /// Notes that a ping was sent whose pong is of interest.
    pub(super) const fn expect_pong(&mut self, payload: [u8; 4]) {
        self.ping = PingState::Sent(payload);
    }

    /// The payload of the ping whose pong has not come.
    pub const fn awaited_pong(&self) -> Option<[u8; 4]> {
        match self.ping {
            PingState::Sent(payload) => Some(payload),
            PingState::Idle | PingState::Answered(_) => None,
        }
    }

    /// The payload of [the ping](super::Lifecycle::note_ping) whose pong has not come or was not
    /// [taken](Self::take_pong): what has the same payload is no pong for the application.
    pub(crate) const fn own_ping(&self) -> Option<[u8; 4]> {
        match self.ping {
            PingState::Sent(payload) | PingState::Answered(payload) => Some(payload),
            PingState::Idle => None,
        }
    }

    /// Whether the pong has arrived that [a ping](super::Lifecycle::note_ping) waits for: one with the
    /// same payload (§5.5.3). It is told once.
    pub const fn take_pong(&mut self) -> bool {
        let answered = matches!(self.ping, PingState::Answered(_));
        if answered {
            self.ping = PingState::Idle;
        }
        answered
    }

    /// The rule that the peer broke, if it did.
    pub const fn violation(&self) -> Option<Violation> {
        match self.replies.end {
            Some(End::Failed(violation)) => Some(violation),
            _ => None,
        }
    }

    /// Whether bytes that arrive can still mean anything.
    pub const fn is_done(&self) -> bool {
        self.replies.end.is_some()
    }

    // Each way to receive has the short way for plain messages in it, however many callers there are.
    #[inline(always)]
    fn find<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<Found<'b>>, Violation> {
        self.check_end(input)?;
        self.find_whole(input).map_err(|violation| self.fail(violation))
    }

    /// Enforces the end: nothing more is read after a violation (§7.1.7) or a close (§5.5.1).
    #[inline]
    fn check_end(&self, input: &mut &mut [u8]) -> Result<(), Violation> {
        match &self.replies.end {
            None => Ok(()),
            Some(End::Closed(_)) => {
                *input = &mut [];
                Ok(())
            }
            Some(End::Failed(violation)) => Err(*violation),
        }
    }

    #[cold]
    fn fail(&mut self, violation: Violation) -> Violation {
        self.assembler.clear();
        self.replies.end(End::Failed(violation));
        violation
    }

    #[inline(always)]
    fn find_whole<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<Found<'b>>, Violation> {
        self.assembler.reclaim();
        if self.assembler.is_idle() {
            match plain::take(input, self.masked, self.too_long) {
                Some(Plain::Text(text)) => return Ok(Some(Found::Text(utf8::whole(text)?))),
                Some(Plain::Binary(data)) => return Ok(Some(Found::Binary(data))),
                None if input.is_empty() => return Ok(None),
                None => {}
            }
        }
        self.find_any(input)
    }

    /// The long way, for everything that is not a plain message.
    #[inline(never)]
    fn find_any<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<Found<'b>>, Violation> {
        if let Some(inflater) = &mut self.inflater
            && self.assembler.is_idle()
            && let Some(message) = plain::take(input, self.masked, self.limits.too_long)
        {
            // What comes uncompressed is counted as well.
            inflater.pass(message.len() as u64);
            return Ok(Some(match message {
                Plain::Text(text) => Found::Text(utf8::whole(text)?),
                Plain::Binary(data) => Found::Binary(data),
            }));
        }
        while let Some(piece) = self.next_piece(input)? {
            if piece.is_message() || piece.opcode.is_control() {
                return self.pass(piece).map(Some);
            }
            if self.gather(&piece)? {
                return Ok(Some(Found::Assembled));
            }
        }
        Ok(None)
    }

    fn find_part<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<(Found<'b>, bool)>, Violation> {
        self.assembler.reclaim();
        while let Some(piece) = self.next_piece(input)? {
            if piece.is_message() || piece.opcode.is_control() {
                return Ok(Some((self.pass(piece)?, true)));
            }
            let fin = piece.ends_message();
            if self.assembler.passes() {
                if fin {
                    self.assembler.end();
                }
                if fin || !piece.payload.is_empty() {
                    return Ok(Some((Found::Binary(piece.payload), fin)));
                }
            } else if self.gather(&piece)? || self.assembler.has_data() {
                return Ok(Some((Found::Assembled, fin)));
            }
        }
        Ok(None)
    }

    /// Lends a message of one piece, or a control frame, from where it lies.
    #[inline]
    fn pass<'b>(&mut self, piece: Piece<'b>) -> Result<Found<'b>, Violation> {
        Ok(match piece.opcode {
            Opcode::Text => Found::Text(utf8::whole(piece.payload)?),
            Opcode::Binary => Found::Binary(piece.payload),
            control => Found::Control(self.control(control, piece.payload)?),
        })
    }

    /// Stores a piece, inflated if it is compressed; whether its message is whole now.
    fn gather(&mut self, piece: &Piece<'_>) -> Result<bool, Violation> {
        let Self { assembler, limits, .. } = self;
        let whole = piece.ends_message();
        if let Some(inflater) = &mut self.inflater
            && assembler.is_compressed()
        {
            inflater.push(piece.payload, whole, |plain, len| {
                assembler.gather_inflated(plain, len, limits)
            })?;
        } else {
            assembler.gather(piece, limits)?;
        }
        if whole {
            assembler.finish()?;
        }
        Ok(whole)
    }

    #[inline]
    fn next_piece<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Option<Piece<'b>>, Violation> {
        let Self { frames, assembler, limits, masked, .. } = self;
        let deflate = self.inflater.is_some();
        let piece = frames.next(input, |header, whole| {
            // §5.2: MUST be 0 unless an extension was negotiated that defines them. RFC 7692 §6
            // defines RSV1, on the first frame of a message.
            if header.rsv != 0 {
                let first = matches!(header.opcode, Opcode::Text | Opcode::Binary);
                if !deflate || header.rsv != RSV1 || !first {
                    return Err(Violation::ReservedBits(header.rsv));
                }
            }
            // §5.1: a server MUST close upon a frame that is not masked, a client upon one that is.
            match (*masked, header.mask) {
                (true, None) => return Err(Violation::UnmaskedFrame),
                (false, Some(_)) => return Err(Violation::MaskedFrame),
                _ => {}
            }
            if header.opcode.is_control() { Ok(()) } else { assembler.admit(header, whole, limits) }
        })?;
        if let (Some(inflater), Some(piece)) = (&mut self.inflater, &piece)
            && !piece.opcode.is_control()
            && !assembler.is_compressed()
        {
            inflater.pass(piece.payload.len() as u64);
        }
        Ok(piece)
    }

    /// Notes what a control frame calls for (§5.5).
    fn control<'b>(&mut self, opcode: Opcode, payload: &'b [u8]) -> Result<Event<'b>, Violation> {
        Ok(match opcode {
            Opcode::Ping => {
                self.replies.add_pong(payload);
                Event::Ping(payload)
            }
            Opcode::Pong => {
                if let PingState::Sent(sent) = self.ping
                    && sent == *payload
                {
                    self.ping = PingState::Answered(sent);
                }
                Event::Pong(payload)
            }
            _ => {
                let close = Close::parse(payload)?;
                self.assembler.clear();
                self.replies.end(End::Closed(close.map(|close| Box::new(close.into()))));
                Event::Close(close)
            }
        })
    }
}
