//! Reads JSON by a description.

use super::error::{JsonError, Step, Trace, shown};
use super::key;
use super::place::Place;
use super::scalar;
use super::value::Value;
use crate::schema::find;
use bellwire::schema::Type;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt;

/// The most values in a JSON text, with those of missing optional fields.
const MAX_VALUES: usize = if cfg!(fuzzing) { 65_536 } else { 8 << 20 };

/// Reads a JSON text that contains one value of the type `ty`.
pub(super) fn read(ty: &'static Type, json: &str) -> Result<Value, JsonError> {
    let mut trace = Trace::default();
    let mut left = MAX_VALUES;
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let seed = Seed {
        place: Place::root(ty),
        trace: &mut trace,
        left: &mut left,
    };
    let value = seed.deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| trace.into_error(format_args!("invalid JSON: {error}")))
}

/// Reads a value of one type.
struct Seed<'p, 'r> {
    place: Place<'p>,
    trace: &'r mut Trace,
    /// How many more values may be read.
    left: &'r mut usize,
}

impl Seed<'_, '_> {
    fn fail<T, E: Error>(self, problem: impl fmt::Display) -> Result<T, E> {
        Err(self.trace.fail(problem))
    }

    fn wrong<T, E: Error>(self, found: &str) -> Result<T, E> {
        let expected = self.place.expected();
        self.fail(format_args!("expected {expected}, found {found}"))
    }

    /// Counts a value.
    fn count<E: Error>(&mut self) -> Result<(), E> {
        match self.left.checked_sub(1) {
            Some(left) => *self.left = left,
            None => return Err(self.trace.fail("too many values")),
        }
        Ok(())
    }

    /// Returns the seed of a part of this value.
    fn inside<'s>(&'s mut self, ty: &'static Type) -> Seed<'s, 's> {
        Seed {
            place: self.place.inside(ty),
            trace: &mut *self.trace,
            left: &mut *self.left,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Value, D::Error> {
        match self.place.resolve() {
            Ok(place) => self.place = place,
            Err(problem) => return self.fail(problem),
        }
        self.count()?;
        match self.place.ty {
            Type::Option(_) => deserializer.deserialize_option(self),
            ty if scalar::is_scalar(ty) => {
                let json = <&RawValue>::deserialize(deserializer)?;
                scalar::read(&self.place, json.get()).or_else(|problem| self.fail(problem))
            }
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place.expected())
    }

    fn visit_bool<E: Error>(self, _value: bool) -> Result<Value, E> {
        self.wrong("boolean")
    }

    fn visit_i64<E: Error>(self, _value: i64) -> Result<Value, E> {
        self.wrong("number")
    }

    fn visit_u64<E: Error>(self, _value: u64) -> Result<Value, E> {
        self.wrong("number")
    }

    fn visit_f64<E: Error>(self, _value: f64) -> Result<Value, E> {
        self.wrong("number")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.wrong("null")
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Option(None))
    }

    fn visit_some<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Value, D::Error> {
        let Type::Option(some) = self.place.ty else {
            return self.wrong("a value");
        };
        let some = self.inside(some).deserialize(deserializer)?;
        Ok(Value::Option(Some(Box::new(some))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        let Type::Enum(name, variants) = self.place.ty else {
            return self.wrong("string");
        };
        match find(variants, text, 0) {
            Some(index) if variants[index].1.is_none() => Ok(variant(name, variants, index, None)),
            Some(_) => self.fail(format_args!(
                "the variant {} has content: {{\"{0}\": ...}}",
                shown(text)
            )),
            None => self.fail(unknown("variant", text, name, variants)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        let ty = self.place.ty;
        if !matches!(
            ty,
            Type::Bytes | Type::Seq(_) | Type::Array(..) | Type::Tuple(_)
        ) {
            return self.wrong("array");
        }
        let mut values = Vec::new();
        while let Some(element) = self.place.element(values.len()) {
            self.trace.enter(Step::Index(values.len()));
            let value = access.next_element_seed(self.inside(element))?;
            self.trace.leave();
            let Some(value) = value else {
                break;
            };
            values.push(value);
        }
        let is_list = matches!(ty, Type::Bytes | Type::Seq(_));
        if !is_list && self.place.element(values.len()).is_some() {
            return self.wrong(&values.len().to_string());
        }
        if !is_list && access.next_element::<IgnoredAny>()?.is_some() {
            return self.wrong("more");
        }
        Ok(match ty {
            Type::Seq(_) => Value::Seq(values),
            Type::Bytes => Value::Bytes(values.iter().map(byte).collect()),
            _ => Value::Tuple(values),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        match self.place.ty {
            Type::Struct(name, fields) => self.visit_struct(name, fields, access),
            Type::Map(key, value) => self.visit_entries(key, value, access),
            Type::Enum(name, variants) => self.visit_variant(name, variants, access),
            _ => self.wrong("object"),
        }
    }
}

impl Seed<'_, '_> {
    fn visit_struct<'de, A: MapAccess<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [(&'static str, Type)],
        mut access: A,
    ) -> Result<Value, A::Error> {
        let mut values: Vec<Option<Value>> = fields.iter().map(|_| None).collect();
        let mut likely = 0;
        while let Some(key) = access.next_key::<String>()? {
            let Some(index) = find(fields, &key, likely) else {
                return self.fail(unknown("field", &key, name, fields));
            };
            self.trace.enter(Step::Name(fields[index].0));
            if values[index].is_some() {
                return self.fail("given twice");
            }
            values[index] = Some(access.next_value_seed(self.inside(&fields[index].1))?);
            self.trace.leave();
            likely = index + 1;
        }
        let mut whole = Vec::with_capacity(fields.len());
        for ((name, ty), value) in fields.iter().zip(values) {
            if let Some(value) = value {
                whole.push(value);
            } else if let Type::Option(_) = ty {
                self.count()?;
                whole.push(Value::Option(None));
            } else {
                self.trace.enter(Step::Name(name));
                let expected = match self.place.inside(ty).resolve() {
                    Ok(place) => place.expected(),
                    Err(problem) => problem.to_owned(),
                };
                return self.fail(format_args!("missing, expected {expected}"));
            }
        }
        Ok(Value::Struct {
            name,
            fields,
            values: whole,
        })
    }

    fn visit_entries<'de, A: MapAccess<'de>>(
        mut self,
        key_type: &'static Type,
        value_type: &'static Type,
        mut access: A,
    ) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        let mut keys = HashSet::new();
        while let Some(text) = access.next_key::<String>()? {
            let key = match key::read(self.place.inside(key_type), &text) {
                Ok(key) => key,
                Err(problem) => return self.fail(problem),
            };
            self.trace.enter(Step::Key(text));
            if !keys.insert(format!("{key:?}")) {
                return self.fail("given twice");
            }
            let value = access.next_value_seed(self.inside(value_type))?;
            self.trace.leave();
            entries.push((key, value));
        }
        Ok(Value::Map(entries))
    }

    fn visit_variant<'de, A: MapAccess<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [(&'static str, Option<Type>)],
        mut access: A,
    ) -> Result<Value, A::Error> {
        let Some(key) = access.next_key::<String>()? else {
            return self.wrong("an empty object");
        };
        let Some(index) = find(variants, &key, 0) else {
            return self.fail(unknown("variant", &key, name, variants));
        };
        self.trace.enter(Step::Name(variants[index].0));
        let ty = variants[index].1.as_ref();
        let content = access.next_value_seed(self.inside(ty.unwrap_or(&Type::Unit)))?;
        let content = ty.map(|_| Box::new(content));
        self.trace.leave();
        if access.next_key::<IgnoredAny>()?.is_some() {
            return self.wrong("more than one variant");
        }
        Ok(variant(name, variants, index, content))
    }
}

fn variant(
    name: &'static str,
    variants: &'static [(&'static str, Option<Type>)],
    index: usize,
    content: Option<Box<Value>>,
) -> Value {
    Value::Variant {
        name,
        index: u32::try_from(index).unwrap_or(u32::MAX),
        variant: variants[index].0,
        content,
    }
}

fn byte(value: &Value) -> u8 {
    match value {
        Value::U8(byte) => *byte,
        _ => 0,
    }
}

/// Returns the problem of a name that `ty` does not have. It shows the first names that it has.
fn unknown<T>(what: &str, name: &str, ty: &str, items: &[(&str, T)]) -> String {
    let names: Vec<_> = items
        .iter()
        .take(16)
        .map(|(name, _)| shown(name).to_string())
        .collect();
    let more = if items.len() > names.len() {
        ", ..."
    } else {
        ""
    };
    let names = names.join(", ");
    format!(
        "unknown {what} \"{}\"; {} has {names}{more}",
        shown(name),
        shown(ty)
    )
}
