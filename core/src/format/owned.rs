//! Replies that the caller keeps.

use super::{Format, Line};
use alloc::string::String;

/// A format whose values can outlive the receive buffer. Requires the feature `alloc`.
///
/// A client that owns its buffers returns its replies in this form: a [`String`] for [`Line`], `T` for
/// [`Postcard<T>`](crate::Postcard) and [`Gob<T>`](crate::Gob).
///
/// ```
/// use bellwire::Line;
/// use bellwire::format::OwnedReply;
///
/// let kept: String = Line::into_owned("Thank you.");
/// # assert_eq!(kept, "Thank you.");
/// ```
pub trait OwnedReply: Format {
    /// The owned form of [`Format::Value`].
    type Owned: Send + 'static;

    /// Converts a value that may borrow from the receive buffer.
    fn into_owned(value: Self::Value<'_>) -> Self::Owned;
}

impl OwnedReply for () {
    type Owned = ();

    fn into_owned((): ()) {}
}

impl OwnedReply for Line {
    type Owned = String;

    fn into_owned(line: &str) -> String {
        line.into()
    }
}
