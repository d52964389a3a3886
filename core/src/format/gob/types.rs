//! The types that a stream has defined, by their ids.

use super::wire::{take_bytes, take_counted, take_int, take_uint};
use super::{MAX_FIELDS, MAX_TYPES};
use crate::error::Flaw;

/// The number by which a stream names a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TypeId(pub(super) u32);

impl TypeId {
    /// Of a value that the stream knows nothing of; it is the zero value of whatever type.
    pub(super) const NONE: Self = Self(0);
    pub(super) const BOOL: Self = Self(1);
    pub(super) const INT: Self = Self(2);
    pub(super) const UINT: Self = Self(3);
    pub(super) const FLOAT: Self = Self(4);
    pub(super) const BYTES: Self = Self(5);
    pub(super) const STRING: Self = Self(6);
    pub(super) const COMPLEX: Self = Self(7);
    pub(super) const INTERFACE: Self = Self(8);
    /// Of one byte among `BYTES`; never on the wire.
    pub(super) const BYTE: Self = Self(u32::MAX);
    /// The lowest id that a stream defines.
    pub(super) const FIRST: u32 = 64;

    fn read(input: &mut &[u8]) -> Result<Self, Flaw> {
        Self::from_wire(take_int(input)?)
    }

    pub(super) fn from_wire(number: i64) -> Result<Self, Flaw> {
        match u32::try_from(number) {
            Ok(id) if id <= i32::MAX.unsigned_abs() => Ok(Self(id)),
            _ => Err(Flaw::UnknownType),
        }
    }
}

/// How the values of a defined type are laid out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Array {
        element: TypeId,
        length: u32,
    },
    Slice {
        element: TypeId,
    },
    /// The fields are listed at this place among the definitions.
    Struct {
        at: u32,
        fields: u32,
    },
    Map {
        key: TypeId,
        element: TypeId,
    },
    /// What a Go type's own method has written.
    Opaque,
}

/// One definition, read.
pub(super) struct Definition {
    pub(super) shape: Shape,
    /// Whether a part of it is an interface, whose values bring their own types.
    pub(super) interface: bool,
}

/// The types defined so far. It holds no names: those are read where the definitions are.
#[derive(Debug)]
pub(super) struct Types {
    table: [(TypeId, Shape); MAX_TYPES],
    count: usize,
    fields: u32,
}

impl Types {
    pub(super) const fn new() -> Self {
        Self {
            table: [(TypeId::NONE, Shape::Opaque); MAX_TYPES],
            count: 0,
            fields: 0,
        }
    }

    /// Takes the definition at place `at` of `source` under the negated id `id`, and returns
    /// what follows it.
    pub(super) fn define<'a>(
        &mut self,
        id: i64,
        source: &'a [u8],
        at: usize,
    ) -> Result<&'a [u8], Flaw> {
        let id = self.new_id(id)?;
        let mut input = source.get(at..).ok_or(Flaw::Truncated)?;
        let definition = Definition::take(&mut input, source.len())?;
        if let Shape::Struct { fields, .. } = definition.shape {
            self.fields = self.fields.saturating_add(fields);
        }
        let slot = self.table.get_mut(self.count);
        *slot.ok_or(Flaw::TooManyTypes)? = (id, definition.shape);
        self.count = self.count.saturating_add(1);
        if self.fields > MAX_FIELDS {
            return Err(Flaw::TooManyTypes);
        }
        Ok(input)
    }

    /// The id that a definition under the negated id `id` gives, if it may.
    pub(super) fn new_id(&self, id: i64) -> Result<TypeId, Flaw> {
        let id = TypeId::from_wire(id.checked_neg().ok_or(Flaw::UnknownType)?)?;
        if id.0 < TypeId::FIRST || self.shape(id).is_ok() {
            return Err(Flaw::DuplicateType);
        }
        Ok(id)
    }

    /// The shape of a defined type.
    pub(super) fn shape(&self, id: TypeId) -> Result<Shape, Flaw> {
        let mut defined = self.table.iter().take(self.count);
        let entry = defined.find(|(defined, _)| *defined == id);
        entry.map(|(_, shape)| *shape).ok_or(Flaw::UnknownType)
    }
}

impl Definition {
    /// Takes a definition off `input`, which is the rest of a source of `size` bytes.
    pub(super) fn take(input: &mut &[u8], size: usize) -> Result<Self, Flaw> {
        // Which field of Go's struct wireType is set says what is defined.
        let kind = take_uint(input)?;
        let mut parts = Parts::default();
        parts.common_type(input)?;
        let mut definition = Self {
            shape: Shape::Opaque,
            interface: false,
        };
        definition.shape = match kind {
            1 => {
                let element = parts.id(1, input)?;
                definition.interface = element == TypeId::INTERFACE;
                let length = parts.number(2, input)?;
                let length = u32::try_from(length).map_err(|_| Flaw::BadLength)?;
                Shape::Array { element, length }
            }
            2 => {
                let element = parts.id(1, input)?;
                definition.interface = element == TypeId::INTERFACE;
                Shape::Slice { element }
            }
            3 => {
                let mut fields = 0;
                if parts.has(1, input)? {
                    fields = u32::try_from(take_uint(input)?).map_err(|_| Flaw::BadLength)?;
                }
                if fields > MAX_FIELDS {
                    return Err(Flaw::TooManyTypes);
                }
                let at = u32::try_from(size.saturating_sub(input.len()));
                let mut list = Fields {
                    input,
                    left: fields,
                };
                while let Some((_, id)) = list.next()? {
                    definition.interface |= id == TypeId::INTERFACE;
                }
                *input = list.input;
                let at = at.map_err(|_| Flaw::BadLength)?;
                Shape::Struct { at, fields }
            }
            4 => {
                let key = parts.id(1, input)?;
                let element = parts.id(2, input)?;
                definition.interface = key == TypeId::INTERFACE || element == TypeId::INTERFACE;
                Shape::Map { key, element }
            }
            5..=7 => Shape::Opaque,
            _ => return Err(Flaw::BadValue),
        };
        parts.end(input)?;
        Parts::default().end(input)?;
        Ok(definition)
    }
}

/// The numbered parts of a struct, taken in order. Parts that are zero are not there.
#[derive(Default)]
struct Parts {
    /// The number behind that of the part taken last.
    next: u64,
    /// The gap to the part that comes, once read.
    ahead: Option<u64>,
}

impl Parts {
    /// Whether part `number` is what comes.
    fn has(&mut self, number: u64, input: &mut &[u8]) -> Result<bool, Flaw> {
        let gap = match self.ahead {
            Some(gap) => gap,
            None => take_uint(input)?,
        };
        let wanted = number.saturating_add(1).saturating_sub(self.next);
        let found = gap != 0 && gap == wanted;
        self.ahead = if found { None } else { Some(gap) };
        if found {
            self.next = number.saturating_add(1);
        }
        Ok(found)
    }

    fn number(&mut self, number: u64, input: &mut &[u8]) -> Result<i64, Flaw> {
        match self.has(number, input)? {
            true => take_int(input),
            false => Ok(0),
        }
    }

    fn id(&mut self, number: u64, input: &mut &[u8]) -> Result<TypeId, Flaw> {
        TypeId::from_wire(self.number(number, input)?)
    }

    /// A type's name and id of its own, of which neither matters.
    fn common_type(&mut self, input: &mut &[u8]) -> Result<(), Flaw> {
        if self.has(0, input)? {
            let mut parts = Self::default();
            if parts.has(0, input)? {
                take_counted(input)?;
            }
            parts.number(1, input)?;
            parts.end(input)?;
        }
        Ok(())
    }

    fn end(self, input: &mut &[u8]) -> Result<(), Flaw> {
        let gap = match self.ahead {
            Some(gap) => gap,
            None => take_uint(input)?,
        };
        match gap {
            0 => Ok(()),
            _ => Err(Flaw::BadValue),
        }
    }
}

/// The names and types of a struct's fields, read from its definition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'t> {
    input: &'t [u8],
    left: u32,
}

impl<'t> Fields<'t> {
    pub(super) const NONE: Self = Self {
        input: &[],
        left: 0,
    };

    /// The fields listed at place `at` of `source`.
    pub(super) fn at(source: &'t [u8], at: u32, fields: u32) -> Self {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        Self {
            input: source.get(at..).unwrap_or(&[]),
            left: fields,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }

    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(&'t [u8], TypeId)>, Flaw> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        // Name and id are both set in every field that Go can name.
        let name = self.part().and_then(take_counted)?;
        let id = self.part().and_then(TypeId::read)?;
        match take_uint(&mut self.input)? {
            0 if !name.is_empty() => Ok(Some((name, id))),
            _ => Err(Flaw::BadValue),
        }
    }

    fn part(&mut self) -> Result<&mut &'t [u8], Flaw> {
        match take_bytes(&mut self.input, 1)? {
            [1] => Ok(&mut self.input),
            _ => Err(Flaw::BadValue),
        }
    }
}
