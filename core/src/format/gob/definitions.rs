//! The type definitions before a value.
//!
//! The compiler computes them for a Rust type, so a program contains only the resulting bytes. Tools compute them at
//! run time for types that they learn from a peer.

use super::constant::Bytes;
use super::go_type::{GoType, agree, is_same};
use super::limits::MAX_TYPES;
use crate::schema::{Schema, Type};
use core::marker::PhantomData;

/// The first id that a Go process gives to a type of its own.
pub(super) const FIRST_ID: u32 = 64;

/// The most bytes that all definitions of a type may take.
const CAPACITY: usize = 2048;

/// The definitions of a described type and the types in it, with ids from `FIRST` on.
pub(super) struct Definitions<T: ?Sized, const FIRST: u32>(PhantomData<T>);

impl<T: Schema + ?Sized, const FIRST: u32> Definitions<T, FIRST> {
    const ALL: Table = match Table::of(&T::TYPE, FIRST) {
        Ok(table) => table,
        Err(reason) => panic!("{}", reason),
    };
    const SIZE: usize = Self::ALL.written.size;

    /// The number of types defined.
    pub(super) const COUNT: usize = Self::ALL.count;

    /// The id of the type itself.
    pub(super) const ID: i64 = Self::ALL.id_of(&T::TYPE);

    /// One message for each definition.
    pub(super) const BYTES: &'static [u8] = Self::PADDED.split_at(Self::SIZE).0;

    /// The bytes with padding. A few sizes keep the padding short.
    const PADDED: &'static [u8] = match Self::SIZE {
        0..=64 => &Self::ALL.written.head::<64>(),
        65..=96 => &Self::ALL.written.head::<96>(),
        97..=128 => &Self::ALL.written.head::<128>(),
        129..=256 => &Self::ALL.written.head::<256>(),
        257..=512 => &Self::ALL.written.head::<512>(),
        _ => &Self::ALL.written.head::<CAPACITY>(),
    };
}

/// The types to define, and the definitions written so far.
pub(super) struct Table {
    entries: [Entry; MAX_TYPES],
    count: usize,
    next_id: u32,
    written: Bytes<CAPACITY>,
    /// The first reason why the type cannot be defined.
    error: Option<&'static str>,
}

#[derive(Clone, Copy)]
struct Entry {
    ty: &'static Type,
    /// 0 until the id is given.
    id: u32,
    name: Name,
    written: bool,
}

/// The type name in a definition. It depends on the context in which Go first meets the type.
#[derive(Clone, Copy)]
enum Name {
    /// No name.
    None,
    /// The type's own name, if it has one.
    Own,
    /// The type's own name, or else its Go syntax.
    Written,
}

impl Table {
    /// Returns the definitions of a type and the types in it, with ids from `first_id` on.
    ///
    /// # Errors
    /// The reason why Go cannot have such a type, or why there are too many.
    pub(super) const fn of(ty: &'static Type, first_id: u32) -> Result<Self, &'static str> {
        assert!(first_id >= FIRST_ID, "ids below 64 are Go's own");
        let empty = Entry {
            ty: &Type::Bool,
            id: 0,
            name: Name::None,
            written: false,
        };
        let mut table = Self {
            entries: [empty; MAX_TYPES],
            count: 0,
            next_id: first_id,
            written: Bytes::new(),
            error: None,
        };
        table.number(ty, Name::Own);
        if table.error.is_none() {
            table.write(ty);
        }
        match table.error {
            Some(reason) => Err(reason),
            None if table.written.is_full => Err("the definitions of the types are too long"),
            None => Ok(table),
        }
    }

    /// The id of the type itself.
    pub(super) const fn id_of(&self, ty: &'static Type) -> i64 {
        match GoType::of(ty) {
            GoType::Bool => 1,
            GoType::Int => 2,
            GoType::Uint => 3,
            GoType::Float => 4,
            GoType::Bytes => 5,
            GoType::String => 6,
            GoType::Complex => 7,
            _ => match self.position(ty) {
                Some(index) => self.entries[index].id as i64,
                // Not reached: every type was numbered.
                None => 0,
            },
        }
    }

    /// One message for each definition.
    pub(super) const fn bytes(&self) -> &[u8] {
        self.written.written()
    }

    /// Gives ids in Go's order: to a struct before its fields, to other types after their elements.
    const fn number(&mut self, ty: &'static Type, name: Name) {
        let index = match self.position(ty) {
            Some(index) => {
                if !agree(self.entries[index].ty, ty) {
                    self.fail("two structs of one name have different fields");
                }
                self.give_id(index);
                return;
            }
            None => self.count,
        };
        let go = GoType::of(ty);
        match go {
            GoType::Slice(_) | GoType::Array(..) | GoType::Map(..) | GoType::Struct(..) => {}
            GoType::Outer(_) => return self.fail("no enclosing struct has this name"),
            GoType::None => {
                let reason =
                    "Go has no type for a tuple, a 128-bit integer, or an enum with content";
                return self.fail(reason);
            }
            _ => return,
        }
        if index >= MAX_TYPES {
            return self.fail("more than MAX_TYPES types are described");
        }
        self.entries[index].ty = ty;
        self.entries[index].name = name;
        self.count += 1;
        match go {
            GoType::Slice(element) => self.number(element, Name::Own),
            GoType::Array(_, element) => self.number(element, Name::None),
            GoType::Map(key, element) => {
                self.number(key, Name::None);
                self.number(element, Name::None);
            }
            GoType::Struct(_, fields) => {
                self.give_id(index);
                let mut field = 0;
                while field < fields.len() {
                    let (name, ty) = &fields[field];
                    if name.is_empty() {
                        self.fail("a field's name is empty");
                    }
                    self.number(ty, Name::Written);
                    field += 1;
                }
            }
            _ => {}
        }
        self.give_id(index);
    }

    const fn fail(&mut self, reason: &'static str) {
        if self.error.is_none() {
            self.error = Some(reason);
        }
    }

    const fn give_id(&mut self, index: usize) {
        if self.entries[index].id == 0 {
            self.entries[index].id = self.next_id;
            self.next_id += 1;
        }
    }

    const fn position(&self, ty: &'static Type) -> Option<usize> {
        let mut index = 0;
        while index < self.count {
            if is_same(self.entries[index].ty, ty) {
                return Some(index);
            }
            index += 1;
        }
        None
    }

    /// Writes definitions in Go's order: a type, then the types in it.
    const fn write(&mut self, ty: &'static Type) {
        let Some(index) = self.position(ty) else {
            return;
        };
        let Entry {
            id,
            ty,
            name,
            written,
        } = self.entries[index];
        if written {
            return;
        }
        self.entries[index].written = true;
        let go = GoType::of(ty);
        let mut body = Bytes::<CAPACITY>::new();
        body.int(-(id as i64));
        self.describe(go, id, name, &mut body);
        self.written.uint(body.size as u64);
        self.written.bytes(&body);
        match go {
            GoType::Slice(element) | GoType::Array(_, element) => self.write(element),
            GoType::Map(key, element) => {
                self.write(key);
                self.write(element);
            }
            GoType::Struct(_, fields) => {
                let mut field = 0;
                while field < fields.len() {
                    self.write(&fields[field].1);
                    field += 1;
                }
            }
            _ => {}
        }
    }

    /// Writes Go's struct `wireType`. One of its fields is set, which tells the kind of the type.
    const fn describe(&self, go: GoType, id: u32, name: Name, body: &mut Bytes<CAPACITY>) {
        body.byte(match go {
            GoType::Array(..) => 1,
            GoType::Slice(_) => 2,
            GoType::Struct(..) => 3,
            _ => 4,
        });
        // The name and the id are in a nested struct.
        body.byte(1);
        let mut text = Bytes::<128>::new();
        match (go, name) {
            (_, Name::None) => {}
            (GoType::Struct(name, _), _) => text.text(name),
            (_, Name::Own) => {}
            (_, Name::Written) => write_type(go, &mut text),
        }
        body.is_full |= text.is_full;
        let mut gap = 2;
        if text.size > 0 {
            body.byte(1);
            body.uint(text.size as u64);
            body.bytes(&text);
            gap = 1;
        }
        body.byte(gap);
        body.int(id as i64);
        body.byte(0);
        match go {
            GoType::Slice(element) => body.field(self.id_of(element)),
            GoType::Array(length, element) => {
                body.field(self.id_of(element));
                if length > 0 {
                    body.field(length as i64);
                }
            }
            GoType::Map(key, element) => {
                body.field(self.id_of(key));
                body.field(self.id_of(element));
            }
            GoType::Struct(_, fields) if !fields.is_empty() => {
                body.byte(1);
                body.uint(fields.len() as u64);
                let mut index = 0;
                while index < fields.len() {
                    let (name, ty) = &fields[index];
                    body.byte(1);
                    body.uint(name.len() as u64);
                    body.text(name);
                    body.field(self.id_of(ty));
                    body.byte(0);
                    index += 1;
                }
            }
            _ => {}
        }
        body.byte(0);
        body.byte(0);
    }
}

/// Writes the type in Go's syntax, for a program with its types in package `main`.
const fn write_type<const N: usize>(go: GoType, text: &mut Bytes<N>) {
    match go {
        GoType::Bool => text.text("bool"),
        GoType::Int => text.text("int"),
        GoType::Uint => text.text("uint"),
        GoType::Float => text.text("float64"),
        GoType::Complex => text.text("complex128"),
        GoType::String => text.text("string"),
        GoType::Bytes => text.text("[]uint8"),
        GoType::Slice(element) => {
            text.text("[]");
            write_type(GoType::of(element), text);
        }
        GoType::Array(length, element) => {
            text.text("[");
            text.decimal(length);
            text.text("]");
            write_type(GoType::of(element), text);
        }
        GoType::Map(key, element) => {
            text.text("map[");
            write_type(GoType::of(key), text);
            text.text("]");
            write_type(GoType::of(element), text);
        }
        GoType::Struct(name, _) | GoType::Outer(name) => {
            text.text("main.");
            text.text(name);
        }
        GoType::None => {}
    }
}

/// Tests of the checks at compile time. The workspace's tests compare accepted types with Go.
#[cfg(test)]
mod tests {
    use super::{FIRST_ID, Table, Type};

    const A: (&str, Type) = ("A", Type::I64);
    const OTHER_A: (&str, Type) = ("A", Type::Bool);

    fn reason(ty: &'static Type) -> &'static str {
        Table::of(ty, FIRST_ID).err().unwrap_or("accepted")
    }

    #[test]
    fn a_type_that_go_cannot_have_is_refused_with_the_reason() {
        const ONE: Type = Type::Struct("name", &[A]);
        const OTHER: Type = Type::Struct("name", &[OTHER_A]);
        const NO_GO: &str =
            "Go has no type for a tuple, a 128-bit integer, or an enum with content";
        for (ty, expected) in [
            (
                &Type::Struct("both", &[("A", ONE), ("B", OTHER)]),
                "two structs of one name have different fields",
            ),
            (
                &Type::Struct(
                    "two",
                    &[
                        ("A", Type::Struct("in", &[("A", ONE)])),
                        ("B", Type::Struct("in", &[("A", OTHER)])),
                    ],
                ),
                "two structs of one name have different fields",
            ),
            (
                &Type::Seq(&Type::Outer("name")),
                "no enclosing struct has this name",
            ),
            (
                &Type::Struct("name", &[("", Type::Bool)]),
                "a field's name is empty",
            ),
            (&Type::Seq(&Type::U128), NO_GO),
            (&Type::Tuple(&[Type::I8, Type::I8]), NO_GO),
            (&Type::Enum("e", &[("a", Some(Type::I8))]), NO_GO),
            (&Type::Enum("e", &[("a", None)]), "accepted"),
        ] {
            assert_eq!(reason(ty), expected, "{ty:?}");
        }
    }

    #[test]
    fn definitions_beyond_the_capacity_are_refused() {
        extern crate std;
        let name: &'static str = std::boxed::Box::leak("x".repeat(2048).into());
        let fields = std::boxed::Box::leak(std::boxed::Box::new([(name, Type::I8)]));
        let ty = std::boxed::Box::leak(std::boxed::Box::new(Type::Struct("long", fields)));
        assert_eq!(reason(ty), "the definitions of the types are too long");
    }
}
