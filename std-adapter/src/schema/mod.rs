//! Descriptions of commands that arrive at run time.
//!
//! A server answers `SCHEMA` with a command's description as text, in the
//! [notation](bellwire::schema#the-notation). [`parse`] turns it into a [`Signature`]:
//!
//! ```
//! use bellwire::schema::Type;
//!
//! let read = bellwire_std::schema::parse("READ -> postcard Reading{celsius: f32, at: u64}")?;
//! assert_eq!(read.name, "READ");
//! let fields = &[("celsius", Type::F32), ("at", Type::U64)];
//! assert_eq!(read.reply.unwrap().ty, Some(&Type::Struct("Reading", fields)));
//! # Ok::<(), bellwire_std::schema::ParseError>(())
//! ```

mod check;
mod diff;
mod error;
mod intern;
pub(crate) mod listing;
mod parse;
mod signature;
mod text;

pub(crate) use check::Check;
pub use check::{CheckError, Mismatch};
pub use error::FetchError;
#[cfg(feature = "json")]
pub(crate) use intern::field_names;
pub use listing::Listed;
pub use parse::MAX_TEXT;
pub use signature::Signature;
pub use text::ParseError;

use crate::Client;
use bellwire::schema::{HELP, SCHEMA};

/// The most bytes that the descriptions of a process may take: 1 MiB. See [`parse`]. Fuzz targets parse many, so they
/// have 256 MiB.
pub const MAX_MEMORY: usize = if cfg!(fuzzing) { 268_435_456 } else { 1 << 20 };

/// Parses the text of a description.
///
/// serde and [`Signature`] want names that live forever, so this leaks memory: once for each different text, and
/// at most [`MAX_MEMORY`] bytes in the whole process. The text may come from an untrusted peer. It is at most
/// [`MAX_TEXT`] bytes long, and its types nest at most [`Limits::MAX_DEPTH`](bellwire::Limits::MAX_DEPTH) deep.
///
/// # Errors
/// Returns the first error in the text and its position. Nothing is leaked then.
pub fn parse(text: &str) -> Result<Signature, ParseError> {
    if let Some(known) = intern::known(text) {
        return Ok(known);
    }
    let parsed = parse::parse(text)?;
    intern::intern(text, &parsed).ok_or_else(ParseError::no_memory)
}

/// Asks a server for its commands with `HELP`.
///
/// # Errors
/// See [`FetchError`].
pub fn list(client: &mut Client) -> Result<Vec<Listed>, FetchError> {
    Ok(client.call_with(HELP, (), listing::parse)?)
}

/// Asks a server for the description of the command `name` with `SCHEMA`, and [parses](parse()) it.
///
/// # Errors
/// See [`FetchError`].
pub fn fetch(client: &mut Client, name: &str) -> Result<Signature, FetchError> {
    described(name, &client.call(SCHEMA, name)?)
}

/// Parses the lines of a `SCHEMA` reply, which must describe `name`.
pub(crate) fn described(name: &str, lines: &str) -> Result<Signature, FetchError> {
    let text: String = lines.lines().collect();
    let signature = parse(&text)?;
    if signature.name != name {
        return Err(FetchError::Other(signature.name.to_owned()));
    }
    Ok(signature)
}

/// Returns the index of `name` in a list of named items. The search begins at `likely`.
pub(crate) fn find<T>(items: &[(&str, T)], name: &str, likely: usize) -> Option<usize> {
    let (before, after) = items.split_at(likely.min(items.len()));
    let is_it = |item: &(&str, T)| item.0 == name;
    match after.iter().position(is_it) {
        Some(index) => Some(before.len() + index),
        None => before.iter().position(is_it),
    }
}
