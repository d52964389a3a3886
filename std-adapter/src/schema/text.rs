//! The text of a description, from the front: tokens and names.

use std::borrow::Cow;
use std::fmt;

/// Why a text is not a description, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    position: usize,
    problem: &'static str,
}

impl ParseError {
    /// Returns the offset in bytes at which the text is wrong.
    pub fn position(&self) -> usize {
        self.position
    }

    pub(super) fn no_memory() -> Self {
        Self {
            position: 0,
            problem: "this process holds 1 MiB of descriptions already",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, problem } = self;
        write!(f, "invalid description at byte {position}: {problem}")
    }
}

impl std::error::Error for ParseError {}

/// A name, borrowed from the text if it contains no escapes.
pub(super) type Name<'t> = Cow<'t, str>;

/// A text and the position up to which it is parsed.
pub(super) struct Text<'t> {
    pub(super) text: &'t str,
    pub(super) position: usize,
}

impl<'t> Text<'t> {
    pub(super) fn fail<T>(&self, problem: &'static str) -> Result<T, ParseError> {
        Err(self.error(problem))
    }

    pub(super) fn error(&self, problem: &'static str) -> ParseError {
        ParseError {
            position: self.position,
            problem,
        }
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.position..).unwrap_or("")
    }

    /// Takes the next `size` bytes.
    pub(super) fn advance(&mut self, size: usize) -> &'t str {
        let taken = self.rest().get(..size).unwrap_or("");
        self.position += taken.len();
        taken
    }

    /// Takes `token` if it is next, and returns whether it was.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let next = self.rest().starts_with(token);
        if next {
            self.position += token.len();
        }
        next
    }

    pub(super) fn expect(&mut self, token: &str, problem: &'static str) -> Result<(), ParseError> {
        if self.take(token) {
            return Ok(());
        }
        self.fail(problem)
    }

    /// Takes a word. It is empty if there is none.
    pub(super) fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let size = match rest.as_bytes().first() {
            Some(first) if first.is_ascii_alphabetic() || *first == b'_' => {
                rest.bytes().take_while(is_part).count()
            }
            _ => 0,
        };
        self.advance(size)
    }

    /// Returns whether a name begins here.
    pub(super) fn has_name(&self) -> bool {
        let first = self.rest().bytes().next();
        first.is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'"'))
    }

    pub(super) fn name(&mut self) -> Result<Name<'t>, ParseError> {
        if self.take("\"") {
            return self.quoted().map(Cow::Owned);
        }
        match self.word() {
            "" => self.fail("expected a name"),
            word => Ok(Cow::Borrowed(word)),
        }
    }

    /// Parses a name up to its quotation mark, with the escapes of [`Printable`].
    fn quoted(&mut self) -> Result<String, ParseError> {
        let mut name = String::new();
        loop {
            let Some(size) = self.rest().find(['"', '\\']) else {
                return self.fail("expected the name's quotation mark");
            };
            name.push_str(self.advance(size));
            if self.take("\"") {
                return Ok(name);
            }
            if self.take("\\u{") {
                name.push(self.number()?);
                continue;
            }
            name.push(match self.rest().get(..2).unwrap_or("") {
                "\\n" => '\n',
                "\\r" => '\r',
                "\\t" => '\t',
                "\\\"" => '"',
                "\\\\" => '\\',
                _ => return self.fail("unknown escape"),
            });
            self.advance(2);
        }
    }

    /// Parses a character's number in hexadecimal digits, up to its brace.
    fn number(&mut self) -> Result<char, ParseError> {
        let rest = self.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let number = u32::from_str_radix(&rest[..digits], 16).ok();
        let Some(character) = number.and_then(char::from_u32) else {
            return self.fail("unknown escape");
        };
        self.advance(digits);
        self.expect("}", "expected }")?;
        Ok(character)
    }
}
