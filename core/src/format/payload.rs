//! The Rust types that formats over serde carry.

use core::marker::PhantomData;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A Rust type, or a family of types, for the formats that use serde.
///
/// Every owned serde type implements this. Name a type that borrows from the receive buffer as
/// [`Ref`].
pub trait Payload: 'static {
    /// The type with the lifetime `'a`.
    type Value<'a>: Serialize + Deserialize<'a>;
}

impl<T: Serialize + DeserializeOwned + 'static> Payload for T {
    type Value<'a> = T;
}

/// Names a payload type that borrows: `Postcard<Ref<str>>` carries `&str`.
///
/// ```
/// # #[cfg(feature = "postcard")]
/// # {
/// use bellwire::{Borrowed, Command, Line, Postcard, Ref};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Reading<'a> {
///     sensor: &'a str,
///     raw: &'a [u8],
/// }
///
/// impl Borrowed for Reading<'static> {
///     type Value<'a> = Reading<'a>;
/// }
///
/// const READING: Command<Postcard<Ref<Reading<'static>>>, Line> = Command::new("READING");
/// # }
/// ```
#[derive(Debug)]
pub struct Ref<T: ?Sized>(PhantomData<fn() -> *const T>);

/// A family of types that differ only in the lifetime that they borrow for. See [`Ref`].
pub trait Borrowed: 'static {
    /// The type with the lifetime `'a`.
    type Value<'a>: Serialize + Deserialize<'a>;
}

impl<T: Borrowed + ?Sized> Payload for Ref<T> {
    type Value<'a> = T::Value<'a>;
}

impl Borrowed for str {
    type Value<'a> = &'a str;
}

impl Borrowed for [u8] {
    type Value<'a> = &'a [u8];
}
