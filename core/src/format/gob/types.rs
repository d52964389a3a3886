//! The types that a stream has defined, by id.

use super::id::TypeId;
use super::limits::{MAX_FIELDS, MAX_TYPES};
use super::list::{MARKS, take_list};
use super::steps::step;
use super::wire::{take_counted, take_size, take_uint};
use crate::error::DecodeErrorKind;
use heapless::{Vec, VecView};

/// The layout of the values of a defined type.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Array {
        element: TypeId,
        length: u32,
    },
    Slice {
        element: TypeId,
    },
    Struct(Struct),
    Map {
        key: TypeId,
        element: TypeId,
    },
    /// The bytes that a Go type's own method has written.
    Opaque,
}

impl Shape {
    /// Returns the number of fields of a struct.
    fn fields(self) -> u32 {
        match self {
            Self::Struct(Struct { fields, .. }) => fields.into(),
            _ => 0,
        }
    }
}

/// A struct type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Struct {
    /// The place of its list of fields in the definitions.
    pub(super) at: u32,
    pub(super) fields: u16,
    /// The index of its first mark.
    pub(super) marks: u16,
    /// Whether a receiver has compared all its fields with its own.
    pub(super) compared: bool,
    /// Its index in the table.
    pub(super) number: u8,
}

/// A definition from the stream.
pub(super) struct Definition {
    pub(super) shape: Shape,
    /// Whether it contains an interface. The values of an interface bring their own types.
    pub(super) interface: bool,
}

/// Space for `TYPES` types. Their names are read from the definitions, which are kept elsewhere.
#[derive(Debug)]
pub(super) struct Table<const TYPES: usize = MAX_TYPES> {
    shapes: Vec<(TypeId, Shape), TYPES>,
    marks: Vec<u16, MARKS>,
}

impl<const TYPES: usize> Table<TYPES> {
    pub(super) const fn new() -> Self {
        Self {
            shapes: Vec::new(),
            marks: Vec::new(),
        }
    }

    pub(super) fn types(&mut self) -> Types<'_> {
        Types {
            shapes: &mut self.shapes,
            marks: &mut self.marks,
        }
    }
}

/// The types defined so far, in a [`Table`] of any size.
pub(super) struct Types<'m> {
    shapes: &'m mut VecView<(TypeId, Shape)>,
    /// The places of every eighth field, one struct after another. See [`Fields::seek`](super::fields::Fields::seek).
    pub(super) marks: &'m mut VecView<u16>,
}

impl Types<'_> {
    /// Takes the definition at place `at` of `source`. Returns the bytes after it.
    pub(super) fn define<'a>(
        &mut self,
        id: TypeId,
        source: &'a [u8],
        at: usize,
    ) -> Result<&'a [u8], DecodeErrorKind> {
        self.check_new(id)?;
        let first_mark = self.marks.len();
        let added = self.add(id, source, at);
        if added.is_err() {
            self.marks.truncate(first_mark);
        }
        added
    }

    fn add<'a>(
        &mut self,
        id: TypeId,
        source: &'a [u8],
        at: usize,
    ) -> Result<&'a [u8], DecodeErrorKind> {
        let mut input = source.get(at..).ok_or(DecodeErrorKind::Truncated)?;
        let marks = Some(&mut *self.marks);
        let mut shape = Definition::take(&mut input, source.len(), marks)?.shape;
        if let Shape::Struct(ty) = &mut shape {
            ty.number = u8::try_from(self.shapes.len()).unwrap_or(u8::MAX);
        }
        let others = self.shapes.iter().map(|(_, shape)| {
            step();
            shape.fields()
        });
        let fields = others.fold(shape.fields(), u32::saturating_add);
        if fields > MAX_FIELDS || self.shapes.push((id, shape)).is_err() {
            return Err(DecodeErrorKind::TooManyTypes);
        }
        Ok(input)
    }

    /// Forgets which types were compared with a receiver's.
    pub(super) fn forget_compared(&mut self) {
        for (_, shape) in self.shapes.iter_mut() {
            if let Shape::Struct(ty) = shape {
                ty.compared = false;
            }
        }
    }

    /// Refuses an id that is already defined, or that the format reserves.
    pub(super) fn check_new(&self, id: TypeId) -> Result<(), DecodeErrorKind> {
        if id.0 < TypeId::FIRST || self.shape(id).is_ok() {
            return Err(DecodeErrorKind::DuplicateType);
        }
        Ok(())
    }

    /// Returns the shape of a defined type.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
    pub(super) fn shape(&self, id: TypeId) -> Result<Shape, DecodeErrorKind> {
        let mut defined = self.shapes.iter();
        let entry = defined.find(|(defined, _)| {
            step();
            *defined == id
        });
        entry
            .map(|(_, shape)| *shape)
            .ok_or(DecodeErrorKind::UnknownType)
    }

    pub(super) fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Returns the struct type at this index in the table.
    pub(super) fn structure(&self, number: u8) -> Result<Struct, DecodeErrorKind> {
        match self.shapes.get(usize::from(number)) {
            Some((_, Shape::Struct(ty))) => Ok(*ty),
            _ => Err(DecodeErrorKind::UnknownType),
        }
    }

    /// Notes that a receiver has compared all fields of a struct type with its own.
    pub(super) fn set_compared(&mut self, number: u8) {
        if let Some((_, Shape::Struct(ty))) = self.shapes.get_mut(usize::from(number)) {
            ty.compared = true;
        }
    }
}

impl Definition {
    /// Takes a definition from `input`, which is the rest of a source of `size` bytes.
    ///
    /// A definition is Go's struct `wireType` with one field set. That field is a struct again. Its
    /// first field is the type's name and id, which are ignored. The others describe the type. The
    /// places of a struct's fields are stored in `marks`.
    pub(super) fn take(
        input: &mut &[u8],
        size: usize,
        mut marks: Option<&mut VecView<u16>>,
    ) -> Result<Self, DecodeErrorKind> {
        let kind = take_size(input)?;
        let (mut first, mut second) = (TypeId::NONE, TypeId::NONE);
        let (mut at, mut fields) = (0, 0);
        let first_mark = marks.as_ref().map_or(0, |marks| marks.len());
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
                    fields = u16::try_from(take_size(input)?).unwrap_or(u16::MAX);
                    if u32::from(fields) > MAX_FIELDS {
                        return Err(DecodeErrorKind::TooManyTypes);
                    }
                    at = size.saturating_sub(input.len());
                    interface |= take_list(input, fields, marks.take())?;
                }
                (2, 1 | 2 | 4) => first = TypeId::take(input)?,
                (3, 1 | 4) => second = TypeId::take(input)?,
                _ => return Err(DecodeErrorKind::BadValue),
            }
        }
        if take_size(input)? != 0 {
            return Err(DecodeErrorKind::BadValue);
        }
        // Elements without a type would take no bytes, so their count would have no bound.
        if matches!(kind, 1 | 2 | 4) && first == TypeId::NONE || kind == 4 && second == TypeId::NONE
        {
            return Err(DecodeErrorKind::UnknownType);
        }
        interface |= first == TypeId::INTERFACE || kind == 4 && second == TypeId::INTERFACE;
        let shape = match kind {
            1 => Shape::Array {
                element: first,
                length: second.0, // a signed number, like an id
            },
            2 => Shape::Slice { element: first },
            3 => Shape::Struct(Struct {
                at: u32::try_from(at).map_err(|_| DecodeErrorKind::BadLength)?,
                fields,
                marks: u16::try_from(first_mark).map_err(|_| DecodeErrorKind::TooManyTypes)?,
                compared: false,
                number: 0,
            }),
            4 => Shape::Map {
                key: first,
                element: second,
            },
            5..=7 => Shape::Opaque,
            _ => return Err(DecodeErrorKind::BadValue),
        };
        Ok(Self { shape, interface })
    }
}

fn skip_name_and_id(input: &mut &[u8]) -> Result<(), DecodeErrorKind> {
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
            _ => return Err(DecodeErrorKind::BadValue),
        }
    }
}
