//! A serde deserializer for postcard's encoding, with precise errors and bounded work.
//!
//! The postcard crate's deserializer is unsuitable for three reasons. It maps all errors of a type (over
//! capacity, duplicate key) to one error. The payload decides how deep it recurses. A count decides how often it
//! loops, even if the elements take no bytes.

use super::MAX_DEPTH;
use super::postcard_access::{Elements, Fields, Variant};
use super::whole::Whole;
use super::zigzag::signed;
use crate::error::DecodeErrorKind;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

/// Decodes values from the front of a payload.
pub(super) struct Reader<'de> {
    pub(super) rest: &'de [u8],
    depth: u8,
    /// The unread elements and entries of all open containers. Each takes at least one byte.
    pub(super) owed: usize,
    /// The current struct field, for errors.
    pub(super) field: Option<&'static str>,
}

impl<'de> Reader<'de> {
    pub(super) fn new(payload: &'de [u8]) -> Self {
        Self {
            rest: payload,
            depth: 0,
            owed: 0,
            field: None,
        }
    }

    pub(super) fn unsigned<T: TryFrom<u64>>(&mut self, bits: u32) -> Result<T, DecodeErrorKind> {
        T::try_from(take_leb128(&mut self.rest, bits)?).map_err(|_| DecodeErrorKind::BadValue)
    }

    fn signed<T: TryFrom<i64>>(&mut self, bits: u32) -> Result<T, DecodeErrorKind> {
        T::try_from(signed(take_leb128(&mut self.rest, bits)?))
            .map_err(|_| DecodeErrorKind::BadValue)
    }

    /// Reads a bool, an `i8`, a float or a 128-bit number, with the postcard crate.
    fn other<T: Deserialize<'de>>(&mut self) -> Result<T, DecodeErrorKind> {
        let (value, rest) = postcard::take_from_bytes(self.rest).map_err(|error| kind(&error))?;
        self.rest = rest;
        Ok(value)
    }

    fn byte(&mut self) -> Result<u8, DecodeErrorKind> {
        let byte = self.split(1)?;
        Ok(byte.first().copied().unwrap_or(0))
    }

    fn split(&mut self, size: usize) -> Result<&'de [u8], DecodeErrorKind> {
        let (head, rest) = self
            .rest
            .split_at_checked(size)
            .ok_or(DecodeErrorKind::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// Reads a length. One that exceeds `usize` becomes `usize::MAX`.
    fn length(&mut self) -> Result<usize, DecodeErrorKind> {
        match take_leb128(&mut self.rest, 64) {
            Ok(length) => Ok(usize::try_from(length).unwrap_or(usize::MAX)),
            Err(DecodeErrorKind::BadValue) => Err(DecodeErrorKind::BadLength),
            Err(kind) => Err(kind),
        }
    }

    #[inline(never)] // size
    fn bytes(&mut self) -> Result<&'de [u8], DecodeErrorKind> {
        let length = self.length()?;
        self.split(length)
    }

    #[inline(never)] // size
    fn text(&mut self) -> Result<&'de str, DecodeErrorKind> {
        core::str::from_utf8(self.bytes()?).map_err(|_| DecodeErrorKind::BadUtf8)
    }

    /// Reads the count of a sequence or map. It fails if the unread bytes are too few.
    fn count(&mut self) -> Result<usize, DecodeErrorKind> {
        let count = self.length()?;
        let owed = self.owed.saturating_add(count);
        if owed > self.rest.len() {
            return Err(DecodeErrorKind::BadLength);
        }
        self.owed = owed;
        Ok(count)
    }

    fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeErrorKind>,
    ) -> Result<T, DecodeErrorKind> {
        if self.depth == MAX_DEPTH {
            return Err(DecodeErrorKind::TooDeep);
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads a sequence or map. `visit` must take all its elements or entries.
    fn elements<T>(
        &mut self,
        visit: impl FnOnce(&mut Elements<'_, 'de>) -> Result<T, DecodeErrorKind>,
    ) -> Result<T, DecodeErrorKind> {
        let left = self.count()?;
        self.nested(|reader| {
            let mut elements = Elements::new(reader, left);
            let value = visit(&mut elements)?;
            elements.finish(value)
        })
    }

    pub(super) fn fields<V: Visitor<'de>>(
        &mut self,
        left: usize,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.nested(|reader| {
            visitor.visit_seq(Fields {
                reader,
                left,
                names,
            })
        })
    }
}

impl<'de> Whole<'de> for Reader<'de> {
    fn value(&mut self) -> impl Deserializer<'de, Error = DecodeErrorKind> {
        self
    }

    fn finish(&self) -> Result<(), DecodeErrorKind> {
        match self.rest {
            [] => Ok(()),
            _ => Err(DecodeErrorKind::LeftOver),
        }
    }
}

fn kind(error: &postcard::Error) -> DecodeErrorKind {
    use postcard::Error as E;
    match error {
        E::DeserializeUnexpectedEnd => DecodeErrorKind::Truncated,
        E::DeserializeBadUtf8 => DecodeErrorKind::BadUtf8,
        _ => DecodeErrorKind::BadValue,
    }
}

/// Takes a LEB128 number of at most `bits` bits off the front of `input`.
#[inline(never)] // size
pub(super) fn take_leb128(input: &mut &[u8], bits: u32) -> Result<u64, DecodeErrorKind> {
    let mut number = 0;
    let mut left = bits;
    while let [byte, rest @ ..] = *input {
        *input = rest;
        let part = byte & 0x7f;
        number |= u64::from(part).wrapping_shl(bits.wrapping_sub(left));
        let beyond = part.checked_shr(left).unwrap_or(0);
        left = left.saturating_sub(7);
        match *byte == part {
            _ if beyond != 0 => return Err(DecodeErrorKind::BadValue),
            true => return Ok(number),
            false if left == 0 => return Err(DecodeErrorKind::BadValue),
            false => {}
        }
    }
    Err(DecodeErrorKind::Truncated)
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = DecodeErrorKind;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_bool(self.other()?)
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_i8(self.other()?)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_i16(self.signed(16)?)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_i32(self.signed(32)?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_i64(self.signed(64)?)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_i128(self.other()?)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_u8(self.byte()?)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_u16(self.unsigned(16)?)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_u32(self.unsigned(32)?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_u64(self.unsigned(64)?)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_u128(self.other()?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_f32(self.other()?)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_f64(self.other()?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        // The postcard crate accepts several characters and ignores all but the first.
        let text = self.text()?;
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) => visitor.visit_char(character),
            _ => Err(DecodeErrorKind::BadValue),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        match self.byte()? {
            0 => visitor.visit_none(),
            1 => self.nested(|reader| visitor.visit_some(reader)),
            _ => Err(DecodeErrorKind::BadValue),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.nested(|reader| visitor.visit_newtype_struct(reader))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        self.elements(|elements| visitor.visit_seq(elements))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.fields(len, &[], visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.fields(len, &[], visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        self.elements(|elements| visitor.visit_map(elements))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.fields(fields.len(), fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.nested(|reader| visitor.visit_enum(Variant(reader)))
    }

    /// Fails, because postcard does not describe its types.
    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, DecodeErrorKind> {
        Err(DecodeErrorKind::Unsupported)
    }

    fn deserialize_identifier<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.deserialize_any(visitor)
    }
}
