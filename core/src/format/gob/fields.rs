//! The fields of a struct type, read from its definition in the sender's order.

use super::MAX_FIELDS;
use super::steps::step;
use super::types::{Struct, TypeId, Types};
use super::wire::{take_bytes, take_counted, take_size};
use crate::error::DecodeErrorKind;
use heapless::VecView;

/// Every eighth field, except the first, has a mark: the place of the field in the list.
const STRIDE: u16 = 8;

/// The most marks for all structs of a stream.
pub(super) const MARKS: usize = MAX_FIELDS as usize / STRIDE as usize;

/// The remaining fields of a struct type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'t> {
    list: &'t [u8],
    left: u16,
    /// The type's index in the table.
    ty: u8,
}

impl<'t> Fields<'t> {
    pub(super) const NONE: Self = Self {
        list: &[],
        left: 0,
        ty: 0,
    };

    /// Returns all fields of a type. Their list is in `definitions`.
    pub(super) fn of(ty: Struct, definitions: &'t [u8]) -> Self {
        Self {
            list: ty.list(definitions, 0),
            left: ty.fields,
            ty: ty.number,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Returns the name and the type of the next field.
    pub(super) fn next(&mut self) -> Result<Option<(&'t [u8], TypeId)>, DecodeErrorKind> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        take_field(&mut self.list).map(Some)
    }

    /// Skips `count` fields, starting from the nearest mark. Returns the number of fields read, at
    /// most seven.
    pub(super) fn seek(
        &mut self,
        count: usize,
        types: &Types<'_>,
        definitions: &'t [u8],
    ) -> Result<usize, DecodeErrorKind> {
        let ty = types.structure(self.ty)?;
        let left = usize::from(self.left).checked_sub(count);
        let left = left.and_then(|left| u16::try_from(left).ok()).unwrap_or(0);
        // Neither wraps: `left` is at most `ty.fields`, and a table has few marks.
        let target = ty.fields.wrapping_sub(left);
        let mark = usize::from(ty.marks.wrapping_add(target / STRIDE));
        let place = match target / STRIDE {
            0 => Some(0),
            _ => types.marks.get(mark.wrapping_sub(1)).copied(),
        };
        self.list = ty.list(definitions, place.ok_or(DecodeErrorKind::BadValue)?);
        self.left = left;
        let steps = target % STRIDE;
        for _ in 0..steps {
            take_field(&mut self.list)?;
        }
        Ok(steps.into())
    }
}

impl Struct {
    /// Returns the list of fields from `place` on.
    fn list(self, definitions: &[u8], place: u16) -> &[u8] {
        let at = self.at.saturating_add(place.into());
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        definitions.get(at..).unwrap_or(&[])
    }
}

/// Takes a list of `count` fields. Returns whether one of them is an interface.
///
/// Stores the place of every eighth field in `marks`, for [`Fields::seek`].
///
/// # Errors
/// Returns [`DecodeErrorKind::TooManyTypes`] if there is no space for a mark, or if the list takes 64 KiB or
/// more.
pub(super) fn take_list(
    input: &mut &[u8],
    count: u16,
    mut marks: Option<&mut VecView<u16>>,
) -> Result<bool, DecodeErrorKind> {
    let size = input.len();
    let mut interface = false;
    for number in 0..count {
        if number % STRIDE == 0 && number > 0 {
            let place = u16::try_from(size.saturating_sub(input.len()));
            let place = place.map_err(|_| DecodeErrorKind::TooManyTypes)?;
            if let Some(marks) = &mut marks {
                marks
                    .push(place)
                    .map_err(|_| DecodeErrorKind::TooManyTypes)?;
            }
        }
        let (_, id) = take_field(input)?;
        interface |= id == TypeId::INTERFACE;
    }
    Ok(interface)
}

/// Takes the name and the type of a field. Go sets both in every field that it can name.
#[cfg_attr(target_pointer_width = "64", inline)]
fn take_field<'a>(input: &mut &'a [u8]) -> Result<(&'a [u8], TypeId), DecodeErrorKind> {
    step();
    let name = part(input).and_then(take_counted)?;
    let id = part(input).and_then(TypeId::take)?;
    match take_size(input)? {
        _ if id == TypeId::NONE => Err(DecodeErrorKind::UnknownType),
        0 if !name.is_empty() => Ok((name, id)),
        _ => Err(DecodeErrorKind::BadValue),
    }
}

fn part<'i, 'a>(input: &'i mut &'a [u8]) -> Result<&'i mut &'a [u8], DecodeErrorKind> {
    match take_bytes(input, 1)? {
        [1] => Ok(input),
        _ => Err(DecodeErrorKind::BadValue),
    }
}
