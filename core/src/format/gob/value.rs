//! One value of a stream, with its type.

use super::access::{Elements, Structure};
use super::fields::Fields;
use super::reader::Reader;
use super::types::{Shape, TypeId};
use super::wire::{float, take_bytes, take_counted, take_uint};
use crate::error::DecodeErrorKind;
use crate::format::zigzag::signed;

/// A value of a type. It is next in the message, or it was zero and was not sent.
///
/// A value that was not sent is read in the same way, without bytes. So its type is checked as Go
/// checks it, and the receiver gets the zero value of its own type.
pub(super) struct Value<'r, 't, 'de> {
    pub(super) reader: &'r mut Reader<'t, 'de>,
    pub(super) ty: TypeId,
    pub(super) sent: bool,
}

impl<'r, 't, 'de> Value<'r, 't, 'de> {
    /// Returns the value inside if this is an interface.
    pub(super) fn open(mut self) -> Result<Self, DecodeErrorKind> {
        while self.ty == TypeId::INTERFACE {
            self.ty = TypeId::NONE;
            if self.sent {
                self.ty = self.reader.open_interface()?;
            }
            self.sent = self.ty != TypeId::NONE;
        }
        Ok(self)
    }

    pub(super) fn number(self, kind: TypeId) -> Result<u64, DecodeErrorKind> {
        let value = self.open()?;
        match value.ty {
            TypeId::NONE => Ok(0),
            TypeId::BYTE if kind == TypeId::UINT => value.byte(),
            ty if ty != kind => Err(DecodeErrorKind::WrongType),
            _ if value.sent => take_uint(&mut value.reader.message),
            _ => Ok(0),
        }
    }

    pub(super) fn byte(self) -> Result<u64, DecodeErrorKind> {
        let byte = take_bytes(&mut self.reader.message, 1)?;
        Ok(byte.first().map_or(0, |byte| u64::from(*byte)))
    }

    pub(super) fn int<T: TryFrom<i64>>(self) -> Result<T, DecodeErrorKind> {
        let number = signed(self.number(TypeId::INT)?);
        T::try_from(number).map_err(|_| DecodeErrorKind::OutOfRange)
    }

    pub(super) fn uint<T: TryFrom<u64>>(self) -> Result<T, DecodeErrorKind> {
        let number = self.number(TypeId::UINT)?;
        T::try_from(number).map_err(|_| DecodeErrorKind::OutOfRange)
    }

    pub(super) fn bool(self) -> Result<bool, DecodeErrorKind> {
        match self.number(TypeId::BOOL)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeErrorKind::BadValue),
        }
    }

    pub(super) fn f64(self) -> Result<f64, DecodeErrorKind> {
        self.number(TypeId::FLOAT).map(float)
    }

    #[allow(clippy::cast_possible_truncation)] // precision is lost, as in Go; range is not
    pub(super) fn f32(self) -> Result<f32, DecodeErrorKind> {
        let wide = self.f64()?;
        let narrow = wide as f32;
        if narrow.is_infinite() && wide.is_finite() {
            return Err(DecodeErrorKind::OutOfRange);
        }
        Ok(narrow)
    }

    pub(super) fn text(self) -> Result<&'de str, DecodeErrorKind> {
        let value = self.open()?;
        match value.ty {
            TypeId::STRING if value.sent => {
                let bytes = take_counted(&mut value.reader.message)?;
                core::str::from_utf8(bytes).map_err(|_| DecodeErrorKind::BadUtf8)
            }
            TypeId::STRING | TypeId::NONE => Ok(""),
            _ => Err(DecodeErrorKind::WrongType),
        }
    }

    pub(super) fn bytes(self) -> Result<&'de [u8], DecodeErrorKind> {
        let opaque = match self.ty {
            TypeId::NONE => return Ok(&[]),
            TypeId::BYTES | TypeId::STRING => true,
            ty => matches!(self.shape(ty), Ok(Shape::Opaque)),
        };
        match opaque {
            false => Err(DecodeErrorKind::WrongType),
            true if self.sent => take_counted(&mut self.reader.message),
            true => Ok(&[]),
        }
    }

    pub(super) fn shape(&self, ty: TypeId) -> Result<Shape, DecodeErrorKind> {
        if ty.0 < TypeId::FIRST || ty == TypeId::BYTE {
            return Err(DecodeErrorKind::WrongType);
        }
        self.reader.types.shape(ty)
    }

    /// Enters a slice, an array, bytes or a complex number.
    pub(super) fn into_sequence(self) -> Result<Elements<'r, 't, 'de>, DecodeErrorKind> {
        let value = self.open()?;
        let (element, length) = match value.ty {
            TypeId::NONE => (TypeId::NONE, None),
            TypeId::BYTES => (TypeId::BYTE, None),
            TypeId::COMPLEX => return value.into_elements(2, TypeId::FLOAT),
            ty => match value.shape(ty)? {
                Shape::Slice { element } => (element, None),
                Shape::Array { element, length } => (element, Some(length)),
                _ => return Err(DecodeErrorKind::WrongType),
            },
        };
        let count = match length {
            _ if !value.sent => 0,
            Some(length) => value.reader.take_length(length)?,
            None => value.reader.take_count(1)?,
        };
        value.into_elements(count, element)
    }

    /// Enters an array of exactly this length, or a complex number.
    pub(super) fn into_tuple(self, count: usize) -> Result<Elements<'r, 't, 'de>, DecodeErrorKind> {
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
                _ => return Err(DecodeErrorKind::WrongType),
            },
        };
        value.into_elements(count, element)
    }

    pub(super) fn into_elements(
        self,
        left: usize,
        element: TypeId,
    ) -> Result<Elements<'r, 't, 'de>, DecodeErrorKind> {
        self.reader.deepen()?;
        Ok(Elements {
            reader: self.reader,
            left,
            key: element,
            element,
            sent: self.sent,
        })
    }

    pub(super) fn into_map(self) -> Result<Elements<'r, 't, 'de>, DecodeErrorKind> {
        let value = self.open()?;
        let (key, element) = match value.ty {
            TypeId::NONE => (TypeId::NONE, TypeId::NONE),
            ty => match value.shape(ty)? {
                Shape::Map { key, element } => (key, element),
                _ => return Err(DecodeErrorKind::WrongType),
            },
        };
        let mut count = 0;
        if value.sent {
            count = value.reader.take_count(2)?;
        }
        let elements = value.into_elements(count, element)?;
        Ok(Elements { key, ..elements })
    }

    /// Enters a struct, for a receiver with the fields `wanted`, or for one that takes all fields.
    ///
    /// At the first value of a type, all its fields are compared with the receiver's. This finds
    /// wrong types as Go does, at a cost that the definition's bytes bound. Later values cost only
    /// the fields that were sent. A later value that was not sent has no fields.
    pub(super) fn into_structure(
        self,
        wanted: Option<&'static [&'static str]>,
    ) -> Result<Structure<'r, 't, 'de>, DecodeErrorKind> {
        let value = self.open()?;
        let (mut fields, mut compared) = (Fields::NONE, Fields::NONE);
        if value.ty != TypeId::NONE {
            let Shape::Struct(ty) = value.shape(value.ty)? else {
                return Err(DecodeErrorKind::WrongType);
            };
            fields = Fields::of(ty, value.reader.definitions);
            if wanted.is_some() && !ty.compared {
                compared = fields;
                value.reader.types.set_compared(ty.number);
            }
        }
        value.reader.deepen()?;
        let structure = Structure::new(value.reader, fields, wanted, compared, value.sent);
        Ok(structure)
    }

    pub(super) fn open_deeper(self) -> Result<Self, DecodeErrorKind> {
        let value = self.open()?;
        if value.sent {
            value.reader.deepen()?;
        }
        Ok(value)
    }

    /// Returns the same value for a visitor, which consumes it.
    pub(super) fn lend(&mut self) -> Value<'_, 't, 'de> {
        Value {
            reader: &mut *self.reader,
            ty: self.ty,
            sent: self.sent,
        }
    }
}
