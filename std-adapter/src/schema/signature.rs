//! The meaning of a description's text.

use bellwire::schema::Encoding;
use std::fmt;

/// The name, formats and types of a command or topic. [`parse`](super::parse()) gets one from a description's text.
///
/// It displays as that text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signature {
    /// The command's name. For a topic it begins with `>`.
    pub name: &'static str,
    /// The encoding of the request, or of a topic's values. The format `()` stands for a request without payload.
    pub request: Encoding,
    /// The encoding of the reply, or `None` if the command has no reply.
    pub reply: Option<Encoding>,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.request.format != "()" {
            write!(f, " {}", self.request)?;
        }
        match self.reply {
            Some(reply) => write!(f, " -> {reply}"),
            None => Ok(()),
        }
    }
}
