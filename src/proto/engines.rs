//! What a thread keeps for compressing the next message: engines of both kinds, and the buffers
//! through which messages leave them.
//!
//! An engine takes longer to make than to use for a short message, and between messages most
//! connections need none.

use std::cell::RefCell;

use zlib_rs::{Deflate, DeflateConfig, Inflate};

/// The smallest window that the engine can keep within: it makes 8 bits into 9.
pub(super) const SMALLEST: u8 = 9;

/// How many engines of a kind.
const KEPT: usize = 4;

/// What is larger than that most messages need not; it is not kept.
const LARGEST: usize = 256 << 10;

thread_local! {
    static INFLATES: RefCell<Vec<Inflate>> = const { RefCell::new(Vec::new()) };
    static DEFLATES: RefCell<Vec<Lent>> = const { RefCell::new(Vec::new()) };
    static BUFFERS: RefCell<Buffers> = const { RefCell::new(Buffers::new()) };
}

/// A compressor that waits for the next who wants one just like it.
struct Lent {
    window_bits: u8,
    level: u8,
    engine: Box<Deflate>,
}

/// Where messages pass through on their way out of an engine.
pub(super) struct Buffers {
    /// Of one length, whatever is in it: cleared once, not for each message.
    inflated: Vec<u8>,
    deflated: Vec<u8>,
}

impl Buffers {
    const fn new() -> Self {
        Self { inflated: Vec::new(), deflated: Vec::new() }
    }

    pub(super) fn inflated(&mut self) -> &mut Vec<u8> {
        &mut self.inflated
    }

    pub(super) fn deflated(&mut self) -> &mut Vec<u8> {
        &mut self.deflated
    }
}

/// Lends one of the thread's buffers.
pub(super) fn with_buffer<T>(
    which: fn(&mut Buffers) -> &mut Vec<u8>,
    work: impl FnOnce(&mut Vec<u8>) -> T,
) -> T {
    let mut buffer = BUFFERS.with_borrow_mut(|buffers| std::mem::take(which(buffers)));
    let done = work(&mut buffer);
    if buffer.capacity() <= LARGEST {
        BUFFERS.with_borrow_mut(|buffers| *which(buffers) = buffer);
    }
    done
}

/// A compressor that has just said what is in `window`.
pub(super) fn lend_deflate(window_bits: u8, level: u8, window: &[u8]) -> Box<Deflate> {
    let lent = DEFLATES.with_borrow_mut(|kept| {
        let fits = |lent: &Lent| lent.window_bits == window_bits && lent.level == level;
        kept.iter().rposition(fits).map(|i| kept.swap_remove(i).engine)
    });
    let mut engine = lent.unwrap_or_else(|| {
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
        // It refuses only one with a header, or in the middle of something.
        let set = engine.set_dictionary(window);
        debug_assert!(set.is_ok(), "{set:?}");
    }
    engine
}

/// Takes a compressor for the next who wants one just like it.
pub(super) fn give_deflate(window_bits: u8, level: u8, mut engine: Box<Deflate>) {
    engine.reset();
    DEFLATES.with_borrow_mut(|kept| {
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push(Lent { window_bits, level, engine });
    });
}

/// An engine to keep, with no more of a window than is needed.
pub(super) fn new_inflate(window_bits: u8) -> Inflate {
    Inflate::new(false, window_bits.max(SMALLEST))
}

/// One that has just heard what is in `window`.
pub(super) fn lend_inflate(window: &[u8]) -> Inflate {
    // These are shared among all, so they have the window that suits them all.
    let mut engine = INFLATES.with_borrow_mut(Vec::pop).unwrap_or_else(|| new_inflate(15));
    if !window.is_empty() {
        let set = engine.set_dictionary(window);
        debug_assert!(set.is_ok(), "{set:?}");
    }
    engine
}

/// Takes one back.
pub(super) fn give_inflate(mut engine: Inflate) {
    engine.reset(false);
    INFLATES.with_borrow_mut(|kept| {
        if kept.len() < KEPT {
            kept.push(engine);
        }
    });
}
