//! The list of a struct's fields in its definition.

use super::id::TypeId;
use super::limits::MAX_FIELDS;
use super::steps::step;
use super::wire::{take_bytes, take_counted, take_size};
use crate::error::DecodeErrorKind;
use heapless::VecView;

/// Every eighth field, except the first, has a mark: the place of the field in the list.
pub(super) const STRIDE: u16 = 8;

/// The most marks for all structs of a stream.
pub(super) const MARKS: usize = MAX_FIELDS as usize / STRIDE as usize;

/// Takes a list of `count` fields. Returns whether one of them is an interface.
///
/// Stores the place of every eighth field in `marks`, for [`Fields::seek`](super::fields::Fields::seek).
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
pub(super) fn take_field<'a>(input: &mut &'a [u8]) -> Result<(&'a [u8], TypeId), DecodeErrorKind> {
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
