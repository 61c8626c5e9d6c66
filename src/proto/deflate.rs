//! Compressing messages (RFC 7692).
//!
//! A message is a raw DEFLATE stream. It ends on a byte boundary with an empty stored block. The four bytes
//! `00 00 ff ff` of that block are left out on the wire (RFC 7692 §7.2.1, §7.2.2).
//!
//! With *context takeover* the next message may refer back to this one. Then a connection keeps its engine between
//! messages, or only the [window](Kept::Window), which needs less memory. Without context takeover it keeps
//! nothing, and the thread [lends](engines) an engine for each message.
//!
//! Inflated bytes leave in pieces of at most [`PIECE`] bytes, and the function that takes them can stop. So a limit
//! holds while inflating, not after.

use std::fmt;
use std::sync::OnceLock;

use zlib_rs::{Deflate, DeflateFlush, InflateFlush, Status};

use super::engines::{self, Inflating, PIECE, with_buffer, with_piece};
use super::error::Violation;
use super::frame::RSV1;
use super::framed::Framed;
use super::opcode::Opcode;
use super::ratio::Ratio;

/// permessage-deflate as agreed, and how to make use of it (RFC 7692).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// What this end compresses with.
    pub send: Context,
    /// What the peer compresses with.
    pub receive: Context,
    /// The effort: 1 (fast) to 9 (small).
    pub level: u8,
    /// Messages of fewer bytes are sent as they are.
    pub threshold: usize,
    /// Whether a direction with takeover keeps only its window between messages, and gives its engine back to
    /// the thread. Then an idle connection holds at most two windows, and each message begins with copying one.
    pub pooled: bool,
}

/// How one end compresses (RFC 7692 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Whether a message may refer back to those before it.
    pub takeover: bool,
    /// How far back, as a base-2 logarithm: 8–15.
    pub window_bits: u8,
}

/// What the sender leaves out, and the receiver puts back (RFC 7692 §7.2).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// What one direction of a connection keeps between messages.
enum Kept {
    /// Nothing: messages stand alone.
    Nothing,
    /// The last bytes of the messages, as many as the next message may refer back to.
    Window(Vec<u8>),
    /// The engine.
    Engine,
}

impl Kept {
    fn new(context: Context, pooled: bool) -> Self {
        match context.takeover {
            false => Self::Nothing,
            true if pooled => Self::Window(Vec::new()),
            true => Self::Engine,
        }
    }

    /// Appends the bytes of a message to the window.
    fn note(&mut self, bytes: &[u8], context: Context) {
        let Self::Window(window) = self else { return };
        let most = 1 << context.window_bits;
        let bytes = &bytes[bytes.len().saturating_sub(most)..];
        let len = window.len() + bytes.len();
        window.drain(..len.saturating_sub(most));
        if window.capacity() < len.min(most) {
            window.reserve_exact(most.min(2 * len) - window.len());
        }
        window.extend_from_slice(bytes);
    }

    /// What the next message may refer back to. An engine that was lent has to be given it.
    fn window(&self) -> &[u8] {
        if let Self::Window(window) = self { window } else { &[] }
    }

    /// Remembers what came out of an engine.
    fn note_inflated(&mut self, out: &[u8], inflating: &mut Inflating, context: Context) {
        match self {
            Self::Window(_) => self.note(out, context),
            // Messages that stand alone may refer back within themselves.
            Self::Nothing | Self::Engine => inflating.history.note(out, 1 << context.window_bits),
        }
    }

    /// Goes on after a final block. RFC 7692 §7.2.3.4: it ends a stream of DEFLATE, but neither the
    /// message nor the window.
    #[cold]
    fn restart(&self, inflating: &mut Inflating, restarts: &mut Restarts) {
        let Inflating { engine, history } = inflating;
        match self {
            _ if !restarts.allow_window() => engine.reset(false),
            Self::Window(window) => engines::restart(engine, window),
            Self::Nothing | Self::Engine => engines::restart(engine, history.in_order()),
        }
    }

    /// An engine for the next message.
    fn inflate(&self, context: Context) -> Box<Inflating> {
        match self {
            Self::Engine => Box::new(engines::new_inflate(context.window_bits)),
            _ => Box::new(engines::lend_inflate(self.window())),
        }
    }
}

/// What a connection has of its [`Inflater`]: boxed, because most have none.
pub(super) type BoxedInflater = Box<Inflater>;

/// How often a message may still restart the engine with a window.
///
/// Copying a window costs some microseconds, and a final block has but two bytes. So it is copied at most
/// once for every [`BYTES_PER_WINDOW`] bytes on the wire, and sixteen times more. No sender that means well
/// ends a stream more often; one that does may not refer back.
struct Restarts {
    /// In bytes on the wire, so that every connection keeps one small number.
    credit: u32,
}

/// See [`Restarts`].
const BYTES_PER_WINDOW: u32 = 64;

impl Default for Restarts {
    fn default() -> Self {
        Self { credit: 16 * BYTES_PER_WINDOW }
    }
}

impl Restarts {
    fn note(&mut self, wire: usize) {
        let wire = u32::try_from(wire).unwrap_or(u32::MAX);
        self.credit = self.credit.saturating_add(wire);
    }

    fn allow_window(&mut self) -> bool {
        let left = self.credit.checked_sub(BYTES_PER_WINDOW);
        self.credit = left.unwrap_or(self.credit);
        left.is_some()
    }
}

/// Where in its blocks a message is.
#[derive(Clone, Copy, PartialEq)]
enum At {
    /// It has had no payload yet.
    Start,
    /// In a block, or before one.
    Blocks,
    /// Right after a final block.
    AfterFinal,
}

/// Inflates what the peer sends.
pub(super) struct Inflater {
    context: Context,
    kept: Kept,
    inflating: Option<Box<Inflating>>,
    /// Where in its blocks the message under way is.
    at: At,
    restarts: Restarts,
    /// How much of it was inflated.
    inflated: u64,
    ratio: Ratio,
}

impl Inflater {
    pub(super) fn boxed(compression: &Compression) -> BoxedInflater {
        let context = compression.receive.legal();
        Box::new(Self {
            context,
            kept: Kept::new(context, compression.pooled),
            inflating: None,
            at: At::Start,
            restarts: Restarts::default(),
            inflated: 0,
            ratio: Ratio::default(),
        })
    }

    pub(super) fn ratio(&self) -> Ratio {
        self.ratio
    }

    /// Inflates the next bytes of a message; `last` ends it. `take` gets each piece, and the length of the
    /// message with that piece. Its first error ends the call.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        last: bool,
        mut take: impl FnMut(&[u8], u64) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        if self.at == At::Start && bytes.is_empty() {
            // RFC 7692 §7.2.3.6 wants a byte for nothing, but zlib makes no second empty block
            // after a first, so peers send none. The tail alone would not be a block.
            return Ok(());
        }
        let Self { context, kept, inflated, .. } = self;
        let mut inflating = self.inflating.take().unwrap_or_else(|| kept.inflate(*context));
        self.ratio.wire += bytes.len() as u64;
        let mut take = |kept: &mut Kept, inflating: &mut Inflating, piece: &[u8]| {
            *inflated += piece.len() as u64;
            kept.note_inflated(piece, inflating, *context);
            take(piece, *inflated)
        };
        let (at, restarts) = (&mut self.at, &mut self.restarts);
        with_piece(|buffer| {
            if !bytes.is_empty() {
                *at = inflate(kept, &mut inflating, restarts, bytes, buffer, &mut take)?;
            }
            if !last {
                return Ok(());
            }
            // After a final block nothing is open that the tail would have to end. RFC 7692 §7.2.3.4
            // has the sender begin another block there, but not every sender does.
            if std::mem::replace(at, At::Start) == At::AfterFinal {
                return Ok(());
            }
            // After whole blocks the tail makes nothing: what it makes was cut off before its end.
            let mut none =
                |_: &mut Kept, _: &mut Inflating, _: &[u8]| Err(Violation::InvalidDeflate);
            inflate(kept, &mut inflating, restarts, &TAIL, buffer, &mut none).map(drop)
        })?;
        if last {
            self.ratio.plain += std::mem::take(&mut self.inflated);
            self.restarts = Restarts::default();
        }
        if last && !matches!(self.kept, Kept::Engine) {
            engines::give_inflate(*inflating);
        } else {
            self.inflating = Some(inflating);
        }
        Ok(())
    }

    /// Counts a message that came uncompressed.
    pub(super) fn pass(&mut self, len: u64) {
        self.ratio.plain += len;
        self.ratio.wire += len;
    }
}

/// Inflates some bytes of a message; each piece of what comes out goes to `take`. Gives where in the
/// blocks they end.
fn inflate(
    kept: &mut Kept,
    inflating: &mut Inflating,
    restarts: &mut Restarts,
    mut bytes: &[u8],
    buffer: &mut [u8],
    take: &mut impl FnMut(&mut Kept, &mut Inflating, &[u8]) -> Result<(), Violation>,
) -> Result<At, Violation> {
    loop {
        let engine = &mut inflating.engine;
        let (total_in, total_out) = (engine.total_in(), engine.total_out());
        let status = engine.decompress(bytes, buffer, InflateFlush::SyncFlush);
        let eaten = (engine.total_in() - total_in) as usize;
        let made = (engine.total_out() - total_out) as usize;
        bytes = &bytes[eaten..];
        restarts.note(eaten);
        if made > 0 {
            take(kept, inflating, &buffer[..made])?;
        }
        // What came before it counts, so that it does not matter how the bytes were cut.
        let status = status.map_err(|_| Violation::InvalidDeflate)?;
        if status == Status::StreamEnd {
            kept.restart(inflating, restarts);
            if bytes.is_empty() {
                return Ok(At::AfterFinal);
            }
        } else if eaten == 0 && made == 0 || bytes.is_empty() && made < buffer.len() {
            // Every other turn of the loop eats or makes something, so it ends.
            return Ok(At::Blocks);
        }
    }
}

/// What a connection has of its [`Deflater`]: boxed, because most have none.
pub(super) type BoxedDeflater = Box<Deflater>;

/// Compresses what is sent.
pub(super) struct Deflater {
    context: Context,
    level: u8,
    threshold: usize,
    /// Something was compressed since the last call of `rest`.
    used: bool,
    kept: Kept,
    engine: Option<Box<Deflate>>,
    ratio: Ratio,
}

impl Deflater {
    pub(super) fn boxed(compression: &Compression) -> BoxedDeflater {
        let Compression { send, level, threshold, pooled, .. } = *compression;
        let context = send.legal();
        Box::new(Self {
            context,
            level: level.clamp(1, 9),
            threshold,
            used: false,
            kept: Kept::new(context, pooled),
            engine: None,
            ratio: Ratio::default(),
        })
    }

    pub(super) fn ratio(&self) -> Ratio {
        self.ratio
    }

    /// Whether messages can be compressed at all. If the window is too small for the engine, they are sent
    /// as they are, which is always allowed (RFC 7692 §6.1).
    pub(super) fn is_able(&self) -> bool {
        self.context.window_bits >= engines::SMALLEST
    }

    /// Whether a message is sent as it is, without compressing it first.
    fn passes(&self, plain: &[u8]) -> bool {
        plain.len() < self.threshold || !self.is_able()
    }

    /// Gives a whole message to `frame`: compressed, or as it is if it is short or would not shrink. The
    /// flag says whether it is compressed.
    pub(super) fn message(&mut self, plain: &[u8], frame: impl FnOnce(&[u8], bool)) {
        self.ratio.plain += plain.len() as u64;
        if self.passes(plain) {
            self.ratio.wire += plain.len() as u64;
            return frame(plain, false);
        }
        with_buffer(|buffer| {
            self.compress(plain, true, buffer);
            let smaller = buffer.len() < plain.len();
            if smaller {
                self.kept.note(plain, self.context);
            } else {
                // The peer does not get what the engine has compressed here, so nothing may refer to it.
                self.give();
            }
            let sent = if smaller { &**buffer } else { plain };
            self.ratio.wire += sent.len() as u64;
            frame(sent, smaller);
        });
    }

    /// Whether no message refers to another.
    pub(super) fn stands_alone(&self) -> bool {
        !self.context.takeover
    }

    /// The compressed frame of a message that is sent to many connections. The first that needs it makes it,
    /// at its own level. `None` if the message is sent as it is. It refers to no earlier message.
    pub(super) fn share<'p>(
        &mut self,
        opcode: Opcode,
        plain: &[u8],
        frames: &'p DeflatedFrames,
    ) -> Option<&'p Framed> {
        let framed = if self.passes(plain) {
            None
        } else {
            // A sender may always begin anew (RFC 7692 §7.2.1). The peer need not agree.
            self.forget();
            let framed = frames.get(opcode, self.context.window_bits, || {
                let mut deflated = Vec::new();
                self.compress(plain, true, &mut deflated);
                self.give();
                (deflated.len() < plain.len()).then_some(deflated)
            });
            if framed.is_some() {
                self.kept.note(plain, self.context);
            }
            framed
        };
        self.ratio.plain += plain.len() as u64;
        self.ratio.wire += framed.map_or(plain, Framed::payload).len() as u64;
        framed
    }

    /// Compresses the next part of a message and gives it to `frame`; `last` ends the message.
    pub(super) fn part(&mut self, plain: &[u8], last: bool, frame: impl FnOnce(&[u8])) {
        self.ratio.plain += plain.len() as u64;
        with_buffer(|buffer| {
            self.compress(plain, last, buffer);
            self.kept.note(plain, self.context);
            self.ratio.wire += buffer.len() as u64;
            frame(buffer);
        });
    }

    /// Frees what is kept between messages if none was sent since the last call. The next message then begins
    /// with an empty window, to which the peer need not agree. Must not be called within a message.
    pub(super) fn rest(&mut self) {
        if !std::mem::take(&mut self.used) {
            self.forget();
        }
    }

    /// Frees what is kept between messages.
    fn forget(&mut self) {
        self.give();
        if let Kept::Window(window) = &mut self.kept {
            *window = Vec::new();
        }
    }

    fn compress(&mut self, mut plain: &[u8], last: bool, out: &mut Vec<u8>) {
        self.used = true;
        let Self { context, level, kept, .. } = self;
        let engine = self.engine.get_or_insert_with(|| {
            engines::lend_deflate(context.window_bits, *level, kept.window())
        });
        // A little more than a message needs that does not shrink. So a short one takes one call.
        let room = PIECE.min(plain.len() + 64);
        loop {
            let start = out.len();
            out.resize(start + room, 0);
            let (total_in, total_out) = (engine.total_in(), engine.total_out());
            // It fails only after a stream was finished, and none ever is.
            let _ = engine.compress(plain, &mut out[start..], DeflateFlush::SyncFlush);
            let made = (engine.total_out() - total_out) as usize;
            plain = &plain[(engine.total_in() - total_in) as usize..];
            out.truncate(start + made);
            if made < room {
                break;
            }
        }
        if last {
            // RFC 7692 §7.2.1: the tail is left out.
            if out.ends_with(&TAIL) {
                out.truncate(out.len() - TAIL.len());
            }
            // RFC 7692 §7.2.3.6: nothing at all is an empty block.
            if out.is_empty() {
                out.push(0x00);
            }
        }
        if last && !matches!(self.kept, Kept::Engine) {
            self.give();
        }
    }

    /// Gives the engine back to the thread.
    fn give(&mut self) {
        if let Some(engine) = self.engine.take() {
            engines::give_deflate(self.context.window_bits, self.level, engine);
        }
    }
}

/// The compressed frames of a message for many, one for each window of 9–15 bits. `None` if compressing makes
/// it no smaller.
#[derive(Default)]
pub(super) struct DeflatedFrames([OnceLock<Option<Framed>>; 7]);

impl DeflatedFrames {
    /// The frame for those who compress without takeover, with a window of so many bits, 9–15; made
    /// by the first of them. `compress` gives nothing where the message would not shrink.
    fn get(
        &self,
        opcode: Opcode,
        window_bits: u8,
        compress: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<&Framed> {
        let slot = self.0.get(usize::from(window_bits.checked_sub(9)?))?;
        slot.get_or_init(|| Some(Framed::new(opcode, RSV1, &compress()?))).as_ref()
    }
}

impl Context {
    /// RFC 7692 §7.1.2: 8–15 bits; the engine panics at others.
    fn legal(self) -> Self {
        Self { window_bits: self.window_bits.clamp(8, 15), ..self }
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("context", &self.context).finish_non_exhaustive()
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").field("context", &self.context).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Compression, Context};
    use crate::proto::{Prepared, Role, Sender};

    fn sent(sender: &mut Sender, prepared: &Prepared) -> Vec<u8> {
        let mut out = Vec::new();
        sender.feed(prepared, &mut out).unwrap();
        out
    }

    /// With takeover each connection compresses it against what it said before, unless it is to stand alone:
    /// then all send the same bytes, and every peer can read them.
    #[test]
    fn what_stands_alone_is_compressed_once_with_takeover_too() {
        let context = Context { takeover: true, window_bits: 12 };
        let (level, threshold) = (6, 0);
        let compression =
            Compression { send: context, receive: context, level, threshold, pooled: false };
        let sender = || Sender::new(Role::Server).with_compression(Some(&compression));
        let news = Prepared::text(&"What is it, and what is it not? ".repeat(4));
        let first = sent(&mut sender(), &news);
        for (alone, is_shorter) in [(true, false), (false, true)] {
            let news = news.alone(alone);
            assert_eq!(news.is_alone(), alone);
            let mut sender = sender();
            assert_eq!(sent(&mut sender, &news), first);
            assert_eq!(sent(&mut sender, &news).len() < first.len(), is_shorter, "{alone}");
        }
        assert_eq!(format!("{:?}", news.alone(true)), format!("{news:?}"));
        let large = Prepared::binary(&[7; 16 << 10]);
        assert_eq!(sender().feed_shared(&large), Ok(None));
        let shared = sender().feed_shared(&large.alone(true)).unwrap().unwrap();
        let again = sender().feed_shared(&large.alone(true)).unwrap().unwrap();
        assert_eq!(shared.as_ptr(), again.as_ptr());
    }
}
