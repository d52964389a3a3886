//! How a fixed-capacity level is read: field by field, each in its place.
//!
//! What serde derives makes all the fields, then the level of them, then moves that into the level
//! around it. On a small machine these copies are most of the stack that a request takes.

use super::{Level, Map, Nested, P_CAPACITY, S_CAPACITY};
use core::fmt;
use heapless::{String, Vec};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// The fields, as they are named and ordered on the wire.
const FIELDS: &[&str] = &["N", "S", "M", "P", "C"];

impl<'de, C: Nested> Deserialize<'de> for Level<C> {
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

/// Reads the level inside another in its place there.
pub(super) fn inside<'de, C: Nested, D: Deserializer<'de>>(
    place: &mut Option<Level<C>>,
    deserializer: D,
) -> Result<(), D::Error> {
    fill(place.insert(Level::default()), deserializer)
}

fn fill<'de, C: Nested, D: Deserializer<'de>>(
    level: &mut Level<C>,
    deserializer: D,
) -> Result<(), D::Error> {
    deserializer.deserialize_struct("complexData", FIELDS, Fields(level))
}

/// All the fields of a level.
struct Fields<'a, C: Nested>(&'a mut Level<C>);

impl<'de, C: Nested> Visitor<'de> for Fields<'_, C> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct complexData")
    }

    /// An empty level, which is then filled; see `format::whole`.
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
        match FIELDS
            .iter()
            .zip(come)
            .find(|(name, come)| !come && **name != "C")
        {
            Some((name, _)) => Err(A::Error::missing_field(name)),
            None => Ok(()),
        }
    }
}

/// A field's place among [`FIELDS`], or behind them, by its name.
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

/// One field of a level, by its place among [`FIELDS`].
struct Field<'a, C: Nested>(&'a mut Level<C>, usize);

impl<'de, C: Nested> DeserializeSeed<'de> for Field<'_, C> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(Level { n, s, m, p, c }, index) = self;
        match index {
            4 => deserializer.deserialize_option(Inside(c)),
            _ => plain_field(index, n, s, m, p, deserializer),
        }
    }
}

/// A field that is the same in all levels, so that its code is there once.
#[inline(never)]
fn plain_field<'de, D: Deserializer<'de>>(
    index: usize,
    n: &mut i64,
    s: &mut String<S_CAPACITY>,
    m: &mut Map,
    p: &mut Vec<u8, P_CAPACITY>,
    deserializer: D,
) -> Result<(), D::Error> {
    match index {
        0 => *n = Deserialize::deserialize(deserializer)?,
        1 => deserializer.deserialize_str(Text(s))?,
        2 => deserializer.deserialize_map(Entries(m))?,
        3 => deserializer.deserialize_bytes(Bytes(p))?,
        _ => drop(IgnoredAny::deserialize(deserializer)?),
    }
    Ok(())
}

/// The entries of a map, which is refused when a key comes twice.
struct Entries<'a>(&'a mut Map);

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of text to integer within its capacity")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while let Some((key, value)) = access.next_entry()? {
            match self.0.insert(key, value) {
                Ok(None) => {}
                Ok(Some(_)) => return Err(A::Error::duplicate_field("key")),
                Err(_) => return Err(A::Error::invalid_length(self.0.len() + 1, &self)),
            }
        }
        Ok(())
    }
}

/// Text.
struct Text<'a>(&'a mut String<S_CAPACITY>);

impl Visitor<'_> for Text<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text within its capacity")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let full = |_| E::invalid_length(text.len(), &"text within its capacity");
        self.0.push_str(text).map_err(full)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<(), E> {
        let wrong = |_| E::invalid_value(Unexpected::Bytes(bytes), &"text in UTF-8");
        self.visit_str(str::from_utf8(bytes).map_err(wrong)?)
    }
}

/// Bytes, in one piece or one by one.
struct Bytes<'a>(&'a mut Vec<u8, P_CAPACITY>);

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
                return Err(A::Error::invalid_length(P_CAPACITY + 1, &self));
            }
        }
        Ok(())
    }
}

/// The level inside, if there is one.
struct Inside<'a, C: Nested>(&'a mut Option<C>);

impl<'de, C: Nested> Visitor<'de> for Inside<'_, C> {
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
        C::read(self.0, deserializer)
    }
}
