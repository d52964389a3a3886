//! Decodes the contents of postcard's containers: fields, elements, entries and variants.

use super::reader::Reader;
use crate::error::DecodeErrorKind;
use serde::de::value::U32Deserializer;
use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

impl<'de> Reader<'de> {
    /// Reads a sequence or map. `visit` must take all its elements or entries.
    pub(super) fn elements<T>(
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

/// The fields of a struct or tuple.
pub(super) struct Fields<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) left: usize,
    /// The names of a struct's unread fields.
    pub(super) names: &'static [&'static str],
}

impl<'de> SeqAccess<'de> for Fields<'_, 'de> {
    type Error = DecodeErrorKind;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeErrorKind> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        let outer = self.reader.field;
        if let [first, rest @ ..] = self.names {
            self.reader.field = Some(*first);
            self.names = rest;
        }
        let value = seed.deserialize(&mut *self.reader).map(Some);
        if value.is_ok() {
            self.reader.field = outer;
        }
        value
    }
}

/// The elements of a sequence or the entries of a map.
pub(super) struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: usize,
    /// The number of unread bytes at the start of the current element or entry.
    unread: usize,
}

impl<'r, 'de> Elements<'r, 'de> {
    /// Creates the access to `left` elements or entries. The reader has added them to `owed`.
    pub(super) fn new(reader: &'r mut Reader<'de>, left: usize) -> Self {
        Self {
            unread: reader.rest.len(),
            reader,
            left,
        }
    }

    /// Returns `value`, or an error if elements or entries are unread.
    pub(super) fn finish<T>(&self, value: T) -> Result<T, DecodeErrorKind> {
        match self.left {
            0 => Ok(value),
            _ => Err(DecodeErrorKind::LeftOver),
        }
    }

    /// Begins the next element or entry. Returns whether there is one.
    fn begin(&mut self) -> bool {
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        self.reader.owed = self.reader.owed.saturating_sub(1);
        self.unread = self.reader.rest.len();
        true
    }

    /// Ends an element or entry. It must have taken at least one byte, because a count of elements without bytes
    /// is not bounded by the payload.
    fn complete<T>(&self, value: T) -> Result<T, DecodeErrorKind> {
        if self.reader.rest.len() < self.unread {
            Ok(value)
        } else {
            Err(DecodeErrorKind::BadLength)
        }
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = DecodeErrorKind;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeErrorKind> {
        if !self.begin() {
            return Ok(None);
        }
        let value = seed.deserialize(&mut *self.reader).map(Some)?;
        self.complete(value)
    }

    /// The hint is safe: each element takes at least one byte of the payload.
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for &mut Elements<'_, 'de> {
    type Error = DecodeErrorKind;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeErrorKind> {
        if !self.begin() {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        let value = seed.deserialize(&mut *self.reader)?;
        self.complete(value)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// An enum variant: its index and its content.
pub(super) struct Variant<'r, 'de>(pub(super) &'r mut Reader<'de>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeErrorKind;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), DecodeErrorKind> {
        let index = U32Deserializer::<DecodeErrorKind>::new(self.0.unsigned(32)?);
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeErrorKind;

    fn unit_variant(self) -> Result<(), DecodeErrorKind> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, DecodeErrorKind> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.0.fields(len, &[], visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeErrorKind> {
        self.0.fields(fields.len(), fields, visitor)
    }
}
