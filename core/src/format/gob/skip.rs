//! Skips values that the receiver does not want, at any depth.

use super::fields::Fields;
use super::id::TypeId;
use super::reader::{Reader, SEARCH};
use super::types::Shape;
use super::wire::{take_bytes, take_counted, take_uint};
use crate::error::DecodeErrorKind;
use crate::format::MAX_DEPTH;
use heapless::Vec;

/// The rest of a value around the one that is being skipped.
enum Around<'t> {
    /// The number of parts left. Their types alternate; the last part has the second type.
    Parts(usize, [TypeId; 2]),
    /// The fields that may still come.
    Fields(Fields<'t>),
}

impl<'t> Reader<'t, '_> {
    /// Skips a value.
    pub(super) fn skip(&mut self, ty: TypeId) -> Result<(), DecodeErrorKind> {
        // Without recursion: a peer could make its frames take kilobytes of a small machine's
        // stack.
        let mut around = Vec::<_, { MAX_DEPTH as usize }>::new();
        let mut ty = ty;
        loop {
            self.spend(1);
            self.check_budget()?;
            if let Some(inside) = self.begin(ty)? {
                around.push(inside).map_err(|_| DecodeErrorKind::TooDeep)?;
            }
            ty = loop {
                let Some(innermost) = around.last_mut() else {
                    return Ok(());
                };
                if let Some(ty) = innermost.next(self)? {
                    break ty;
                }
                around.pop();
                self.surface();
            };
        }
    }

    /// Skips a value without parts, or enters a value with parts.
    fn begin(&mut self, mut ty: TypeId) -> Result<Option<Around<'t>>, DecodeErrorKind> {
        while ty == TypeId::INTERFACE {
            ty = self.open_interface()?;
            self.check_budget()?;
        }
        match ty {
            TypeId::NONE => {}
            TypeId::BOOL | TypeId::INT | TypeId::UINT | TypeId::FLOAT => {
                take_uint(&mut self.message)?;
            }
            TypeId::COMPLEX => {
                take_uint(&mut self.message)?;
                take_uint(&mut self.message)?;
            }
            TypeId::BYTES | TypeId::STRING => {
                take_counted(&mut self.message)?;
            }
            TypeId::BYTE => {
                take_bytes(&mut self.message, 1)?;
            }
            _ => return self.go_into(self.types.shape(ty)?).map(Some),
        }
        Ok(None)
    }

    fn go_into(&mut self, shape: Shape) -> Result<Around<'t>, DecodeErrorKind> {
        self.deepen()?;
        self.spend(self.types.len() / SEARCH);
        Ok(match shape {
            Shape::Opaque => {
                take_counted(&mut self.message)?;
                Around::Parts(0, [TypeId::NONE; 2])
            }
            Shape::Array { element, length } => {
                Around::Parts(self.take_length(length)?, [element; 2])
            }
            Shape::Slice { element } => Around::Parts(self.take_count(1)?, [element; 2]),
            Shape::Map { key, element } => {
                // No overflow: each entry takes at least two bytes, so the count is at most half the payload.
                Around::Parts(self.take_count(2)?.saturating_mul(2), [key, element])
            }
            Shape::Struct(ty) => Around::Fields(Fields::of(ty, self.definitions)),
        })
    }
}

impl<'t> Around<'t> {
    /// Returns the type of the next part.
    fn next(&mut self, reader: &mut Reader<'t, '_>) -> Result<Option<TypeId>, DecodeErrorKind> {
        match self {
            Self::Parts(left, [first, second]) => {
                let ty = if *left % 2 == 0 { *first } else { *second };
                let Some(rest) = left.checked_sub(1) else {
                    return Ok(None);
                };
                *left = rest;
                Ok(Some(ty))
            }
            Self::Fields(fields) => {
                let field = reader.next_sent(fields)?;
                Ok(field.map(|(_, ty)| ty))
            }
        }
    }
}
