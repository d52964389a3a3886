//! Decodes a fixed-capacity level in place, field by field.
//!
//! serde's derived code builds all fields, moves them into a level, and moves that into the outer
//! level. On a small machine these copies are most of the stack that a request takes.

use super::map::{Entries, Keys};
use super::{Level, Nested};
use crate::format::TOO_DEEP;
use core::fmt;
use heapless::VecView;
use heapless::string::StringView;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The names of the fields, in the order of the wire.
const FIELDS: &[&str] = &["N", "S", "M", "P", "C"];

/// The index of `C` in [`FIELDS`]: the last.
const INSIDE: usize = 4;

impl<'de, C: Nested, const S: usize, const P: usize, const M: usize, const KEY: usize>
    Deserialize<'de> for Level<C, S, P, M, KEY>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut level = Self::default();
        fill(&mut level, deserializer)?;
        Ok(level)
    }

    fn deserialize_in_place<D: Deserializer<'de>>(
        deserializer: D,
        place: &mut Self,
    ) -> Result<(), D::Error> {
        let Self { n, s, m, p, c } = place;
        *n = 0;
        s.clear();
        m.clear();
        p.clear();
        *c = None;
        fill(place, deserializer)
    }
}

/// A level that is filled in place. It is a trait object: levels of all capacities share one copy of the code.
pub trait Place {
    /// Returns the fields that every level has.
    fn plain(&mut self) -> Plain<'_>;

    /// Puts an empty next level into this one and returns it, or returns `None` if the nesting
    /// ends.
    fn inside(&mut self) -> Option<&mut dyn Place>;
}

/// The fields `N`, `S`, `M` and `P`.
#[allow(missing_debug_implementations)] // cannot be named outside this module
pub struct Plain<'a> {
    n: &'a mut i64,
    s: &'a mut StringView,
    m: &'a mut dyn Keys,
    p: &'a mut VecView<u8>,
}

impl<C: Nested, const S: usize, const P: usize, const M: usize, const KEY: usize> Place
    for Level<C, S, P, M, KEY>
{
    fn plain(&mut self) -> Plain<'_> {
        let Self { n, s, m, p, .. } = self;
        Plain { n, s, m, p }
    }

    fn inside(&mut self) -> Option<&mut dyn Place> {
        C::put(&mut self.c)
    }
}

fn fill<'de, D: Deserializer<'de>>(level: &mut dyn Place, deserializer: D) -> Result<(), D::Error> {
    deserializer.deserialize_struct("complexData", FIELDS, Fields(level))
}

/// Visits all fields of a level.
struct Fields<'a>(&'a mut dyn Place);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct complexData")
    }

    /// Leaves the level empty. [`ValueReader::read`](crate::format::ValueReader::read) then fills it.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        for index in 0..FIELDS.len() {
            let field = Field(&mut *self.0, index);
            if access.next_element_seed(field)?.is_none() {
                return Err(A::Error::invalid_length(index, &"struct complexData"));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let mut come = [false; FIELDS.len()];
        while let Some(Name(index)) = access.next_key()? {
            if let (Some(come), Some(name)) = (come.get_mut(index), FIELDS.get(index)) {
                if *come {
                    return Err(A::Error::duplicate_field(name));
                }
                *come = true;
            }
            access.next_value_seed(Field(&mut *self.0, index))?;
        }
        // `C` may be left out.
        let mut needed = FIELDS.iter().zip(come).take(INSIDE);
        match needed.find(|(_, come)| !come) {
            Some((name, _)) => Err(A::Error::missing_field(name)),
            None => Ok(()),
        }
    }
}

/// A field's index in [`FIELDS`], found by its name. An unknown field has an index past the end.
struct Name(usize);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(Self(FIELDS.len()))
    }
}

impl Visitor<'_> for Name {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self, E> {
        self.visit_bytes(name.as_bytes())
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Self, E> {
        let known = FIELDS.iter().position(|field| field.as_bytes() == name);
        Ok(known.map_or(self, Self))
    }

    fn visit_u64<E: Error>(self, place: u64) -> Result<Self, E> {
        Ok(usize::try_from(place).map_or(self, Self))
    }
}

/// One field of a level, by its index in [`FIELDS`].
struct Field<'a>(&'a mut dyn Place, usize);

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(level, index) = self;
        if index == INSIDE {
            return deserializer.deserialize_option(Inside(level));
        }
        let Plain { n, s, m, p } = level.plain();
        match index {
            0 => *n = Deserialize::deserialize(deserializer)?,
            1 => deserializer.deserialize_str(Text(s))?,
            2 => deserializer.deserialize_map(Entries(m))?,
            3 => deserializer.deserialize_bytes(Bytes(p))?,
            _ => drop(IgnoredAny::deserialize(deserializer)?),
        }
        Ok(())
    }
}

/// Names a text in error sentences.
pub(super) const TEXT: &str = "text within its capacity";

/// Text.
struct Text<'a>(&'a mut StringView);

impl Visitor<'_> for Text<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TEXT)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let full = |_| E::invalid_length(text.len(), &TEXT);
        self.0.push_str(text).map_err(full)
    }
}

/// Bytes, as one byte string or as a sequence.
struct Bytes<'a>(&'a mut VecView<u8>);

impl<'de> Visitor<'de> for Bytes<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes within their capacity")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<(), E> {
        let full = |_| E::invalid_length(bytes.len(), &"bytes within their capacity");
        self.0.extend_from_slice(bytes).map_err(full)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while let Some(byte) = access.next_element()? {
            if self.0.push(byte).is_err() {
                return Err(A::Error::invalid_length(self.0.len() + 1, &self));
            }
        }
        Ok(())
    }
}

/// The next level, if there is one.
struct Inside<'a>(&'a mut dyn Place);

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct complexData, or nothing")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0.inside() {
            Some(level) => fill(level, deserializer),
            None => Err(D::Error::invalid_value(TOO_DEEP, &"no further level")),
        }
    }
}
