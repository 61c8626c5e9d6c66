//! The grammar of `Sec-WebSocket-Extensions` (§9.1, §4.3).
//!
//! ```text
//! 1#( name *( ";" name [ "=" ( token | quoted-string ) ] ) )      mux; max-channels=4, foo; bar="1"
//! ```
//!
//! An [`Extension`] holds nothing but tokens, from the wire and from the caller alike, so what is
//! formatted parses back to itself and can carry no line break. The order is kept: it is the client's
//! preference and the server's order of operations. What the names mean is not known here.

use super::error::{BuildError, ExtensionError};
use super::headers::{Cursor, is_token, not_token_at};
use http::HeaderMap;
use http::header::SEC_WEBSOCKET_EXTENSIONS;
use std::fmt;

/// One extension, offered or agreed, with its parameters in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// A token.
    name: String,
    params: Vec<Param>,
}

/// A parameter of an [`Extension`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// A token.
    name: String,
    /// A token: a quoted value is one once it is unquoted (§9.1).
    value: Option<String>,
}

/// The extensions of all `Sec-WebSocket-Extensions` lines, in order; none if there is no such line.
///
/// Empty list elements are passed over (RFC 9110 §5.6.1.2). So an empty field counts as absent, although
/// the grammar asks for one extension (§9.1).
///
/// # Errors
///
/// The field does not follow the grammar. More than 256 extensions and parameters together are refused, so that
/// a small header cannot cause many allocations.
pub fn parse_extensions(headers: &HeaderMap) -> Result<Vec<Extension>, ExtensionError> {
    let mut extensions = Vec::new();
    let mut room = MAX_PARTS;
    for (line, value) in headers.get_all(SEC_WEBSOCKET_EXTENSIONS).into_iter().enumerate() {
        let mut cursor = Cursor::new(value.as_bytes());
        parse_line(&mut cursor, &mut extensions, &mut room).map_err(|expected| ExtensionError {
            expected,
            line,
            at: cursor.at(),
        })?;
    }
    Ok(extensions)
}

/// The value of `Sec-WebSocket-Extensions` for a list. If the list is empty, leave the field out.
pub fn format_extensions(extensions: &[Extension]) -> String {
    let formatted: Vec<_> = extensions.iter().map(Extension::to_string).collect();
    formatted.join(", ")
}

impl Extension {
    /// An extension without parameters. Fails unless `name` is a token (§9.1).
    pub fn new(name: &str) -> Result<Self, BuildError> {
        Ok(Self { name: token(name)?, params: Vec::new() })
    }

    /// With one more parameter. Fails unless `name`, and `value` if there is one, are tokens (§9.1).
    pub fn with(mut self, name: &str, value: Option<&str>) -> Result<Self, BuildError> {
        self.params.push(Param { name: token(name)?, value: value.map(token).transpose()? });
        Ok(self)
    }

    /// An extension of our own, whose names are known to be tokens.
    pub(super) fn known(name: &str, params: Vec<(&str, Option<u8>)>) -> Self {
        let param = |(name, value): (&str, Option<u8>)| Param {
            name: name.to_owned(),
            value: value.map(|value| value.to_string()),
        };
        Self { name: name.to_owned(), params: params.into_iter().map(param).collect() }
    }

    /// Its name, as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its parameters, in order. A name may occur more than once.
    pub fn params(&self) -> &[Param] {
        &self.params
    }
}

impl Param {
    /// Its name, as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value, unquoted. `None` if there is no `=`.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.params.iter().try_for_each(|param| write!(f, "; {param}"))
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.value {
            Some(value) => write!(f, "={value}"),
            None => Ok(()),
        }
    }
}

/// Appends the extensions of one line, or says what should have stood where the cursor was left.
fn parse_line(
    cursor: &mut Cursor<'_>,
    extensions: &mut Vec<Extension>,
    room: &mut usize,
) -> Result<(), &'static str> {
    loop {
        cursor.skip_space();
        if cursor.eat(b',') {
            continue;
        }
        if cursor.peek().is_none() {
            return Ok(());
        }
        let name = cursor.token().ok_or("an extension's name")?.to_owned();
        take_room(room)?;
        let mut params = Vec::new();
        cursor.skip_space();
        while cursor.eat(b';') {
            params.push(parse_param(cursor)?);
            take_room(room)?;
            cursor.skip_space();
        }
        extensions.push(Extension { name, params });
        if !cursor.eat(b',') && cursor.peek().is_some() {
            return Err("a comma, a semicolon or the end");
        }
    }
}

fn parse_param(cursor: &mut Cursor<'_>) -> Result<Param, &'static str> {
    cursor.skip_space();
    let name = cursor.token().ok_or("a parameter's name")?.to_owned();
    // The grammar is RFC 2616's, which lets white space stand between any two words (§9.1).
    cursor.skip_space();
    if !cursor.eat(b'=') {
        return Ok(Param { name, value: None });
    }
    cursor.skip_space();
    let value = if cursor.peek() == Some(b'"') {
        let value = cursor.quoted().ok_or("a quoted string")?;
        // What was quoted must be a token all the same (§9.1).
        let token = String::from_utf8(value).ok().filter(|value| is_token(value.as_bytes()));
        token.ok_or("a token between the quotes before this")?
    } else {
        cursor.token().ok_or("a parameter's value")?.to_owned()
    };
    Ok(Param { name, value: Some(value) })
}

fn take_room(room: &mut usize) -> Result<(), &'static str> {
    *room = room.checked_sub(1).ok_or("no more than 256 extensions and parameters")?;
    Ok(())
}

fn token(text: &str) -> Result<String, BuildError> {
    match not_token_at(text.as_bytes()) {
        None if !text.is_empty() => Ok(text.to_owned()),
        at => Err(BuildError::Extension { at: at.unwrap_or(0) }),
    }
}

const MAX_PARTS: usize = 256;
