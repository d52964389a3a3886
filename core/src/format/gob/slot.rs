//! A place for a value, with the type that the value must have.

use super::output::Output;
use crate::format::EncodeError;
use crate::format::zigzag::unsigned;
use crate::schema::Type;
use serde::Serialize;

/// The context of a value. It decides whether a zero value is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a struct, this many fields after the last written field. A zero value is left out.
    Field(u32),
    /// Among elements, or alone. A zero value is written.
    Element,
    /// Among bytes. A zero value takes one byte.
    Byte,
}

/// A place for a value of a type. Serializing returns whether the value was written.
pub(super) struct Slot<'w, 's> {
    pub(super) output: &'w mut Output<'s>,
    pub(super) ty: &'static Type,
    pub(super) place: Place,
}

impl<'w, 's> Slot<'w, 's> {
    /// Begins a value. Returns `None` if the value is zero and is left out.
    pub(super) fn begin(self, zero: bool) -> Result<Option<&'w mut Output<'s>>, EncodeError> {
        match self.place {
            Place::Field(_) if zero => return Ok(None),
            Place::Field(gap) => self.output.uint(gap.into())?,
            Place::Element => {}
            Place::Byte => return Err(EncodeError::Unencodable),
        }
        Ok(Some(self.output))
    }

    /// Serializes the value inside a newtype or an option.
    pub(super) fn nested<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, EncodeError> {
        self.output.deepen()?;
        let written = value.serialize(Slot {
            output: &mut *self.output,
            ..self
        })?;
        self.output.surface();
        Ok(written)
    }

    pub(super) fn number(self, number: u64) -> Result<bool, EncodeError> {
        match self.begin(number == 0)? {
            Some(output) => output.uint(number).map(|()| true),
            None => Ok(false),
        }
    }

    pub(super) fn int(self, number: i64) -> Result<bool, EncodeError> {
        match self.ty {
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Char => {
                self.number(unsigned(number))
            }
            _ => Err(EncodeError::Unencodable),
        }
    }

    pub(super) fn uint(self, number: u64) -> Result<bool, EncodeError> {
        match (self.ty, self.place) {
            (_, Place::Byte) => {
                let byte = u8::try_from(number).map_err(|_| EncodeError::Unencodable)?;
                self.output.out.byte(byte).map(|()| true)
            }
            (Type::U8 | Type::U16 | Type::U32 | Type::U64, _) => self.number(number),
            _ => Err(EncodeError::Unencodable),
        }
    }

    pub(super) fn counted(self, bytes: &[u8]) -> Result<bool, EncodeError> {
        match self.begin(bytes.is_empty())? {
            Some(output) => output.counted(bytes).map(|()| true),
            None => Ok(false),
        }
    }
}
