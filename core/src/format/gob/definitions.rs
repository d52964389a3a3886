//! The type definitions before a value, computed by the compiler.
//!
//! A program contains only the resulting bytes, so this code may index and panic.

use super::constant::Bytes;
use super::limits::MAX_TYPES;
use super::schema::{Described, Type};
use core::marker::PhantomData;

/// The first id that a Go process gives to a type of its own.
pub(super) const FIRST_ID: u32 = 64;

/// The most bytes that all definitions of a type may take.
const CAPACITY: usize = 2048;

/// The definitions of a described type and the types in it, with ids from `FIRST` on.
pub(super) struct Definitions<T: ?Sized, const FIRST: u32>(PhantomData<T>);

impl<T: Described + ?Sized, const FIRST: u32> Definitions<T, FIRST> {
    const ALL: Table = Table::of(&T::TYPE, FIRST);
    const SIZE: usize = Self::ALL.written.size;

    /// The number of types defined.
    pub(super) const COUNT: usize = Self::ALL.count;

    /// The id of the type itself.
    pub(super) const ID: i64 = Self::ALL.id(&T::TYPE);

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
struct Table {
    entries: [Entry; MAX_TYPES],
    count: usize,
    next_id: u32,
    written: Bytes<CAPACITY>,
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
    const fn of(ty: &'static Type, first_id: u32) -> Self {
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
        };
        table.number(ty, Name::Own);
        table.write(ty);
        table
    }

    /// Gives ids in Go's order: to a struct before its fields, to other types after their elements.
    const fn number(&mut self, ty: &'static Type, name: Name) {
        let index = match self.position(ty) {
            Some(index) => {
                self.give_id(index);
                return;
            }
            None => self.count,
        };
        match ty {
            Type::Slice(_) | Type::Array(..) | Type::Map(..) | Type::Struct(..) => {}
            Type::Outer(_) => panic!("no enclosing struct has this name"),
            _ => return,
        }
        assert!(index < MAX_TYPES, "more than MAX_TYPES types are described");
        self.entries[index].ty = ty;
        self.entries[index].name = name;
        self.count += 1;
        match ty {
            Type::Slice(element) => self.number(element, Name::Own),
            Type::Array(_, element) => self.number(element, Name::None),
            Type::Map(key, element) => {
                self.number(key, Name::None);
                self.number(element, Name::None);
            }
            Type::Struct(_, fields) => {
                self.give_id(index);
                let mut field = 0;
                while field < fields.len() {
                    self.number(&fields[field].1, Name::Written);
                    field += 1;
                }
            }
            _ => {}
        }
        self.give_id(index);
    }

    const fn give_id(&mut self, index: usize) {
        if self.entries[index].id == 0 {
            self.entries[index].id = self.next_id;
            self.next_id += 1;
        }
    }

    const fn position(&self, ty: &Type) -> Option<usize> {
        let mut index = 0;
        while index < self.count {
            if is_same(self.entries[index].ty, ty) {
                return Some(index);
            }
            index += 1;
        }
        None
    }

    const fn id(&self, ty: &Type) -> i64 {
        match ty {
            Type::Bool => 1,
            Type::Int => 2,
            Type::Uint => 3,
            Type::Float => 4,
            Type::Bytes => 5,
            Type::String => 6,
            Type::Complex => 7,
            _ => match self.position(ty) {
                Some(index) => self.entries[index].id as i64,
                None => panic!("the type has no id"),
            },
        }
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
        let mut body = Bytes::<CAPACITY>::new();
        body.int(-(id as i64));
        self.describe(ty, id, name, &mut body);
        self.written.uint(body.size as u64);
        self.written.bytes(&body);
        match ty {
            Type::Slice(element) | Type::Array(_, element) => self.write(element),
            Type::Map(key, element) => {
                self.write(key);
                self.write(element);
            }
            Type::Struct(_, fields) => {
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
    const fn describe(&self, ty: &Type, id: u32, name: Name, body: &mut Bytes<CAPACITY>) {
        body.byte(match ty {
            Type::Array(..) => 1,
            Type::Slice(_) => 2,
            Type::Struct(..) => 3,
            _ => 4,
        });
        // The name and the id are in a nested struct.
        body.byte(1);
        let mut text = Bytes::<128>::new();
        match (ty, name) {
            (_, Name::None) => {}
            (Type::Struct(name, _), _) => text.text(name),
            (_, Name::Own) => {}
            (_, Name::Written) => write_type(ty, &mut text),
        }
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
        match ty {
            Type::Slice(element) => body.field(self.id(element)),
            Type::Array(length, element) => {
                body.field(self.id(element));
                if *length > 0 {
                    body.field(*length as i64);
                }
            }
            Type::Map(key, element) => {
                body.field(self.id(key));
                body.field(self.id(element));
            }
            Type::Struct(_, fields) if !fields.is_empty() => {
                body.byte(1);
                body.uint(fields.len() as u64);
                let mut index = 0;
                while index < fields.len() {
                    let (name, ty) = &fields[index];
                    assert!(!name.is_empty(), "a field's name is empty");
                    body.byte(1);
                    body.uint(name.len() as u64);
                    body.text(name);
                    body.field(self.id(ty));
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
const fn write_type<const N: usize>(ty: &Type, text: &mut Bytes<N>) {
    match ty {
        Type::Bool => text.text("bool"),
        Type::Int => text.text("int"),
        Type::Uint => text.text("uint"),
        Type::Float => text.text("float64"),
        Type::Complex => text.text("complex128"),
        Type::String => text.text("string"),
        Type::Bytes => text.text("[]uint8"),
        Type::Slice(element) => {
            text.text("[]");
            write_type(element, text);
        }
        Type::Array(length, element) => {
            text.text("[");
            text.decimal(*length);
            text.text("]");
            write_type(element, text);
        }
        Type::Map(key, element) => {
            text.text("map[");
            write_type(key, text);
            text.text("]");
            write_type(element, text);
        }
        Type::Struct(name, _) | Type::Outer(name) => {
            text.text("main.");
            text.text(name);
        }
    }
}

/// Returns whether two descriptions are of one type. Structs are identified by their names.
const fn is_same(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Bool, Type::Bool)
        | (Type::Int, Type::Int)
        | (Type::Uint, Type::Uint)
        | (Type::Float, Type::Float)
        | (Type::Complex, Type::Complex)
        | (Type::String, Type::String)
        | (Type::Bytes, Type::Bytes) => true,
        (Type::Slice(a), Type::Slice(b)) => is_same(a, b),
        (Type::Array(m, a), Type::Array(n, b)) => *m == *n && is_same(a, b),
        (Type::Map(j, a), Type::Map(k, b)) => is_same(j, k) && is_same(a, b),
        (Type::Struct(a, fields), Type::Struct(b, others)) => {
            let same = is_equal(a, b);
            assert!(
                !same || have_same_fields(fields, others),
                "two structs of one name have different fields"
            );
            same
        }
        (Type::Struct(a, _) | Type::Outer(a), Type::Struct(b, _) | Type::Outer(b)) => {
            is_equal(a, b)
        }
        _ => false,
    }
}

const fn have_same_fields(a: &[(&str, Type)], b: &[(&str, Type)]) -> bool {
    let mut index = 0;
    while index < a.len() && index < b.len() {
        if !is_equal(a[index].0, b[index].0) || !is_same(&a[index].1, &b[index].1) {
            return false;
        }
        index += 1;
    }
    a.len() == b.len()
}

const fn is_equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut index = 0;
    while index < a.len() && index < b.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    a.len() == b.len()
}

/// Tests of the checks at compile time. The workspace's tests compare accepted types with Go.
#[cfg(test)]
mod tests {
    use super::{FIRST_ID, Table, Type, have_same_fields, is_equal};

    const A: (&str, Type) = ("A", Type::Int);
    const B: (&str, Type) = ("B", Type::Int);
    const OTHER_A: (&str, Type) = ("A", Type::Bool);

    #[test]
    fn the_same_fields_have_equal_names_types_and_count() {
        assert!(have_same_fields(&[A, B], &[A, B]));
        assert!(!have_same_fields(&[A], &[B]));
        assert!(!have_same_fields(&[A], &[OTHER_A]));
        assert!(!have_same_fields(&[A], &[A, B]));
        assert!(!have_same_fields(&[A, B], &[A]));
    }

    #[test]
    fn a_prefix_of_a_name_is_a_different_name() {
        assert!(is_equal("name", "name"));
        assert!(!is_equal("name", "names"));
        assert!(!is_equal("names", "name"));
    }

    #[test]
    #[should_panic(expected = "two structs of one name have different fields")]
    fn structs_of_one_name_with_different_fields_are_refused() {
        const ONE: Type = Type::Struct("name", &[A]);
        const OTHER: Type = Type::Struct("name", &[B]);
        Table::of(&Type::Struct("both", &[("A", ONE), ("B", OTHER)]), FIRST_ID);
    }

    #[test]
    #[should_panic(expected = "no enclosing struct has this name")]
    fn an_outer_type_without_an_enclosing_struct_is_refused() {
        Table::of(&Type::Slice(&Type::Outer("name")), FIRST_ID);
    }
}
