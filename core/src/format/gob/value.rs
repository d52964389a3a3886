//! One value of a stream as a serde deserializer.

use super::access::{Elements, Structure, Variant};
use super::reader::Reader;
use super::types::{Fields, Shape, TypeId};
use super::wire::{float, signed, take_bytes, take_counted, take_uint};
use crate::error::Flaw;
use serde::de::{Deserializer, Visitor};

/// A value of a type, which stands next in the message or, where it was zero, was not sent.
///
/// A value that was not sent is read like any other, from nothing: so its type is checked as Go
/// checks it, and any type that the receiver has gets the zero value that Go left out.
pub(super) struct Value<'r, 't, 'de> {
    pub(super) reader: &'r mut Reader<'t, 'de>,
    pub(super) ty: TypeId,
    pub(super) sent: bool,
}

impl<'r, 't, 'de> Value<'r, 't, 'de> {
    /// The value inside, where this is an interface.
    fn open(mut self) -> Result<Self, Flaw> {
        while self.ty == TypeId::INTERFACE {
            self.ty = TypeId::NONE;
            if self.sent {
                self.ty = self.reader.open_interface()?;
            }
            self.sent = self.ty != TypeId::NONE;
        }
        Ok(self)
    }

    fn number(self, kind: TypeId) -> Result<u64, Flaw> {
        let value = self.open()?;
        match value.ty {
            TypeId::NONE => Ok(0),
            TypeId::BYTE if kind == TypeId::UINT => value.byte(),
            ty if ty != kind => Err(Flaw::WrongType),
            _ if value.sent => take_uint(&mut value.reader.message),
            _ => Ok(0),
        }
    }

    fn byte(self) -> Result<u64, Flaw> {
        let byte = take_bytes(&mut self.reader.message, 1)?;
        Ok(byte.first().map_or(0, |byte| u64::from(*byte)))
    }

    fn int<T: TryFrom<i64>>(self) -> Result<T, Flaw> {
        let number = signed(self.number(TypeId::INT)?);
        T::try_from(number).map_err(|_| Flaw::OutOfRange)
    }

    fn uint<T: TryFrom<u64>>(self) -> Result<T, Flaw> {
        let number = self.number(TypeId::UINT)?;
        T::try_from(number).map_err(|_| Flaw::OutOfRange)
    }

    fn bool(self) -> Result<bool, Flaw> {
        match self.number(TypeId::BOOL)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Flaw::BadValue),
        }
    }

    fn f64(self) -> Result<f64, Flaw> {
        self.number(TypeId::FLOAT).map(float)
    }

    #[allow(clippy::cast_possible_truncation)] // precision is lost, as in Go; range is not
    fn f32(self) -> Result<f32, Flaw> {
        let wide = self.f64()?;
        let narrow = wide as f32;
        if narrow.is_infinite() && wide.is_finite() {
            return Err(Flaw::OutOfRange);
        }
        Ok(narrow)
    }

    fn text(self) -> Result<&'de str, Flaw> {
        let value = self.open()?;
        match value.ty {
            TypeId::STRING if value.sent => {
                let bytes = take_counted(&mut value.reader.message)?;
                core::str::from_utf8(bytes).map_err(|_| Flaw::BadUtf8)
            }
            TypeId::STRING | TypeId::NONE => Ok(""),
            _ => Err(Flaw::WrongType),
        }
    }

    fn bytes(self) -> Result<&'de [u8], Flaw> {
        let opaque = match self.ty {
            TypeId::NONE => return Ok(&[]),
            TypeId::BYTES | TypeId::STRING => true,
            ty => matches!(self.shape(ty), Ok(Shape::Opaque)),
        };
        match opaque {
            false => Err(Flaw::WrongType),
            true if self.sent => take_counted(&mut self.reader.message),
            true => Ok(&[]),
        }
    }

    fn shape(&self, ty: TypeId) -> Result<Shape, Flaw> {
        if ty.0 < TypeId::FIRST || ty == TypeId::BYTE {
            return Err(Flaw::WrongType);
        }
        self.reader.types.shape(ty)
    }

    /// Goes into a slice, an array, bytes or a complex number.
    fn into_sequence(self) -> Result<Elements<'r, 't, 'de>, Flaw> {
        let value = self.open()?;
        let (element, length) = match value.ty {
            TypeId::NONE => (TypeId::NONE, None),
            TypeId::BYTES => (TypeId::BYTE, None),
            TypeId::COMPLEX => return value.into_elements(2, TypeId::FLOAT),
            ty => match value.shape(ty)? {
                Shape::Slice { element } => (element, None),
                Shape::Array { element, length } => (element, Some(length)),
                _ => return Err(Flaw::WrongType),
            },
        };
        let count = match length {
            _ if !value.sent => 0,
            Some(length) => value.reader.take_length(length)?,
            None => value.reader.take_count(1)?,
        };
        value.into_elements(count, element)
    }

    /// Goes into an array of just this length, or a complex number.
    fn into_tuple(self, count: usize) -> Result<Elements<'r, 't, 'de>, Flaw> {
        let value = self.open()?;
        let element = match value.ty {
            TypeId::NONE => TypeId::NONE,
            TypeId::COMPLEX if count == 2 => TypeId::FLOAT,
            ty => match value.shape(ty)? {
                Shape::Array { element, length } if u64::from(length) == count as u64 => {
                    if value.sent {
                        value.reader.take_length(length)?;
                    }
                    element
                }
                _ => return Err(Flaw::WrongType),
            },
        };
        value.into_elements(count, element)
    }

    fn into_elements(self, left: usize, element: TypeId) -> Result<Elements<'r, 't, 'de>, Flaw> {
        self.reader.deepen()?;
        Ok(Elements {
            reader: self.reader,
            left,
            key: element,
            element,
            sent: self.sent,
        })
    }

    fn into_map(self) -> Result<Elements<'r, 't, 'de>, Flaw> {
        let value = self.open()?;
        let (key, element) = match value.ty {
            TypeId::NONE => (TypeId::NONE, TypeId::NONE),
            ty => match value.shape(ty)? {
                Shape::Map { key, element } => (key, element),
                _ => return Err(Flaw::WrongType),
            },
        };
        let mut count = 0;
        if value.sent {
            count = value.reader.take_count(2)?;
        }
        let elements = value.into_elements(count, element)?;
        Ok(Elements { key, ..elements })
    }

    /// Goes into a struct, for a receiver with these fields, or for one that takes whatever was sent.
    fn into_structure(
        self,
        wanted: Option<&'static [&'static str]>,
    ) -> Result<Structure<'r, 't, 'de>, Flaw> {
        let value = self.open()?;
        let fields = match value.ty {
            TypeId::NONE => Fields::NONE,
            ty => match value.shape(ty)? {
                Shape::Struct { at, fields } => value.reader.fields(at, fields),
                _ => return Err(Flaw::WrongType),
            },
        };
        value.reader.deepen()?;
        Ok(Structure::new(value.reader, fields, wanted, value.sent))
    }

    fn structure<V: Visitor<'de>>(
        self,
        wanted: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        let mut structure = self.into_structure(wanted)?;
        let value = visitor.visit_map(&mut structure);
        if value.is_ok() {
            structure.finish()?;
        }
        value
    }

    fn open_deeper(self) -> Result<Self, Flaw> {
        let value = self.open()?;
        if value.sent {
            value.reader.deepen()?;
        }
        Ok(value)
    }

    /// The same value, for a visitor, which uses it up.
    fn lend(&mut self) -> Value<'_, 't, 'de> {
        Value {
            reader: &mut *self.reader,
            ty: self.ty,
            sent: self.sent,
        }
    }
}

fn visit_seq<'de, V: Visitor<'de>>(
    mut elements: Elements<'_, '_, 'de>,
    visitor: V,
) -> Result<V::Value, Flaw> {
    let value = visitor.visit_seq(&mut elements);
    if value.is_ok() {
        elements.finish()?;
    }
    value
}

impl<'de> Deserializer<'de> for Value<'_, '_, 'de> {
    type Error = Flaw;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_bool(self.bool()?)
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_i8(self.int()?)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_i16(self.int()?)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_i32(self.int()?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_i64(self.int()?)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_u8(self.uint()?)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_u16(self.uint()?)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_u32(self.uint()?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_u64(self.uint()?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_f32(self.f32()?)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_f64(self.f64()?)
    }

    /// Go's rune is an integer.
    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        let character = char::from_u32(self.int()?);
        visitor.visit_char(character.ok_or(Flaw::OutOfRange)?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_borrowed_bytes(self.open()?.bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        self.deserialize_bytes(visitor)
    }

    /// Go sends no pointers: a nil one is left out like any zero value.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        let mut value = self.open_deeper()?;
        if !value.sent {
            return visitor.visit_none();
        }
        let inside = visitor.visit_some(value.lend());
        value.reader.surface();
        inside
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        let value = self.open()?;
        match value.ty {
            TypeId::NONE => {}
            ty => match value.shape(ty)? {
                Shape::Struct { .. } if value.sent => value.reader.skip(ty)?,
                Shape::Struct { .. } => {}
                _ => return Err(Flaw::WrongType),
            },
        }
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        self.reader.deepen()?;
        let inside = visitor.visit_newtype_struct(self.lend());
        self.reader.surface();
        inside
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visit_seq(self.into_sequence()?, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Flaw> {
        visit_seq(self.into_tuple(len)?, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
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
    ) -> Result<V::Value, Flaw> {
        self.structure(Some(fields), visitor)
    }

    /// A variant without content, by its name or its number.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        let value = self.open()?;
        visitor.visit_enum(match value.ty {
            TypeId::STRING => Variant::Named(value.text()?),
            TypeId::INT => Variant::Numbered(value.int()?),
            _ => Variant::Numbered(value.uint()?),
        })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
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
                Shape::Struct { .. } => value.structure(None, visitor),
                Shape::Opaque => value.deserialize_bytes(visitor),
            },
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        if self.sent {
            self.reader.skip(self.ty)?;
        }
        visitor.visit_unit()
    }
}
