//! The text of a message.

use std::fmt;
use std::ops::Deref;
use std::str::Utf8Error;

use bowstring::Utf8Bytes as SharedText;
use bytes::Bytes;

/// Text in shared bytes: UTF-8, cheap to clone. It dereferences to `str`.
///
/// ```
/// use bowstring_axum::Utf8Bytes;
///
/// let text = Utf8Bytes::from_static("hello");
/// assert_eq!(text.len(), 5);
/// assert_eq!(text, "hello");
/// assert_eq!(format!("{text}!"), "hello!");
///
/// let text = Utf8Bytes::try_from(vec![0xC3, 0xA9])?;
/// assert_eq!(text, String::from("é"));
/// # Ok::<(), std::str::Utf8Error>(())
/// ```
// No `AsRef`: with one, `text.as_ref()` would no longer find the `AsRef<[u8]>` of `str`, which programs use.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Utf8Bytes(SharedText);

impl Utf8Bytes {
    /// A text that lives as long as the program. Nothing is copied.
    #[inline]
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(SharedText::from_static(text))
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
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
        f.debug_tuple("Utf8Bytes").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl<T> PartialEq<T> for Utf8Bytes
where
    for<'a> &'a str: PartialEq<T>,
{
    fn eq(&self, other: &T) -> bool {
        self.as_str() == *other
    }
}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Utf8Error> {
        // Asked here, because that other conversion has an error of its own.
        std::str::from_utf8(&bytes)?;
        Ok(Self(SharedText::try_from(bytes).expect("it was just checked")))
    }
}

impl TryFrom<Vec<u8>> for Utf8Bytes {
    type Error = Utf8Error;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Utf8Error> {
        Bytes::from(bytes).try_into()
    }
}

impl From<String> for Utf8Bytes {
    #[inline]
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Utf8Bytes {
    #[inline]
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Utf8Bytes {
    #[inline]
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<SharedText> for Utf8Bytes {
    #[inline]
    fn from(text: SharedText) -> Self {
        Self(text)
    }
}

impl From<Utf8Bytes> for SharedText {
    #[inline]
    fn from(text: Utf8Bytes) -> Self {
        text.0
    }
}

impl From<Utf8Bytes> for Bytes {
    #[inline]
    fn from(text: Utf8Bytes) -> Self {
        text.0.into_bytes()
    }
}
