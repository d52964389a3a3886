//! The keys of maps: JSON has only strings.

use super::error::{Trace, shown};
use super::place::Place;
use super::scalar;
use super::value::Value;
use crate::schema::find;
use bellwire::schema::Type;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, VariantAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;

const NO_KEY: &str = "JSON has no form for the keys of this map";

/// Converts a JSON key to a value.
///
/// # Errors
/// Returns the problem.
pub(super) fn read(place: Place<'_>, key: &str) -> Result<Value, String> {
    let place = place.resolve()?;
    let wrong = || {
        format!(
            "expected a key of type {}, found \"{}\"",
            place.expected(),
            shown(key)
        )
    };
    match place.ty {
        Type::Str => Ok(Value::Str(key.to_owned())),
        Type::Char => scalar::character(key).ok_or_else(wrong),
        Type::Option(some) => {
            let some = read(place.inside(some), key)?;
            Ok(Value::Option(Some(Box::new(some))))
        }
        Type::Enum(name, variants) => match find(variants, key, 0) {
            Some(number) if variants[number].1.is_none() => Ok(Value::Variant {
                name,
                index: u32::try_from(number).unwrap_or(u32::MAX),
                variant: variants[number].0,
                content: None,
            }),
            _ => Err(wrong()),
        },
        ty if !scalar::is_scalar(ty) || *ty == Type::Unit => Err(NO_KEY.to_owned()),
        // The text must be JSON: Rust accepts other numbers too.
        _ if serde_json::from_str::<&RawValue>(key).is_ok() => {
            scalar::read(&place, key).map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}

/// Decodes a key of a payload to the text of its JSON key.
pub(super) struct KeySeed<'p, 'w> {
    pub(super) place: Place<'p>,
    pub(super) trace: &'w mut Trace,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_, '_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let place = match self.place.resolve() {
            Ok(place) => place,
            Err(problem) => return Err(self.trace.fail(problem)),
        };
        let trace = self.trace;
        match place.ty {
            Type::Str => String::deserialize(deserializer),
            Type::Char => Ok(char::deserialize(deserializer)?.into()),
            Type::Bool => bool::deserialize(deserializer).map(|key| key.to_string()),
            Type::I8 => i8::deserialize(deserializer).map(|key| key.to_string()),
            Type::I16 => i16::deserialize(deserializer).map(|key| key.to_string()),
            Type::I32 => i32::deserialize(deserializer).map(|key| key.to_string()),
            Type::I64 => i64::deserialize(deserializer).map(|key| key.to_string()),
            Type::I128 => i128::deserialize(deserializer).map(|key| key.to_string()),
            Type::U8 => u8::deserialize(deserializer).map(|key| key.to_string()),
            Type::U16 => u16::deserialize(deserializer).map(|key| key.to_string()),
            Type::U32 => u32::deserialize(deserializer).map(|key| key.to_string()),
            Type::U64 => u64::deserialize(deserializer).map(|key| key.to_string()),
            Type::U128 => u128::deserialize(deserializer).map(|key| key.to_string()),
            Type::F32 => float(f32::deserialize(deserializer)?, trace),
            Type::F64 => float(f64::deserialize(deserializer)?, trace),
            Type::Option(_) => deserializer.deserialize_option(KeySeed { place, trace }),
            Type::Enum(name, _) => {
                deserializer.deserialize_enum(name, &[], KeySeed { place, trace })
            }
            _ => Err(trace.fail(NO_KEY)),
        }
    }
}

/// Returns the JSON text of a float.
fn float<T: Serialize, E: Error>(key: T, trace: &mut Trace) -> Result<String, E> {
    match serde_json::to_string(&key) {
        Ok(text) if text != "null" => Ok(text),
        _ => Err(trace.fail("JSON has no form for a key that is NaN or infinite")),
    }
}

impl<'de> Visitor<'de> for KeySeed<'_, '_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_none<E: Error>(self) -> Result<String, E> {
        Err(self.trace.fail("JSON has no form for a key that is absent"))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let Type::Option(some) = self.place.ty else {
            return Err(self.trace.fail(NO_KEY));
        };
        let place = self.place.inside(some);
        let trace = self.trace;
        KeySeed { place, trace }.deserialize(deserializer)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<String, A::Error> {
        let Type::Enum(_, variants) = self.place.ty else {
            return Err(self.trace.fail(NO_KEY));
        };
        let (index, access) = access.variant_seed(super::write::VariantSeed(variants))?;
        match variants[index] {
            (name, None) => {
                access.unit_variant()?;
                Ok(name.to_owned())
            }
            _ => Err(self.trace.fail("JSON has no form for a key with content")),
        }
    }
}
