//! What stands inside a value: elements, entries, fields.

use super::reader::Reader;
use super::types::{Fields, TypeId};
use super::value::Value;
use super::wire::take_size;
use crate::error::Flaw;
use core::marker::PhantomData;
use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess};
use serde::de::{VariantAccess, Visitor};

/// The most fields of a struct that values are decoded to: one bit each.
const MAX_WANTED: usize = 64;

/// The elements of a sequence, or the entries of a map.
pub(super) struct Elements<'r, 't, 'de> {
    pub(super) reader: &'r mut Reader<'t, 'de>,
    pub(super) left: usize,
    pub(super) key: TypeId,
    pub(super) element: TypeId,
    pub(super) sent: bool,
}

impl<'de> Elements<'_, '_, 'de> {
    /// Leaves the elements, and refuses what the visitor did not take.
    pub(super) fn finish(self) -> Result<(), Flaw> {
        self.reader.surface();
        match self.left {
            0 => Ok(()),
            _ => Err(Flaw::OverCapacity),
        }
    }

    fn value<S: DeserializeSeed<'de>>(&mut self, ty: TypeId, seed: S) -> Result<S::Value, Flaw> {
        seed.deserialize(Value {
            reader: &mut *self.reader,
            ty,
            sent: self.sent,
        })
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, '_, 'de> {
    type Error = Flaw;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Flaw> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        self.value(self.element, seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for &mut Elements<'_, '_, 'de> {
    type Error = Flaw;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Flaw> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        self.value(self.key, seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Flaw> {
        self.value(self.element, seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The fields of a struct: first those that the sender's type has, each with its value or, where
/// that was zero, without; then those that only the receiver's type has.
pub(super) struct Structure<'r, 't, 'de> {
    reader: &'r mut Reader<'t, 'de>,
    /// Those of the sender's type that are still to come.
    fields: Fields<'t>,
    wanted: Option<&'static [&'static str]>,
    /// Which of the wanted ones have come.
    come: u64,
    /// How many fields on is the next one that was sent.
    ahead: Ahead,
    /// The field whose key was given out last.
    present: Option<Field>,
    /// Whether a field that both types have must still come.
    must_match: bool,
}

enum Ahead {
    /// It is to be read.
    Unread,
    Gap(usize),
    /// There is none.
    None,
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
        sent: bool,
    ) -> Self {
        // As in Go, two types without a common field are no match, at the outermost level.
        let outermost = core::mem::replace(&mut reader.outermost, false);
        let can_match = !fields.is_empty() && wanted.is_some_and(|wanted| !wanted.is_empty());
        Self {
            reader,
            must_match: outermost && can_match,
            fields,
            wanted,
            come: 0,
            ahead: if sent { Ahead::Unread } else { Ahead::None },
            present: None,
        }
    }

    /// Leaves the struct, and refuses what the visitor did not take.
    pub(super) fn finish(self) -> Result<(), Flaw> {
        self.reader.surface();
        match self.ahead {
            Ahead::None => Ok(()),
            _ => Err(Flaw::LeftOver),
        }
    }

    /// Whether the next field of the sender's type was sent.
    fn is_sent(&mut self) -> Result<bool, Flaw> {
        let gap = match self.ahead {
            Ahead::Unread => take_size(&mut self.reader.message)?,
            Ahead::Gap(gap) => gap,
            Ahead::None => 0,
        };
        self.ahead = match gap {
            0 => Ahead::None,
            1 => Ahead::Unread,
            _ => Ahead::Gap(gap.saturating_sub(1)),
        };
        Ok(gap == 1)
    }

    /// Refuses a field that the sender's type does not have.
    fn end(&mut self) -> Result<(), Flaw> {
        self.is_sent()?;
        match self.ahead {
            Ahead::None => Ok(()),
            _ => Err(Flaw::BadValue),
        }
    }

    /// The next field for the receiver, and its name.
    fn next(&mut self) -> Result<Option<(&'t str, Field)>, Flaw> {
        while let Some((name, ty)) = self.fields.next()? {
            let sent = self.is_sent()?;
            let Some(wanted) = self.wanted else {
                if sent {
                    let name = core::str::from_utf8(name).map_err(|_| Flaw::BadUtf8)?;
                    let field = Field {
                        name: None,
                        ty,
                        sent,
                    };
                    return Ok(Some((name, field)));
                }
                continue;
            };
            match self.place_of(name, wanted) {
                Some(index) => {
                    self.must_match = false;
                    return self.known(wanted, index, ty, sent).map(Some);
                }
                None if sent => self.reader.skip(ty)?,
                None => {}
            }
        }
        if !matches!(self.ahead, Ahead::None) {
            self.end()?;
        }
        if self.must_match {
            return Err(Flaw::WrongType);
        }
        let Some(wanted) = self.wanted else {
            return Ok(None);
        };
        let missing = self.come.trailing_ones() as usize;
        if missing >= wanted.len() {
            return Ok(None);
        }
        self.known(wanted, missing, TypeId::NONE, false).map(Some)
    }

    /// Where a field of the sender's type stands among the receiver's: mostly behind the last one.
    fn place_of(&self, name: &[u8], wanted: &'static [&'static str]) -> Option<usize> {
        let next = (u64::BITS - self.come.leading_zeros()) as usize;
        match wanted.get(next) {
            Some(wanted) if wanted.as_bytes() == name => Some(next),
            _ => wanted.iter().position(|wanted| wanted.as_bytes() == name),
        }
    }

    fn known(
        &mut self,
        wanted: &'static [&'static str],
        index: usize,
        ty: TypeId,
        sent: bool,
    ) -> Result<(&'t str, Field), Flaw> {
        if index >= MAX_WANTED {
            return Err(Flaw::Unsupported);
        }
        self.come |= bit(index);
        let name = wanted.get(index).copied().unwrap_or("");
        let field = Field {
            name: Some(name),
            ty,
            sent,
        };
        Ok((name, field))
    }
}

fn bit(index: usize) -> u64 {
    match u32::try_from(index) {
        Ok(index) => 1u64.checked_shl(index).unwrap_or(0),
        Err(_) => 0,
    }
}

impl<'de> MapAccess<'de> for &mut Structure<'_, '_, 'de> {
    type Error = Flaw;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Flaw> {
        let Some((name, field)) = self.next()? else {
            return Ok(None);
        };
        self.present = Some(field);
        let name: StrDeserializer<'_, Flaw> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Flaw> {
        let field = self.present.take().ok_or(Flaw::Unsupported)?;
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

/// An enum variant without content.
pub(super) enum Variant<'de> {
    Named(&'de str),
    Numbered(u32),
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Flaw;
    type Variant = NoContent<'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, NoContent<'de>), Flaw> {
        let variant = match self {
            Self::Named(name) => {
                let name: StrDeserializer<'_, Flaw> = name.into_deserializer();
                seed.deserialize(name)
            }
            Self::Numbered(number) => {
                let number: U32Deserializer<Flaw> = number.into_deserializer();
                seed.deserialize(number)
            }
        };
        Ok((variant?, NoContent(PhantomData)))
    }
}

/// What an enum variant holds: nothing.
pub(super) struct NoContent<'de>(PhantomData<&'de ()>);

impl<'de> VariantAccess<'de> for NoContent<'de> {
    type Error = Flaw;

    fn unit_variant(self) -> Result<(), Flaw> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _seed: S) -> Result<S::Value, Flaw> {
        Err(Flaw::Unsupported)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Flaw> {
        Err(Flaw::Unsupported)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Flaw> {
        Err(Flaw::Unsupported)
    }
}
