//! The text of a message: [`Utf8Bytes`].

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;
use std::str::Utf8Error;

/// Text in shared bytes: UTF-8, cheap to clone. It dereferences to `str`.
///
/// ```
/// use bowstring::Utf8Bytes;
///
/// let text = Utf8Bytes::from_static("hello");
/// assert_eq!(text, "hello");
/// assert_eq!(text.as_str().to_uppercase(), "HELLO");
///
/// // Bytes are checked.
/// assert_eq!(Utf8Bytes::try_from(vec![0xC3, 0xA9])?, "é");
/// assert!(Utf8Bytes::try_from(&b"\xff"[..]).is_err());
/// # Ok::<(), std::str::Utf8Error>(())
/// ```
///
/// A `String`, a `Vec<u8>` and `Bytes` become one without a copy, and it becomes [`Bytes`] without one.
// The inner type has the one line of unsafe code that this needs.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utf8Bytes(ByteString);

impl Utf8Bytes {
    /// The empty text.
    pub const fn new() -> Self {
        Self(ByteString::new())
    }

    /// A text that lives as long as the program. Nothing is copied.
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes of the text, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }
}

impl Deref for Utf8Bytes {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<Bytes> for Utf8Bytes {
    fn as_ref(&self) -> &Bytes {
        self.0.as_bytes()
    }
}

impl Borrow<str> for Utf8Bytes {
    fn borrow(&self) -> &str {
        self
    }
}

macro_rules! from_text {
    ($($text:ty),*) => {$(
        impl From<$text> for Utf8Bytes {
            fn from(text: $text) -> Self {
                Self(text.into())
            }
        }
    )*};
}

from_text! { &str, String, Box<str> }

impl From<&String> for Utf8Bytes {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Cow<'_, str>> for Utf8Bytes {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

macro_rules! try_from_bytes {
    ($($bytes:ty),*) => {$(
        impl TryFrom<$bytes> for Utf8Bytes {
            type Error = Utf8Error;

            fn try_from(bytes: $bytes) -> Result<Self, Utf8Error> {
                // Asked here: the error of the inner type does not say where.
                str::from_utf8(&bytes)?;
                Ok(Self(ByteString::try_from(bytes).unwrap_or_default()))
            }
        }
    )*};
}

try_from_bytes! { Bytes, BytesMut, Vec<u8>, &[u8] }

impl From<Utf8Bytes> for Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.into_bytes()
    }
}

impl From<Utf8Bytes> for String {
    fn from(text: Utf8Bytes) -> Self {
        text.as_str().to_owned()
    }
}

macro_rules! equal {
    ($($text:ty),*) => {$(
        impl PartialEq<$text> for Utf8Bytes {
            fn eq(&self, other: &$text) -> bool {
                let other: &str = other;
                self.as_str() == other
            }
        }

        impl PartialEq<Utf8Bytes> for $text {
            fn eq(&self, other: &Utf8Bytes) -> bool {
                other == self
            }
        }
    )*};
}

equal! { str, &str, String, &String, Cow<'_, str> }
