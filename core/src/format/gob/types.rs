//! The types that a stream has defined, by their ids.

use super::wire::{take_bytes, take_counted, take_size, take_uint};
use super::{MAX_FIELDS, MAX_TYPES};
use crate::error::Flaw;
use heapless::{Vec, VecView};

/// The number by which a stream names a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TypeId(pub(super) u32);

impl TypeId {
    /// Of a value that the stream knows nothing of; it is the zero value of whatever type. On the
    /// wire it is refused.
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

    fn take(input: &mut &[u8]) -> Result<Self, Flaw> {
        match Head::take(input)? {
            Head::Value(id) => Ok(id),
            Head::Definition(_) => Err(Flaw::UnknownType),
        }
    }
}

/// What a message begins with: an id, which is negative in front of a definition.
pub(super) enum Head {
    Definition(TypeId),
    Value(TypeId),
}

impl Head {
    pub(super) fn take(input: &mut &[u8]) -> Result<Self, Flaw> {
        let number = u32::try_from(take_uint(input)?).map_err(|_| Flaw::UnknownType)?;
        let id = number >> 1;
        Ok(match number & 1 {
            0 => Self::Value(TypeId(id)),
            _ => Self::Definition(TypeId(id.saturating_add(1))),
        })
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

impl Shape {
    /// How many fields a struct has.
    fn fields(self) -> u32 {
        match self {
            Self::Struct { fields, .. } => fields,
            _ => 0,
        }
    }
}

/// One definition, read.
pub(super) struct Definition {
    pub(super) shape: Shape,
    /// Whether a part of it is an interface, whose values bring their own types.
    pub(super) interface: bool,
}

/// Room for so many types. Their names are not here: those are read where the definitions are.
pub(super) type Table<const TYPES: usize = MAX_TYPES> = Vec<(TypeId, Shape), TYPES>;

/// The types defined so far, in a [`Table`] of any size.
pub(super) struct Types<'m>(pub(super) &'m mut VecView<(TypeId, Shape)>);

impl Types<'_> {
    /// Takes the definition at place `at` of `source`, and returns what follows it.
    pub(super) fn define<'a>(
        &mut self,
        id: TypeId,
        source: &'a [u8],
        at: usize,
    ) -> Result<&'a [u8], Flaw> {
        self.check_new(id)?;
        let mut input = source.get(at..).ok_or(Flaw::Truncated)?;
        let definition = Definition::take(&mut input, source.len())?;
        let others = self.0.iter().map(|(_, shape)| shape.fields());
        let fields = others.fold(definition.shape.fields(), u32::saturating_add);
        if fields > MAX_FIELDS || self.0.push((id, definition.shape)).is_err() {
            return Err(Flaw::TooManyTypes);
        }
        Ok(input)
    }

    /// Refuses an id that is defined, or that is the format's own.
    pub(super) fn check_new(&self, id: TypeId) -> Result<(), Flaw> {
        if id.0 < TypeId::FIRST || self.shape(id).is_ok() {
            return Err(Flaw::DuplicateType);
        }
        Ok(())
    }

    /// The shape of a defined type.
    ///
    /// On small machines it is there once, as it has several callers.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(super) fn shape(&self, id: TypeId) -> Result<Shape, Flaw> {
        let mut defined = self.0.iter();
        let entry = defined.find(|(defined, _)| *defined == id);
        entry.map(|(_, shape)| *shape).ok_or(Flaw::UnknownType)
    }
}

impl Definition {
    /// Takes a definition off `input`, which is the rest of a source of `size` bytes.
    ///
    /// It is Go's struct wireType, of whose fields one is set. That is a struct again: its first
    /// field is the type's name and id, which do not matter, the others are what makes the type.
    pub(super) fn take(input: &mut &[u8], size: usize) -> Result<Self, Flaw> {
        let kind = take_size(input)?;
        let (mut first, mut second) = (TypeId::NONE, TypeId::NONE);
        let (mut at, mut fields) = (0, 0);
        let mut interface = false;
        let mut field = 0usize;
        loop {
            let gap = take_size(input)?;
            if gap == 0 {
                break;
            }
            field = field.saturating_add(gap);
            match (field, kind) {
                (1, _) => skip_name_and_id(input)?,
                (2, 3) => {
                    fields = u32::try_from(take_size(input)?).unwrap_or(u32::MAX);
                    if fields > MAX_FIELDS {
                        return Err(Flaw::TooManyTypes);
                    }
                    at = size.saturating_sub(input.len());
                    let mut list = Fields {
                        input,
                        left: fields,
                    };
                    while let Some((_, id)) = list.next()? {
                        interface |= id == TypeId::INTERFACE;
                    }
                    *input = list.input;
                }
                (2, 1 | 2 | 4) => first = TypeId::take(input)?,
                (3, 1 | 4) => second = TypeId::take(input)?,
                _ => return Err(Flaw::BadValue),
            }
        }
        if take_size(input)? != 0 {
            return Err(Flaw::BadValue);
        }
        // Elements of no type would take no bytes, however many are counted.
        if matches!(kind, 1 | 2 | 4) && first == TypeId::NONE || kind == 4 && second == TypeId::NONE
        {
            return Err(Flaw::UnknownType);
        }
        interface |= first == TypeId::INTERFACE || kind == 4 && second == TypeId::INTERFACE;
        let shape = match kind {
            1 => Shape::Array {
                element: first,
                length: second.0, // a signed number, like an id
            },
            2 => Shape::Slice { element: first },
            3 => Shape::Struct {
                at: u32::try_from(at).map_err(|_| Flaw::BadLength)?,
                fields,
            },
            4 => Shape::Map {
                key: first,
                element: second,
            },
            5..=7 => Shape::Opaque,
            _ => return Err(Flaw::BadValue),
        };
        Ok(Self { shape, interface })
    }
}

fn skip_name_and_id(input: &mut &[u8]) -> Result<(), Flaw> {
    let mut field = 0usize;
    loop {
        let gap = take_size(input)?;
        if gap == 0 {
            return Ok(());
        }
        field = field.saturating_add(gap);
        match field {
            1 => drop(take_counted(input)?),
            2 => drop(take_uint(input)?),
            _ => return Err(Flaw::BadValue),
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

    pub(super) fn next(&mut self) -> Result<Option<(&'t [u8], TypeId)>, Flaw> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        // Name and id are both set in every field that Go can name.
        let name = self.part().and_then(take_counted)?;
        let id = self.part().and_then(TypeId::take)?;
        match take_size(&mut self.input)? {
            _ if id == TypeId::NONE => Err(Flaw::UnknownType),
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
