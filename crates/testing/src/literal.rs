//! Bytes as literals.

/// Bytes from numbers, strings, byte strings, and `u16`s and `u64`s in network byte order.
///
/// ```
/// use bowstring_testing::bytes;
///
/// assert_eq!(bytes![0x88, 5, 1000u16, "bye"], b"\x88\x05\x03\xe8bye");
/// ```
#[macro_export]
macro_rules! bytes {
    ($($item:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut bytes: Vec<u8> = Vec::new();
        $($crate::literal::Literal::put($item, &mut bytes);)*
        bytes
    }};
}

/// What [`bytes!`] takes.
pub trait Literal {
    /// Appends it.
    fn put(self, bytes: &mut Vec<u8>);
}

impl Literal for i32 {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.push(u8::try_from(self).expect("a byte"));
    }
}

impl Literal for u16 {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_be_bytes());
    }
}

impl Literal for u64 {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_be_bytes());
    }
}

impl Literal for &str {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.as_bytes());
    }
}

impl<const N: usize> Literal for &[u8; N] {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self);
    }
}

impl Literal for Vec<u8> {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self);
    }
}
