//! Values without parts, from their JSON text.

use super::place::Place;
use super::value::Value;
use bellwire::schema::Type;
use std::str::FromStr;

/// Returns whether the type's values have no parts.
pub(super) fn is_scalar(ty: &Type) -> bool {
    !matches!(
        ty,
        Type::Option(_)
            | Type::Bytes
            | Type::Seq(_)
            | Type::Array(..)
            | Type::Tuple(_)
            | Type::Map(..)
            | Type::Struct(..)
            | Type::Enum(..)
    )
}

/// Converts one JSON value. `json` is its whole text.
///
/// # Errors
/// Returns the problem: another kind of JSON, or a number out of range.
pub(super) fn read(place: &Place<'_>, json: &str) -> Result<Value, String> {
    let value = match place.ty {
        Type::Bool => number(json, Value::Bool),
        Type::I8 => number(json, Value::I8),
        Type::I16 => number(json, Value::I16),
        Type::I32 => number(json, Value::I32),
        Type::I64 => number(json, Value::I64),
        Type::I128 => number(json, Value::I128),
        Type::U8 => number(json, Value::U8),
        Type::U16 => number(json, Value::U16),
        Type::U32 => number(json, Value::U32),
        Type::U64 => number(json, Value::U64),
        Type::U128 => number(json, Value::U128),
        Type::F32 => number(json, Value::F32)
            .filter(|value| matches!(value, Value::F32(number) if number.is_finite())),
        Type::F64 => number(json, Value::F64)
            .filter(|value| matches!(value, Value::F64(number) if number.is_finite())),
        Type::Char => text(json).and_then(|text| character(&text)),
        Type::Str => text(json).map(Value::Str),
        Type::Unit => (json == "null").then_some(Value::Unit),
        _ => None,
    };
    value.ok_or_else(|| format!("expected {}, found {}", place.expected(), found(json)))
}

/// Parses a number or a boolean, whose JSON is also Rust.
fn number<T: FromStr>(json: &str, value: impl FnOnce(T) -> Value) -> Option<Value> {
    json.parse().ok().map(value)
}

/// Returns the character if `text` is exactly one.
pub(super) fn character(text: &str) -> Option<Value> {
    let mut characters = text.chars();
    let first = characters.next()?;
    characters.next().is_none().then_some(Value::Char(first))
}

fn text(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

/// Names the kind of a JSON value, or shows a number or `null`.
fn found(json: &str) -> &str {
    match json.as_bytes().first() {
        Some(b'"') if text(json).is_none() => "a string that is not Unicode",
        Some(b'"') => "string",
        Some(b'[') => "array",
        Some(b'{') => "object",
        Some(b't' | b'f') => "boolean",
        _ if json.len() <= 45 => json,
        _ => "a long number",
    }
}
