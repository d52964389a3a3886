//! The fields of a struct type, read from its definition in the sender's order.

use super::id::TypeId;
use super::list::{STRIDE, take_field};
use super::types::{Struct, Types};
use crate::error::DecodeErrorKind;

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
