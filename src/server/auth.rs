//! Credentials and cookies, as clients send them.
//!
//! A browser's `WebSocket` cannot set header fields. A page sends its credential in a cookie, in the
//! subprotocol or in the first message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::ValueIter;
use subtle::ConstantTimeEq;

/// The user and password of Basic authentication (RFC 7617): see [`Request::basic`](super::Request::basic).
#[derive(Clone)]
#[non_exhaustive]
pub struct Basic {
    /// The name of the user. Nothing proves it yet.
    pub user: String,
    /// The password.
    pub password: String,
}

/// The name and value of each cookie that a client sent.
#[derive(Debug)]
pub struct Cookies<'a> {
    fields: ValueIter<'a, HeaderValue>,
    rest: &'a [u8],
}

/// Whether two secrets are the same. Use it in place of `==` for tokens and passwords.
///
/// The time it takes depends on the lengths alone. With `==` an attacker can measure how many bytes of a
/// guess are right.
///
/// ```
/// use bowstring::server::same_secret;
///
/// assert!(same_secret("opensesame", "opensesame"));
/// assert!(!same_secret("opensesame", "please"));
/// ```
pub fn same_secret(one: impl AsRef<[u8]>, other: impl AsRef<[u8]>) -> bool {
    one.as_ref().ct_eq(other.as_ref()).into()
}

impl Basic {
    /// Reads the value of an `Authorization` field. `None` if it has another scheme, or is malformed: not
    /// base64, not UTF-8, or without a colon.
    pub fn parse(value: &str) -> Option<Self> {
        let decoded = STANDARD.decode(credentials(value, "basic")?).ok()?;
        // §2 of RFC 7617: the user has no colon, the password may.
        let (user, password) = str::from_utf8(&decoded).ok()?.split_once(':')?;
        Some(Self { user: user.to_owned(), password: password.to_owned() })
    }

    /// Whether these are the user and the password. Both are always compared, as
    /// [`same_secret`] does.
    pub fn is(&self, user: &str, password: &str) -> bool {
        same_secret(&self.user, user) & same_secret(&self.password, password)
    }
}

/// The password stays out of logs.
impl std::fmt::Debug for Basic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Basic").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The token of Bearer authentication in the value of an `Authorization` field.
pub(super) fn bearer(value: &str) -> Option<&str> {
    credentials(value, "bearer").filter(|token| !token.is_empty())
}

/// What comes after the name of the scheme, which is case-insensitive (RFC 9110 §11.1).
fn credentials<'a>(value: &'a str, scheme: &str) -> Option<&'a str> {
    let (name, rest) = value.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then(|| rest.trim_matches(' '))
}

impl<'a> Cookies<'a> {
    pub(super) fn new(fields: ValueIter<'a, HeaderValue>) -> Self {
        Self { fields, rest: b"" }
    }
}

impl<'a> Iterator for Cookies<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while self.rest.is_empty() {
                self.rest = self.fields.next()?.as_bytes();
            }
            let end = self.rest.iter().position(|byte| *byte == b';');
            let (pair, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            self.rest = rest.get(1..).unwrap_or_default();
            // A script of the site may have set anything; it takes no other cookie with it.
            let Some(pair) = str::from_utf8(pair).ok().filter(|pair| pair.is_ascii()) else {
                continue;
            };
            if let Some((name, value)) = pair.split_once('=') {
                let value = value.trim();
                let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                return Some((name.trim(), quoted.unwrap_or(value)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use http::header::COOKIE;

    #[test]
    fn s33_credentials_are_read_and_compared() {
        // RFC 7617 §2: Aladdin, "open sesame".
        let basic = Basic::parse("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").unwrap();
        assert!(basic.is("Aladdin", "open sesame"));
        for (user, password) in [
            ("Aladdin", "open sesam"),
            ("Aladdin", "open sesamf"),
            ("aladdin", "open sesame"),
            ("", "open sesame"),
            ("Aladdin", ""),
        ] {
            assert!(!basic.is(user, password), "{user} {password}");
        }
        assert!(!format!("{basic:?}").contains("sesame"));
        let colons = Basic::parse(&format!("bAsIc {}", STANDARD.encode("a:b:c"))).unwrap();
        assert_eq!((&*colons.user, &*colons.password), ("a", "b:c"));
        for malformed in ["", "Basic", "Basic ", "Basic !", "Basic QQ==", "Basic //4=", "Bearer x"]
        {
            assert!(Basic::parse(malformed).is_none(), "{malformed}");
        }
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        for malformed in ["", "Bearer", "Bearer ", "Basic abc"] {
            assert_eq!(bearer(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn cookies_of_all_fields() {
        let mut headers = HeaderMap::new();
        for field in ["a=1; b=\"two\" ;c", "", ";;", "x=\u{e9}; a=3=3;d="] {
            headers.append(COOKIE, HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        let cookies: Vec<_> = Cookies::new(headers.get_all(COOKIE).iter()).collect();
        assert_eq!(cookies, [("a", "1"), ("b", "two"), ("a", "3=3"), ("d", "")]);
    }
}
