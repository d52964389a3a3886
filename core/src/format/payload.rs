//! The Rust types that formats over serde carry.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A Rust type, or a family of types, for the formats that use serde.
///
/// Every owned serde type implements this, and so do `str` and `[u8]`: `Postcard<str>` carries a `&str` that borrows
/// from the receive buffer. For a borrowing type of your own, implement it for an empty enum.
///
/// ```
/// # #[cfg(feature = "postcard")]
/// # {
/// use bellwire::{Command, Line, Payload, Postcard};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Reading<'a> {
///     sensor: &'a str,
///     raw: &'a [u8],
/// }
///
/// enum Readings {}
///
/// impl Payload for Readings {
///     type Value<'a> = Reading<'a>;
/// }
///
/// const READING: Command<Postcard<Readings>, Line> = Command::new("READING");
/// # }
/// ```
pub trait Payload: 'static {
    /// The type with the lifetime `'a`.
    type Value<'a>: Serialize + Deserialize<'a>;
}

impl<T: Serialize + DeserializeOwned + 'static> Payload for T {
    type Value<'a> = T;
}

impl Payload for str {
    type Value<'a> = &'a str;
}

impl Payload for [u8] {
    type Value<'a> = &'a [u8];
}
