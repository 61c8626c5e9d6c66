//! UTF-8 that arrives in pieces (§8.1).
//!
//! A text message may be cut anywhere, inside a character too. [`Utf8`] keeps at most three bytes of a character that
//! is not whole. It fails at the first byte after which nothing can make the text valid, so before the end of
//! the frame. [`Text`] is the `String` that grows from such pieces. Each byte is validated once.

use super::error::Violation;

/// The validation of one text message, across its pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8 {
    /// How many bytes of the text are known to be whole characters.
    good: u64,
    /// The front of a character whose end has not arrived: `partial[..len]`, a legal prefix.
    partial: [u8; 4],
    len: u8,
}

impl Utf8 {
    /// Takes the next piece: gives the character that it completes, and then what follows, up to
    /// the last whole character.
    pub(super) fn push<'p>(
        &mut self,
        mut piece: &'p [u8],
    ) -> Result<(Option<char>, &'p str), Violation> {
        let mut completed = None;
        while self.len > 0 {
            let Some((&byte, rest)) = piece.split_first() else { return Ok((None, "")) };
            completed = self.complete(byte)?;
            piece = rest;
        }
        let (front, partial) = piece.split_at(piece.len() - unfinished(piece));
        let whole = validate(front).map_err(|valid| self.invalid(valid))?;
        self.good += front.len() as u64;
        for &byte in partial {
            self.complete(byte)?;
        }
        Ok((completed, whole))
    }

    /// Takes one byte of a character that came in pieces; gives the character if this ends it.
    fn complete(&mut self, byte: u8) -> Result<Option<char>, Violation> {
        self.partial[usize::from(self.len)] = byte;
        self.len += 1;
        match std::str::from_utf8(&self.partial[..usize::from(self.len)]) {
            Ok(character) => {
                self.good += u64::from(self.len);
                self.len = 0;
                Ok(character.chars().next())
            }
            // Without a length the error is only that more bytes are needed, and possible.
            Err(error) if error.error_len().is_none() => Ok(None),
            Err(_) => Err(self.invalid(0)),
        }
    }

    /// Ends the text: it is invalid if a character is still half there.
    pub(super) fn finish(&self) -> Result<(), Violation> {
        if self.len == 0 { Ok(()) } else { Err(self.invalid(0)) }
    }

    fn invalid(&self, valid: usize) -> Violation {
        Violation::InvalidUtf8 { offset: self.good + valid as u64 }
    }
}

/// A text under construction.
#[derive(Debug, Default)]
pub(super) struct Text {
    string: String,
    utf8: Utf8,
}

impl Text {
    /// Appends a piece; `room` is how many bytes to grow by if the string has to grow.
    pub(super) fn push(&mut self, piece: &[u8], room: usize) -> Result<(), Violation> {
        let (character, text) = self.utf8.push(piece)?;
        if self.string.capacity() - self.string.len() < text.len() + 4 {
            self.string.reserve_exact(room + 4);
        }
        self.string.extend(character);
        self.string.push_str(text);
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<(), Violation> {
        self.utf8.finish()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.string
    }

    /// Gives back the memory of what is there; the validation goes on.
    pub(super) fn clear(&mut self) {
        self.string = String::new();
    }

    pub(super) fn into_string(self) -> String {
        self.string
    }
}

/// A text that is all there.
#[inline]
pub(super) fn whole(text: &[u8]) -> Result<&str, Violation> {
    validate(text).map_err(|valid| Violation::InvalidUtf8 { offset: valid as u64 })
}

/// Below this many bytes the standard library is as fast as vectors, and needs no dispatch.
const SHORT: usize = 64;

/// Validates; the error is how many bytes were good.
#[inline]
fn validate(text: &[u8]) -> Result<&str, usize> {
    if text.len() < SHORT {
        std::str::from_utf8(text).map_err(|error| error.valid_up_to())
    } else {
        simdutf8::compat::from_utf8(text).map_err(|error| error.valid_up_to())
    }
}

/// How many bytes at the end of `piece` (0–3) begin a character that needs more bytes than are
/// there. Whether they can become one is not looked at.
fn unfinished(piece: &[u8]) -> usize {
    for (behind, &byte) in piece.iter().rev().take(3).enumerate() {
        let there = behind + 1;
        let needed = match byte {
            0x80..=0xBF => continue,
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xFF => 4,
            0x00..=0x7F => 1,
        };
        return if needed > there { there } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn push_all(pieces: &[&[u8]]) -> Result<String, Violation> {
        let mut text = Text::default();
        for piece in pieces {
            text.push(piece, piece.len())?;
        }
        text.finish()?;
        Ok(text.into_string())
    }

    /// Where the first byte lies after which nothing can make the text valid, by trying: a prefix
    /// is still possible if up to three continuation bytes complete it. Only the least and the
    /// greatest of each range of the table can make a difference.
    fn first_hopeless(bytes: &[u8]) -> Option<usize> {
        fn completes(tail: &mut Vec<u8>, more: usize) -> bool {
            std::str::from_utf8(tail).is_ok()
                || more > 0
                    && [0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF].iter().any(|&byte| {
                        tail.push(byte);
                        let completes = completes(tail, more - 1);
                        tail.pop();
                        completes
                    })
        }
        (0..bytes.len()).find(|&i| match std::str::from_utf8(&bytes[..=i]) {
            Ok(_) => false,
            Err(error) => !completes(&mut bytes[error.valid_up_to()..=i].to_vec(), 3),
        })
    }

    /// §8.1: each of these fails at exactly the byte that makes it hopeless, whatever the cuts.
    #[test]
    fn s18_fails_at_the_first_hopeless_byte() {
        let cases: [&[u8]; 14] = [
            b"\x80",
            b"ok\xff",
            b"\xc0\xaf",
            b"\xc1\xbf",
            b"\xe0\x80\x80",
            b"\xe0\x9f\xbf",
            b"\xed\xa0\x80",
            b"\xf0\x80\x80\x80",
            b"\xf0\x8f\xbf\xbf",
            b"\xf4\x90\x80\x80",
            b"\xf5\x80\x80\x80",
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
            b"\xea\xb0\x80\xea\xb0a",
            b"\xf0\x9f\x8f\xb9\xf0\x9f\x8f",
        ];
        for bytes in cases {
            let mut utf8 = Utf8::default();
            let failed = bytes.iter().position(|byte| utf8.push(&[*byte]).is_err());
            assert_eq!(failed, first_hopeless(bytes), "{bytes:x?}");
            let offset = std::str::from_utf8(bytes).unwrap_err().valid_up_to() as u64;
            for cut in 0..=bytes.len() {
                let (front, back) = bytes.split_at(cut);
                let error = push_all(&[front, back]).unwrap_err();
                assert_eq!(error, Violation::InvalidUtf8 { offset }, "{bytes:x?} cut at {cut}");
            }
        }
    }

    /// Text with characters of every length, and bytes close to it.
    fn almost_text() -> impl Strategy<Value = Vec<u8>> {
        let character =
            prop_oneof![any::<char>(), "[a-z가-힣ß🏹]".prop_map(|s| s.chars().next().unwrap())];
        let text = prop::collection::vec(character, 0..60).prop_map(String::from_iter);
        let spoil = prop::option::of((any::<prop::sample::Index>(), any::<u8>()));
        (text, spoil).prop_map(|(text, spoil)| {
            let mut bytes = text.into_bytes();
            if let (Some((at, byte)), false) = (spoil, bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        })
    }

    proptest! {
        #[test]
        fn any_cuts_agree_with_the_standard_library(
            bytes in almost_text(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            let expected = match std::str::from_utf8(&bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(error) => Err(Violation::InvalidUtf8 { offset: error.valid_up_to() as u64 }),
            };
            prop_assert_eq!(push_all(&pieces), expected.clone());
            prop_assert_eq!(whole(&bytes).map(str::to_owned), expected);
        }
    }
}
