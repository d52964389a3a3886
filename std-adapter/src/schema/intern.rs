//! Keeps descriptions for the life of the process, in bounded memory.

use super::parse::{Encoded, Node, Parsed};
use super::text::Name;
use super::{MAX_MEMORY, Signature};
use bellwire::schema::{Encoding, Type};
use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// The names of a struct's fields.
#[cfg(feature = "json")]
type Names = &'static [&'static str];

/// The leaked memory of the process.
#[derive(Default)]
struct Kept {
    /// Its size in bytes, rounded up.
    size: usize,
    names: HashSet<&'static str>,
    signatures: HashMap<&'static str, Signature>,
    /// The names of each list of fields, by its address and length.
    #[cfg(feature = "json")]
    fields: HashMap<(usize, usize), Names>,
}

/// The estimated size of an entry in one of the maps, in bytes.
const ENTRY: usize = 64;

fn kept() -> MutexGuard<'static, Kept> {
    static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the signature with this text, if it was parsed before.
pub(super) fn known(text: &str) -> Option<Signature> {
    kept().signatures.get(text).copied()
}

/// Keeps a signature. Returns `None` if there is no memory left.
pub(super) fn intern(text: &str, parsed: &Parsed<'_>) -> Option<Signature> {
    kept().signature(text, parsed)
}

/// Returns the names of `fields`, which serde wants as a list. Returns `None` if there is no memory left.
#[cfg(feature = "json")]
pub(crate) fn field_names(fields: &'static [(&'static str, Type)]) -> Option<Names> {
    let mut kept = kept();
    let key = (fields.as_ptr().addr(), fields.len());
    if let Some(names) = kept.fields.get(&key) {
        return Some(names);
    }
    kept.reserve(ENTRY + size_of_val(fields))?;
    let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    let names = names.leak();
    kept.fields.insert(key, names);
    Some(names)
}

impl Kept {
    fn signature(&mut self, text: &str, parsed: &Parsed<'_>) -> Option<Signature> {
        let reply = parsed.reply.as_ref();
        let types = [&parsed.request.ty, reply.map_or(&None, |reply| &reply.ty)];
        let types = types.into_iter().flatten();
        let types: usize = types.map(|ty| size_of::<Type>() + self.parts(ty)).sum();
        // The text, the command's name and the formats' names are no longer than twice the text.
        self.reserve(4 * ENTRY + size_of::<Signature>() + 2 * text.len() + types)?;
        let signature = Signature {
            name: self.name(parsed.name),
            request: self.encoding(&parsed.request),
            reply: reply.map(|reply| self.encoding(reply)),
        };
        let text = String::leak(text.to_owned());
        self.signatures.insert(text, signature);
        Some(signature)
    }

    /// Counts `size` more bytes, if they fit.
    fn reserve(&mut self, size: usize) -> Option<()> {
        let size = self.size + size;
        (size <= MAX_MEMORY).then(|| self.size = size)
    }

    /// Returns the most bytes that the parts of `node` take.
    fn parts(&self, node: &Node<'_>) -> usize {
        let one = |node: &Node<'_>| size_of::<Type>() + self.parts(node);
        match node {
            Node::Plain(_) => 0,
            Node::Option(inner) | Node::Seq(inner) | Node::Array(_, inner) => one(inner),
            Node::Tuple(elements) => elements.iter().map(one).sum(),
            Node::Map(entry) => one(&entry.0) + one(&entry.1),
            Node::Struct(name, fields) => {
                let fields = fields.iter().map(|(name, ty)| self.size_of(name) + one(ty));
                self.size_of(name) + fields.sum::<usize>()
            }
            Node::Enum(name, variants) => {
                let variants = variants.iter().map(|(name, content)| {
                    self.size_of(name) + content.as_ref().map_or(size_of::<Type>(), one)
                });
                self.size_of(name) + variants.sum::<usize>()
            }
            Node::Outer(name) => self.size_of(name),
        }
    }

    /// Returns the most bytes that a name takes, with its place in a list.
    fn size_of(&self, name: &Name<'_>) -> usize {
        let mut size = size_of::<&str>();
        if !self.names.contains(&**name) {
            size += name.len() + ENTRY;
        }
        size
    }

    fn name(&mut self, name: &str) -> &'static str {
        if let Some(known) = self.names.get(name) {
            return known;
        }
        let name = String::leak(name.to_owned());
        self.names.insert(name);
        name
    }

    fn encoding(&mut self, encoded: &Encoded<'_>) -> Encoding {
        Encoding {
            format: self.name(encoded.format),
            ty: encoded.ty.as_ref().map(|ty| self.leak(ty)),
        }
    }

    fn leak(&mut self, node: &Node<'_>) -> &'static Type {
        Box::leak(Box::new(self.ty(node)))
    }

    fn ty(&mut self, node: &Node<'_>) -> Type {
        match node {
            Node::Plain(ty) => *ty,
            Node::Option(some) => Type::Option(self.leak(some)),
            Node::Seq(element) => Type::Seq(self.leak(element)),
            Node::Array(length, element) => Type::Array(*length, self.leak(element)),
            Node::Tuple(elements) => {
                let elements: Vec<_> = elements.iter().map(|element| self.ty(element)).collect();
                Type::Tuple(elements.leak())
            }
            Node::Map(entry) => Type::Map(self.leak(&entry.0), self.leak(&entry.1)),
            Node::Struct(name, fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, ty)| (self.name(name), self.ty(ty)));
                let fields = fields.collect::<Vec<_>>().leak();
                Type::Struct(self.name(name), fields)
            }
            Node::Enum(name, variants) => {
                let variants = variants.iter().map(|(name, content)| {
                    let content = content.as_ref().map(|content| self.ty(content));
                    (self.name(name), content)
                });
                let variants = variants.collect::<Vec<_>>().leak();
                Type::Enum(self.name(name), variants)
            }
            Node::Outer(name) => Type::Outer(self.name(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kept, MAX_MEMORY};
    use crate::schema::parse::parse;

    /// Returns how many of these different descriptions a process keeps.
    fn fitting(text: impl Fn(usize) -> String) -> usize {
        let mut kept = Kept::default();
        let mut keep = |index| {
            let text = text(index);
            let parsed = parse(&text).unwrap();
            kept.signature(&text, &parsed)
        };
        let number = (0..10_000).find(|index| keep(*index).is_none()).unwrap();
        assert!(keep(number).is_none(), "another one fits");
        assert!(kept.size <= MAX_MEMORY);
        number
    }

    #[test]
    fn descriptions_take_at_most_1_mib() {
        let fields: Vec<_> = (0..1000).map(|index| format!("f{index}: u8")).collect();
        let fields = fields.join(", ");
        let number = fitting(|index| format!("A{index} postcard S{{{fields}}}"));
        // The names are shared. A field takes its type and the reference to its name.
        assert!((10..30).contains(&number), "{number} descriptions");
    }

    #[test]
    fn short_descriptions_and_long_names_count_too() {
        // Entries in four maps, the signature and the text.
        let number = fitting(|index| format!("A{index}"));
        assert!((2900..3900).contains(&number), "{number} short ones");
        // The text twice, and the name.
        let number = fitting(|index| format!("A postcard S{{f{index:0>4000}: u8}}"));
        assert!((80..87).contains(&number), "{number} long names");
    }

    #[cfg(feature = "json")]
    #[test]
    fn names_of_fields_take_little_more_than_their_list() {
        let fields = vec![("a", super::Type::U8); 1000].leak();
        assert_eq!(super::field_names(fields).unwrap(), ["a"; 1000]);
    }
}
