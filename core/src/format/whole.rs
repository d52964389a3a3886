//! The reading of a whole value, which is moved as rarely as can be.
//!
//! A value of a kilobyte that is returned in a result, opened there and handed on lies on the stack
//! two or three times. On a small machine that is most of the stack that a request takes.

use crate::error::DecodeErrorKind;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// What holds one value and nothing else.
pub(super) trait Whole<'de> {
    /// The value.
    fn value(&mut self) -> impl Deserializer<'de, Error = DecodeErrorKind>;

    /// Refuses what is left over behind the value.
    fn finish(&self) -> Result<(), DecodeErrorKind>;
}

/// Reads a value and gives it to `take`, which is not called unless all of it is good.
///
/// A structure that can be made of nothing, such as [`Level`](crate::complex_data::Level), is made so
/// and then filled in its place. No other type is asked: what a caller's conversion does with
/// nothing is the caller's matter.
pub(super) fn read<'de, T: Deserialize<'de>, R>(
    whole: &mut impl Whole<'de>,
    take: impl FnOnce(T) -> R,
) -> Result<R, DecodeErrorKind> {
    match T::deserialize(Nothing) {
        Ok(mut value) => {
            T::deserialize_in_place(whole.value(), &mut value)?;
            whole.finish()?;
            Ok(take(value))
        }
        // A large value is not moved out of one result into another.
        Err(_) => match T::deserialize(whole.value()) {
            Ok(value) => {
                whole.finish()?;
                Ok(take(value))
            }
            Err(flaw) => Err(flaw),
        },
    }
}

/// What a structure can be made of that has an empty value.
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
