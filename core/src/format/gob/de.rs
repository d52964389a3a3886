//! The serde deserializer of a value in a stream.

use super::access::{Elements, Variant};
use super::id::TypeId;
use super::types::Shape;
use super::value::Value;
use crate::error::DecodeErrorKind;
use serde::de::{Deserializer, Visitor};

impl<'de> Deserializer<'de> for Value<'_, '_, 'de> {
    type Error = DecodeErrorKind;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_bool(self.bool()?)
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_i8(self.int()?)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_i16(self.int()?)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_i32(self.int()?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_i64(self.int()?)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_u8(self.uint()?)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_u16(self.uint()?)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_u32(self.uint()?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_u64(self.uint()?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_f32(self.f32()?)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_f64(self.f64()?)
    }

    /// Go's `rune` is an integer.
    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        let character = char::from_u32(self.int()?);
        visitor.visit_char(character.ok_or(DecodeErrorKind::OutOfRange)?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visitor.visit_borrowed_bytes(self.open()?.bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.deserialize_bytes(visitor)
    }

    /// Go sends no pointers. A nil pointer is left out like any zero value.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        let mut value = self.open_deeper()?;
        if !value.sent {
            return visitor.visit_none();
        }
        let inside = visitor.visit_some(value.lend());
        value.reader.surface();
        inside
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        let value = self.open()?;
        match value.ty {
            TypeId::NONE => {}
            ty => match value.shape(ty)? {
                Shape::Struct(_) if value.sent => value.reader.skip(ty)?,
                Shape::Struct(_) => {}
                _ => return Err(DecodeErrorKind::WrongType),
            },
        }
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.reader.deepen()?;
        let inside = visitor.visit_newtype_struct(self.lend());
        self.reader.surface();
        inside
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        visit_seq(self.into_sequence()?, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        visit_seq(self.into_tuple(len)?, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        let mut entries = self.into_map()?;
        let map = visitor.visit_map(&mut entries);
        if map.is_ok() {
            entries.finish()?;
        }
        map
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        visit_struct(self, Some(fields), visitor)
    }

    /// An enum is a variant without content, given by its name or its number.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        let value = self.open()?;
        visitor.visit_enum(match value.ty {
            TypeId::STRING => Variant::Named(value.text()?),
            TypeId::INT => Variant::Numbered(value.int()?),
            _ => Variant::Numbered(value.uint()?),
        })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        let value = self.open()?;
        match value.ty {
            TypeId::NONE => visitor.visit_unit(),
            TypeId::BOOL => value.deserialize_bool(visitor),
            TypeId::INT => value.deserialize_i64(visitor),
            TypeId::UINT => value.deserialize_u64(visitor),
            TypeId::BYTE => value.deserialize_u8(visitor),
            TypeId::FLOAT => value.deserialize_f64(visitor),
            TypeId::BYTES => value.deserialize_bytes(visitor),
            TypeId::STRING => value.deserialize_str(visitor),
            TypeId::COMPLEX => value.deserialize_seq(visitor),
            ty => match value.shape(ty)? {
                Shape::Array { .. } | Shape::Slice { .. } => value.deserialize_seq(visitor),
                Shape::Map { .. } => value.deserialize_map(visitor),
                Shape::Struct(_) => visit_struct(value, None, visitor),
                Shape::Opaque => value.deserialize_bytes(visitor),
            },
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        if self.sent {
            self.reader.skip(self.ty)?;
        }
        visitor.visit_unit()
    }
}

fn visit_seq<'de, V: Visitor<'de>>(
    mut elements: Elements<'_, '_, 'de>,
    visitor: V,
) -> Result<V::Value, DecodeErrorKind> {
    let value = visitor.visit_seq(&mut elements);
    if value.is_ok() {
        elements.finish()?;
    }
    value
}

fn visit_struct<'de, V: Visitor<'de>>(
    value: Value<'_, '_, 'de>,
    wanted: Option<&'static [&'static str]>,
    visitor: V,
) -> Result<V::Value, DecodeErrorKind> {
    let mut structure = value.into_structure(wanted)?;
    let value = visitor.visit_map(&mut structure);
    if value.is_ok() {
        structure.finish()?;
    }
    value
}
