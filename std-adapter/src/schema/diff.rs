//! The first difference of two signatures.

use super::{Signature, find};
use bellwire::Printable;
use bellwire::schema::{Encoding, Type};

/// Returns the first difference, or `None` if both have the same text.
pub(super) fn diff(ours: &Signature, theirs: &Signature) -> Option<String> {
    payload("request", Some(&ours.request), Some(&theirs.request))
        .or_else(|| payload("reply", ours.reply.as_ref(), theirs.reply.as_ref()))
}

/// Compares two requests or two replies.
fn payload(what: &str, ours: Option<&Encoding>, theirs: Option<&Encoding>) -> Option<String> {
    let format = |encoding: Option<&Encoding>| {
        encoding
            .map_or("none", |encoding| encoding.format)
            .to_owned()
    };
    let (our_format, their_format) = (format(ours), format(theirs));
    if our_format != their_format {
        return Some(format!("{what}: {}", sides(&our_format, &their_format)));
    }
    match (ours?.ty, theirs?.ty) {
        (Some(ours), Some(theirs)) => {
            let mut path = Vec::new();
            let difference = types(ours, theirs, &mut path)?;
            if path.is_empty() {
                return Some(format!("{what}: {difference}"));
            }
            let path = path.join(".").replace(".[]", "[]");
            Some(format!("{what} field \"{path}\": {difference}"))
        }
        (None, None) => None,
        (ours, theirs) => {
            let text = |ty: Option<&Type>| ty.map_or("no type".to_owned(), short);
            Some(format!("{what}: {}", sides(&text(ours), &text(theirs))))
        }
    }
}

/// Compares two types. After a difference, `path` leads to it.
fn types(ours: &Type, theirs: &Type, path: &mut Vec<String>) -> Option<String> {
    match (ours, theirs) {
        (Type::Option(ours), Type::Option(theirs)) => types(ours, theirs, path),
        (Type::Seq(ours), Type::Seq(theirs)) => step("[]", ours, theirs, path),
        (Type::Array(our_length, ours), Type::Array(their_length, theirs))
            if our_length == their_length =>
        {
            step("[]", ours, theirs, path)
        }
        (Type::Tuple(ours), Type::Tuple(theirs)) if ours.len() == theirs.len() => {
            let mut pairs = ours.iter().zip(*theirs).enumerate();
            pairs.find_map(|(index, (ours, theirs))| step(&index.to_string(), ours, theirs, path))
        }
        (Type::Map(our_key, our_value), Type::Map(their_key, their_value)) => {
            step("key", our_key, their_key, path)
                .or_else(|| step("value", our_value, their_value, path))
        }
        (Type::Struct(our_name, ours), Type::Struct(their_name, theirs))
            if our_name == their_name =>
        {
            members("field", ours, theirs, path, types)
        }
        (Type::Enum(our_name, ours), Type::Enum(their_name, theirs)) if our_name == their_name => {
            members("variant", ours, theirs, path, contents)
        }
        _ if ours.to_string() == theirs.to_string() => None,
        _ => Some(sides(&short(ours), &short(theirs))),
    }
}

/// Compares the contents of two variants.
#[allow(clippy::ref_option)] // the shape of a variant in a description
fn contents(ours: &Option<Type>, theirs: &Option<Type>, path: &mut Vec<String>) -> Option<String> {
    match (ours, theirs) {
        (None, None) => None,
        (Some(ours), Some(theirs)) => types(ours, theirs, path),
        (ours, theirs) => {
            let text =
                |content: &Option<Type>| content.as_ref().map_or("no content".to_owned(), short);
            Some(sides(&text(ours), &text(theirs)))
        }
    }
}

/// Compares two types that are one step further.
fn step(name: &str, ours: &Type, theirs: &Type, path: &mut Vec<String>) -> Option<String> {
    path.push(name.to_owned());
    let difference = types(ours, theirs, path);
    if difference.is_none() {
        path.pop();
    }
    difference
}

/// Compares the fields of two structs or the variants of two enums.
fn members<T>(
    what: &str,
    ours: &[(&str, T)],
    theirs: &[(&str, T)],
    path: &mut Vec<String>,
    compare: impl Fn(&T, &T, &mut Vec<String>) -> Option<String>,
) -> Option<String> {
    for (index, (name, ours)) in ours.iter().enumerate() {
        let Some(place) = find(theirs, name, index) else {
            path.push(shown(name));
            return Some("missing on the server".to_owned());
        };
        path.push(shown(name));
        if let Some(difference) = compare(ours, &theirs[place].1, path) {
            return Some(difference);
        }
        if place < index {
            return Some(format!(
                "{what} {} here, {} on the server",
                index + 1,
                place + 1
            ));
        }
        path.pop();
    }
    let mut indexed = theirs.iter().enumerate();
    let (_, (name, _)) = indexed.find(|(index, (name, _))| find(ours, name, *index).is_none())?;
    path.push(shown(name));
    Some("only on the server".to_owned())
}

fn sides(ours: &str, theirs: &str) -> String {
    format!("{ours} here, {theirs} on the server")
}

fn shown(name: &str) -> String {
    Printable::new(name).at_most(64).to_string()
}

/// Returns a type's text, without the parts of a struct or an enum.
fn short(ty: &Type) -> String {
    match ty {
        Type::Struct(name, _) | Type::Enum(name, _) => shown(name),
        _ => {
            let text = ty.to_string();
            match text.char_indices().nth(60) {
                Some((end, _)) => format!("{}...", &text[..end]),
                None => text,
            }
        }
    }
}
