//! What a thread keeps for compressing the next message: engines of both kinds, and the buffers
//! through which messages leave them.
//!
//! An engine takes longer to make than to use for a short message, and between messages most
//! connections need none. The lists are thread-locals, because connections know nothing of each other.

use zlib_rs::{Deflate, DeflateConfig, Inflate};

use super::history::History;

use super::free_list::{FreeList, Weight};
use super::memory;

/// The smallest window of the engine, in bits. It takes 8 for 9.
pub(super) const SMALLEST: u8 = 9;

/// How many bytes are inflated, or added to what is compressed, at a time.
pub(super) const PIECE: usize = 16 << 10;

/// How many engines of a kind a thread keeps, and how many pieces.
const KEPT: usize = 4;

thread_local! {
    static INFLATES: FreeList<Inflating> = const { FreeList::new(KEPT) };
    static DEFLATES: FreeList<Spare> = const { FreeList::new(KEPT) };
    /// Each has `PIECE` bytes, with anything in them: they are not cleared for each message.
    static PIECES: FreeList<Vec<u8>> = const { FreeList::new(KEPT * PIECE) };
}

/// A compressor that is not in use. It is lent to a connection with the same settings.
struct Spare {
    window_bits: u8,
    level: u8,
    engine: Box<Deflate>,
}

/// An engine that inflates, and what came out of it: zlib alone forgets that with a final block.
pub(super) struct Inflating {
    pub(super) engine: Inflate,
    pub(super) history: History,
}

/// Each counts as one of `KEPT`.
impl Weight for Inflating {
    fn weight(&self) -> usize {
        1
    }
}

/// Each counts as one of `KEPT`.
impl Weight for Spare {
    fn weight(&self) -> usize {
        1
    }
}

/// Lends a piece of memory for inflated bytes.
pub(super) fn with_piece<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut piece = PIECES.with(FreeList::take).unwrap_or_else(|| vec![0; PIECE]);
    let done = work(&mut piece);
    PIECES.with(|kept| kept.give(piece));
    done
}

/// Lends an empty buffer for a compressed message.
pub(super) fn with_buffer<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut buffer = memory::take();
    let done = work(&mut buffer);
    memory::give(buffer);
    done
}

/// Lends a compressor whose messages may refer back to `window`.
pub(super) fn lend_deflate(window_bits: u8, level: u8, window: &[u8]) -> Box<Deflate> {
    let like_it = |spare: &Spare| (spare.window_bits, spare.level) == (window_bits, level);
    let kept = DEFLATES.with(|kept| kept.take_best(|spare| like_it(spare).then_some(())));
    let mut engine = kept.map(|spare| spare.engine).unwrap_or_else(|| {
        // A smaller window with as much memory for the rest would waste it. More than 6 shrinks no
        // message further, and has to be cleared for each.
        let mem_level = i32::from(window_bits.saturating_sub(7)).clamp(1, 6);
        let config = DeflateConfig {
            window_bits: -i32::from(window_bits),
            mem_level,
            ..DeflateConfig::new(level.into())
        };
        Box::new(Deflate::new_with_config(config))
    });
    if !window.is_empty() {
        // It fails only for a stream with a header, or within a block.
        let set = engine.set_dictionary(window);
        debug_assert!(set.is_ok(), "{set:?}");
    }
    engine
}

/// Takes a compressor back.
pub(super) fn give_deflate(window_bits: u8, level: u8, mut engine: Box<Deflate>) {
    engine.reset();
    DEFLATES.with(|kept| kept.give(Spare { window_bits, level, engine }));
}

/// An engine for a connection that keeps it, with a window of so many bits.
pub(super) fn new_inflate(window_bits: u8) -> Inflating {
    let engine = Inflate::new(false, window_bits.max(SMALLEST));
    Inflating { engine, history: History::default() }
}

/// Lends an engine that inflates a message which may refer back to `window`.
pub(super) fn lend_inflate(window: &[u8]) -> Inflating {
    // All connections share these, so they have the largest window.
    let mut lent = INFLATES.with(FreeList::take).unwrap_or_else(|| new_inflate(15));
    set_window(&mut lent.engine, window);
    lent
}

/// Begins a new stream that may refer back to what is in `window`.
pub(super) fn restart(engine: &mut Inflate, window: &[u8]) {
    engine.reset(false);
    set_window(engine, window);
}

fn set_window(engine: &mut Inflate, window: &[u8]) {
    if !window.is_empty() {
        let set = engine.set_dictionary(window);
        debug_assert!(set.is_ok(), "{set:?}");
    }
}

/// Takes an engine back.
pub(super) fn give_inflate(mut inflating: Inflating) {
    inflating.engine.reset(false);
    inflating.history.clear();
    INFLATES.with(|kept| kept.give(inflating));
}
