//! Decodes a whole value with as few moves as possible.
//!
//! Returning a value in a `Result`, unpacking it and passing it on leaves two or three copies on the stack. For a
//! value of 1 KB that is most of the stack of a request on a small machine.

use crate::error::DecodeErrorKind;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// A reader of a payload that holds one value, for a format over serde.
///
/// Implement it for the deserializer's state. Then [`read`](Self::read) decodes with as few moves as possible.
/// The errors of serde's types become a [`DecodeErrorKind`]; their messages are discarded.
///
/// ```
/// use bellwire::DecodeErrorKind;
/// use bellwire::format::ValueReader;
/// use serde::de::value::BorrowedStrDeserializer;
///
/// /// A format with a single text.
/// struct Reader<'de>(&'de str);
///
/// impl<'de> ValueReader<'de> for Reader<'de> {
///     fn deserializer(&mut self) -> impl serde::Deserializer<'de, Error = DecodeErrorKind> {
///         BorrowedStrDeserializer::new(core::mem::take(&mut self.0))
///     }
///
///     fn finish(&self) -> Result<(), DecodeErrorKind> {
///         match self.0 {
///             "" => Ok(()),
///             _ => Err(DecodeErrorKind::LeftOver),
///         }
///     }
/// }
///
/// assert_eq!(Reader("text").read(|text: &str| text.len()), Ok(4));
/// assert_eq!(Reader("text").read(|number: u8| number), Err(DecodeErrorKind::BadValue));
/// ```
pub trait ValueReader<'de> {
    /// Returns the deserializer of the value.
    fn deserializer(&mut self) -> impl Deserializer<'de, Error = DecodeErrorKind>;

    /// Returns an error if bytes are left over after the value.
    ///
    /// # Errors
    /// [`DecodeErrorKind::LeftOver`]
    fn finish(&self) -> Result<(), DecodeErrorKind>;

    /// Decodes the value and passes it to `take`. Call it once.
    ///
    /// A struct whose visitor accepts a unit as its empty value, such as
    /// [`ComplexData`](crate::ComplexData), is created empty and then filled in place. The unit is offered only to
    /// structs, because a conversion in another type could react to it in any way.
    ///
    /// # Errors
    /// The errors of the deserializer and of [`finish`](Self::finish). Then `take` is not called.
    fn read<T: Deserialize<'de>, R>(
        &mut self,
        take: impl FnOnce(T) -> R,
    ) -> Result<R, DecodeErrorKind> {
        match T::deserialize(Nothing) {
            Ok(mut value) => {
                T::deserialize_in_place(self.deserializer(), &mut value)?;
                self.finish()?;
                Ok(take(value))
            }
            // A `match` instead of `?`, so that a large value is not moved from one result into another.
            Err(_) => match T::deserialize(self.deserializer()) {
                Ok(value) => {
                    self.finish()?;
                    Ok(take(value))
                }
                Err(error) => Err(error),
            },
        }
    }

    /// Decodes the value with `seed`. Call it once.
    ///
    /// # Errors
    /// The errors of the deserializer and of [`finish`](Self::finish).
    fn read_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeErrorKind> {
        let value = seed.deserialize(self.deserializer())?;
        self.finish()?;
        Ok(value)
    }
}

/// A deserializer that offers a unit to structs, and an error to all other types.
struct Nothing;

impl<'de> Deserializer<'de> for Nothing {
    type Error = DecodeErrorKind;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, DecodeErrorKind> {
        Err(DecodeErrorKind::WrongType)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
