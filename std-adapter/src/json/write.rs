//! Writes JSON from a payload, by a description.

use super::MAX_TEXT;
use super::error::{JsonError, Step, Trace};
use super::key::KeySeed;
use super::place::Place;
use crate::schema::{field_names, find};
use bellwire::DecodeError;
use bellwire::schema::Type;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;

/// A JSON text that grows.
#[derive(Default)]
struct Output {
    text: Vec<u8>,
    /// The number of bytes written. Some may have been moved out of `text`.
    written: usize,
    trace: Trace,
}

/// Returns the JSON of a value of the type `ty`. `decode` must decode the value with the seed that it gets.
pub(super) fn write(
    ty: &'static Type,
    decode: impl FnOnce(Seed<'_, '_>) -> Result<(), DecodeError>,
) -> Result<String, JsonError> {
    let mut output = Output::default();
    let place = Place::root(ty);
    match decode(Seed {
        place,
        output: &mut output,
    }) {
        Ok(()) => Ok(String::from_utf8(output.text).expect("serde_json writes UTF-8")),
        // The path has the field.
        Err(error) => Err(output.trace.into_error(error.kind)),
    }
}

impl Output {
    fn put<E: Error>(&mut self, text: &str) -> Result<(), E> {
        self.text.extend_from_slice(text.as_bytes());
        self.count(text.len())
    }

    /// Writes a value without parts, or bytes.
    fn json<T: Serialize + ?Sized, E: Error>(&mut self, value: &T) -> Result<(), E> {
        let before = self.text.len();
        if let Err(error) = serde_json::to_writer(&mut self.text, value) {
            return Err(self.trace.fail(error));
        }
        self.count(self.text.len() - before)
    }

    fn count<E: Error>(&mut self, size: usize) -> Result<(), E> {
        self.written += size;
        if self.written > MAX_TEXT {
            return Err(self.trace.fail("the JSON text is too long"));
        }
        Ok(())
    }
}

/// Writes one decoded value to the output.
pub(super) struct Seed<'p, 'w> {
    place: Place<'p>,
    output: &'w mut Output,
}

impl Seed<'_, '_> {
    fn fail<T, E: Error>(self, problem: impl fmt::Display) -> Result<T, E> {
        Err(self.output.trace.fail(problem))
    }

    /// Returns the seed of a part of this value.
    fn inside<'s>(&'s mut self, ty: &'static Type) -> Seed<'s, 's> {
        Seed {
            place: self.place.inside(ty),
            output: &mut *self.output,
        }
    }

    /// Decodes a value without parts.
    fn plain<'de, T: Deserialize<'de> + Serialize, D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<(), D::Error> {
        self.output.json(&T::deserialize(deserializer)?)
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        match self.place.resolve() {
            Ok(place) => self.place = place,
            Err(problem) => return self.fail(problem),
        }
        match self.place.ty {
            Type::Unit => self.plain::<(), D>(deserializer),
            Type::Bool => self.plain::<bool, D>(deserializer),
            Type::I8 => self.plain::<i8, D>(deserializer),
            Type::I16 => self.plain::<i16, D>(deserializer),
            Type::I32 => self.plain::<i32, D>(deserializer),
            Type::I64 => self.plain::<i64, D>(deserializer),
            Type::I128 => self.plain::<i128, D>(deserializer),
            Type::U8 => self.plain::<u8, D>(deserializer),
            Type::U16 => self.plain::<u16, D>(deserializer),
            Type::U32 => self.plain::<u32, D>(deserializer),
            Type::U64 => self.plain::<u64, D>(deserializer),
            Type::U128 => self.plain::<u128, D>(deserializer),
            Type::F32 => self.plain::<f32, D>(deserializer),
            Type::F64 => self.plain::<f64, D>(deserializer),
            Type::Char => self.plain::<char, D>(deserializer),
            Type::Str => self.plain::<String, D>(deserializer),
            Type::Bytes => deserializer.deserialize_bytes(self),
            Type::Option(_) => deserializer.deserialize_option(self),
            Type::Seq(_) => deserializer.deserialize_seq(self),
            Type::Array(length, _) => match usize::try_from(*length) {
                Ok(length) => deserializer.deserialize_tuple(length, self),
                Err(_) => self.fail("the array is too long"),
            },
            Type::Tuple(elements) => deserializer.deserialize_tuple(elements.len(), self),
            Type::Map(..) => deserializer.deserialize_map(self),
            Type::Struct(name, fields) => match field_names(fields) {
                Some(names) => deserializer.deserialize_struct(name, names, self),
                None => self.fail("this process holds 1 MiB of descriptions already"),
            },
            // No format asks for the names of all variants.
            Type::Enum(name, _) => deserializer.deserialize_enum(name, &[], self),
            _ => self.fail("the description contains an unknown type"),
        }
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place.expected())
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<(), E> {
        self.output.json(bytes)
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.output.put("null")
    }

    fn visit_some<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        match self.place.ty {
            Type::Option(some) => self.inside(some).deserialize(deserializer),
            _ => self.fail("unexpected optional value"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        if let Type::Struct(_, fields) = self.place.ty {
            return self.visit_fields(fields, access);
        }
        self.output.put("[")?;
        let mut index = 0;
        while let Some(ty) = self.place.element(index) {
            let end = self.output.text.len();
            if index > 0 {
                self.output.put(",")?;
            }
            self.output.trace.enter(Step::Index(index));
            if access.next_element_seed(self.inside(ty))?.is_none() {
                self.output.text.truncate(end);
                self.output.trace.leave();
                break;
            }
            self.output.trace.leave();
            index += 1;
        }
        self.output.put("]")
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<(), A::Error> {
        match self.place.ty {
            Type::Map(key, value) => self.visit_entries(key, value, access),
            Type::Struct(_, fields) => self.visit_named_fields(fields, access),
            _ => self.fail("unexpected map"),
        }
    }

    fn visit_enum<A: EnumAccess<'de>>(mut self, access: A) -> Result<(), A::Error> {
        let Type::Enum(_, variants) = self.place.ty else {
            return self.fail("unexpected enum");
        };
        let (index, access) = access.variant_seed(VariantSeed(variants))?;
        let (name, content) = &variants[index];
        let Some(content) = content else {
            access.unit_variant()?;
            return self.output.json(name);
        };
        self.begin_field(name, "{")?;
        access.newtype_variant_seed(self.inside(content))?;
        self.output.trace.leave();
        self.output.put("}")
    }
}

impl Seed<'_, '_> {
    /// Writes a field's name, after `mark`.
    fn begin_field<E: Error>(&mut self, name: &'static str, mark: &str) -> Result<(), E> {
        self.output.put(mark)?;
        self.output.json(name)?;
        self.output.put(":")?;
        self.output.trace.enter(Step::Name(name));
        Ok(())
    }

    /// Writes the fields of a struct that come in the type's order.
    fn visit_fields<'de, A: SeqAccess<'de>>(
        mut self,
        fields: &'static [(&'static str, Type)],
        mut access: A,
    ) -> Result<(), A::Error> {
        let mut mark = "{";
        for (name, ty) in fields {
            self.begin_field(name, mark)?;
            mark = ",";
            if access.next_element_seed(self.inside(ty))?.is_none() {
                return self.fail("missing");
            }
            self.output.trace.leave();
        }
        self.output.put(if fields.is_empty() { "{}" } else { "}" })
    }

    /// Writes the fields of a struct that come with their names in any order.
    fn visit_named_fields<'de, A: MapAccess<'de>>(
        mut self,
        fields: &'static [(&'static str, Type)],
        mut access: A,
    ) -> Result<(), A::Error> {
        let mut values: Vec<Option<Vec<u8>>> = fields.iter().map(|_| None).collect();
        let mut likely = 0;
        while let Some(key) = access.next_key::<String>()? {
            let Some(index) = find(fields, &key, likely) else {
                access.next_value::<IgnoredAny>()?;
                continue;
            };
            let (name, ty) = &fields[index];
            let start = self.output.text.len();
            self.output.trace.enter(Step::Name(name));
            if values[index].is_some() {
                return self.fail("given twice");
            }
            access.next_value_seed(self.inside(ty))?;
            self.output.trace.leave();
            values[index] = Some(self.output.text.split_off(start));
            likely = index + 1;
        }
        let mut mark = "{";
        for ((name, _), value) in fields.iter().zip(values) {
            self.begin_field(name, mark)?;
            mark = ",";
            match value {
                Some(json) => self.output.text.extend(json),
                None => return self.fail("missing"),
            }
            self.output.trace.leave();
        }
        self.output.put(if fields.is_empty() { "{}" } else { "}" })
    }

    fn visit_entries<'de, A: MapAccess<'de>>(
        mut self,
        key: &'static Type,
        value: &'static Type,
        mut access: A,
    ) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        self.output.put("{")?;
        loop {
            let place = self.place.inside(key);
            let trace = &mut self.output.trace;
            let Some(key) = access.next_key_seed(KeySeed { place, trace })? else {
                break;
            };
            if !keys.is_empty() {
                self.output.put(",")?;
            }
            self.output.json(&key)?;
            self.output.put(":")?;
            self.output.trace.enter(Step::Key(key.clone()));
            if !keys.insert(key) {
                return self.fail("given twice");
            }
            access.next_value_seed(self.inside(value))?;
            self.output.trace.leave();
        }
        self.output.put("}")
    }
}

/// Finds a variant by its number or its name.
pub(super) struct VariantSeed(pub(super) &'static [(&'static str, Option<Type>)]);

impl<'de> DeserializeSeed<'de> for VariantSeed {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for VariantSeed {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a variant")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<usize, E> {
        let number = usize::try_from(number).ok();
        let index = number.filter(|number| *number < self.0.len());
        index.ok_or_else(|| E::custom("no variant has this number"))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        find(self.0, name, 0).ok_or_else(|| E::custom("no variant has this name"))
    }
}
