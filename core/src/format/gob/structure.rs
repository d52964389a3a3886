//! Access to the fields of a struct.

use super::fields::Fields;
use super::id::TypeId;
use super::reader::Reader;
use super::steps::step;
use super::types::Shape;
use super::value::Value;
use crate::error::DecodeErrorKind;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess};

/// The most bytes of a field name that a receiver of any type (`deserialize_any`) gets. Such a
/// receiver gets the name again with each value, although the value does not contain it.
const MAX_NAME: usize = 128;

impl<'r, 't, 'de> Value<'r, 't, 'de> {
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
}

/// The fields of a struct. First come the fields that were sent. Then come the fields that only the
/// receiver has or that were zero.
pub(super) struct Structure<'r, 't, 'de> {
    reader: &'r mut Reader<'t, 'de>,
    /// The remaining fields of the sender's type.
    fields: Fields<'t>,
    /// All fields of the sender's type, to check the types of fields that were not sent. Empty if
    /// they need no check.
    compared: Fields<'t>,
    wanted: Option<&'static [&'static str]>,
    /// One bit for each wanted field that has come. So there are at most 64.
    come: u64,
    /// Whether the value may hold more fields.
    sent: bool,
    /// The field whose key was returned last.
    current: Option<Field>,
    /// Whether a field that both types have must still come.
    must_match: bool,
}

#[derive(Clone, Copy)]
struct Field {
    name: Option<&'static str>,
    ty: TypeId,
    sent: bool,
}

impl<'r, 't, 'de> Structure<'r, 't, 'de> {
    pub(super) fn new(
        reader: &'r mut Reader<'t, 'de>,
        fields: Fields<'t>,
        wanted: Option<&'static [&'static str]>,
        compared: Fields<'t>,
        sent: bool,
    ) -> Self {
        // As in Go, two types without a common field do not match at the outermost level.
        let outermost = core::mem::replace(&mut reader.outermost, false);
        let can_match = !compared.is_empty() && wanted.is_some_and(|wanted| !wanted.is_empty());
        Self {
            reader,
            must_match: outermost && can_match,
            fields,
            compared,
            wanted,
            come: 0,
            sent,
            current: None,
        }
    }

    /// Leaves the struct. Refuses fields that the visitor did not take.
    pub(super) fn finish(self) -> Result<(), DecodeErrorKind> {
        self.reader.surface();
        if self.sent {
            return Err(DecodeErrorKind::LeftOver);
        }
        Ok(())
    }

    /// Returns the name of the next field for the receiver, and stores the field in `current`.
    fn next(&mut self) -> Result<Option<&'t str>, DecodeErrorKind> {
        while self.sent {
            let Some((name, ty)) = self.reader.next_sent(&mut self.fields)? else {
                self.sent = false;
                break;
            };
            let Some(wanted) = self.wanted else {
                if name.len() > MAX_NAME {
                    return Err(DecodeErrorKind::OverCapacity);
                }
                let name = core::str::from_utf8(name).map_err(|_| DecodeErrorKind::BadUtf8)?;
                self.current = Some(Field {
                    name: None,
                    ty,
                    sent: true,
                });
                return Ok(Some(name));
            };
            if let Some(index) = self.place_of(name, wanted) {
                self.must_match = false;
                return self.known(wanted, index, ty, true);
            }
            self.reader.skip(ty)?;
        }
        let wanted = self.wanted.unwrap_or(&[]);
        let missing = self.come.trailing_ones() as usize;
        match wanted.get(missing) {
            Some(name) => {
                let ty = self.type_unsent(name)?;
                self.known(wanted, missing, ty, false)
            }
            None if self.must_match => Err(DecodeErrorKind::WrongType),
            None => Ok(None),
        }
    }

    /// Returns the sender's type of a field that was not sent.
    fn type_unsent(&mut self, wanted: &str) -> Result<TypeId, DecodeErrorKind> {
        let mut fields = self.compared;
        while let Some((name, ty)) = fields.next()? {
            if name == wanted.as_bytes() {
                self.must_match = false;
                return Ok(ty);
            }
        }
        Ok(TypeId::NONE)
    }

    /// Returns the index in `wanted` of a field of the sender. Tries the one after the last first.
    fn place_of(&self, name: &[u8], wanted: &'static [&'static str]) -> Option<usize> {
        let next = (u64::BITS - self.come.leading_zeros()) as usize;
        match wanted.get(next) {
            Some(wanted) if wanted.as_bytes() == name => Some(next),
            _ => wanted.iter().position(|wanted| {
                step();
                wanted.as_bytes() == name
            }),
        }
    }

    /// Makes the field at `index` in `wanted` the current one.
    fn known(
        &mut self,
        wanted: &'static [&'static str],
        index: usize,
        ty: TypeId,
        sent: bool,
    ) -> Result<Option<&'t str>, DecodeErrorKind> {
        let bit = u32::try_from(index).ok();
        let bit = bit.and_then(|index| 1u64.checked_shl(index));
        self.come |= bit.ok_or(DecodeErrorKind::Unsupported)?;
        let name = wanted.get(index).copied();
        self.current = Some(Field { name, ty, sent });
        Ok(name)
    }
}

impl<'de> MapAccess<'de> for &mut Structure<'_, '_, 'de> {
    type Error = DecodeErrorKind;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeErrorKind> {
        let Some(name) = self.next()? else {
            return Ok(None);
        };
        let name: StrDeserializer<'_, DecodeErrorKind> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, DecodeErrorKind> {
        let field = self.current.take().ok_or(DecodeErrorKind::Unsupported)?;
        let outer = core::mem::replace(&mut self.reader.field, field.name);
        let value = seed.deserialize(Value {
            reader: &mut *self.reader,
            ty: field.ty,
            sent: field.sent,
        });
        if value.is_ok() {
            self.reader.field = outer;
        }
        value
    }
}
