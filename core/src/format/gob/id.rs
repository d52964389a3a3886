//! The ids of types.

use super::wire::take_uint;
use crate::error::DecodeErrorKind;

/// The id of a type in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TypeId(pub(super) u32);

impl TypeId {
    /// The type of a value that the stream does not describe. It decodes as the zero value of any
    /// type. On the wire this id is refused.
    pub(super) const NONE: Self = Self(0);
    pub(super) const BOOL: Self = Self(1);
    pub(super) const INT: Self = Self(2);
    pub(super) const UINT: Self = Self(3);
    pub(super) const FLOAT: Self = Self(4);
    pub(super) const BYTES: Self = Self(5);
    pub(super) const STRING: Self = Self(6);
    pub(super) const COMPLEX: Self = Self(7);
    pub(super) const INTERFACE: Self = Self(8);
    /// The type of one element of `BYTES`. Never on the wire.
    pub(super) const BYTE: Self = Self(u32::MAX);
    /// The lowest id that a stream defines.
    pub(super) const FIRST: u32 = 64;

    pub(super) fn take(input: &mut &[u8]) -> Result<Self, DecodeErrorKind> {
        match Head::take(input)? {
            Head::Value(id) => Ok(id),
            Head::Definition(_) => Err(DecodeErrorKind::UnknownType),
        }
    }
}

/// The id at the start of a message. It is negative before a definition.
pub(super) enum Head {
    Definition(TypeId),
    Value(TypeId),
}

impl Head {
    pub(super) fn take(input: &mut &[u8]) -> Result<Self, DecodeErrorKind> {
        let number = u32::try_from(take_uint(input)?).map_err(|_| DecodeErrorKind::UnknownType)?;
        let id = number >> 1;
        Ok(match number & 1 {
            0 => Self::Value(TypeId(id)),
            _ => Self::Definition(TypeId(id.saturating_add(1))),
        })
    }
}
