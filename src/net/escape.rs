//! Texts of a peer's, for logs.

/// A text without anything that is not printable, and not too long: a peer cannot write lines into a log, or move a
/// terminal's cursor.
pub(crate) fn escaped(text: &str) -> String {
    const MOST: usize = 200;
    let mut shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
