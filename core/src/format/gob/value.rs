//! One value of a stream, with its type.

use super::id::TypeId;
use super::reader::Reader;
use super::types::Shape;
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

impl<'t, 'de> Value<'_, 't, 'de> {
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
