//! Access to the elements of a sequence, the entries of a map and the variant of an enum.

use super::id::TypeId;
use super::reader::Reader;
use super::types::Shape;
use super::value::Value;
use crate::error::DecodeErrorKind;
use core::marker::PhantomData;
use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess};
use serde::de::{VariantAccess, Visitor};

impl<'r, 't, 'de> Value<'r, 't, 'de> {
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

    fn into_elements(
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
}

/// The elements of a sequence, or the entries of a map.
pub(super) struct Elements<'r, 't, 'de> {
    reader: &'r mut Reader<'t, 'de>,
    left: usize,
    key: TypeId,
    element: TypeId,
    sent: bool,
}

impl<'de> Elements<'_, '_, 'de> {
    /// Leaves the elements. Refuses elements that the visitor did not take.
    pub(super) fn finish(self) -> Result<(), DecodeErrorKind> {
        self.reader.surface();
        match self.left {
            0 => Ok(()),
            _ => Err(DecodeErrorKind::OverCapacity),
        }
    }

    fn value<S: DeserializeSeed<'de>>(
        &mut self,
        ty: TypeId,
        seed: S,
    ) -> Result<S::Value, DecodeErrorKind> {
        seed.deserialize(Value {
            reader: &mut *self.reader,
            ty,
            sent: self.sent,
        })
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, '_, 'de> {
    type Error = DecodeErrorKind;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeErrorKind> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        self.value(self.element, seed).map(Some)
    }
}

impl<'de> MapAccess<'de> for &mut Elements<'_, '_, 'de> {
    type Error = DecodeErrorKind;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeErrorKind> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        self.value(self.key, seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, DecodeErrorKind> {
        self.value(self.element, seed)
    }
}

/// An enum variant without content.
pub(super) enum Variant<'de> {
    Named(&'de str),
    Numbered(u32),
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = DecodeErrorKind;
    type Variant = NoContent<'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, NoContent<'de>), DecodeErrorKind> {
        let variant = match self {
            Self::Named(name) => {
                let name: StrDeserializer<'_, DecodeErrorKind> = name.into_deserializer();
                seed.deserialize(name)
            }
            Self::Numbered(number) => {
                let number: U32Deserializer<DecodeErrorKind> = number.into_deserializer();
                seed.deserialize(number)
            }
        };
        Ok((variant?, NoContent(PhantomData)))
    }
}

/// The empty content of an enum variant.
pub(super) struct NoContent<'de>(PhantomData<&'de ()>);

impl<'de> VariantAccess<'de> for NoContent<'de> {
    type Error = DecodeErrorKind;

    fn unit_variant(self) -> Result<(), DecodeErrorKind> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        _seed: S,
    ) -> Result<S::Value, DecodeErrorKind> {
        Err(DecodeErrorKind::Unsupported)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        _visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        Err(DecodeErrorKind::Unsupported)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        Err(DecodeErrorKind::Unsupported)
    }
}
