//! The description of ComplexData.

use super::{Level, Nested};
use crate::schema::{Schema, Type};

impl<C: Nested, const S: usize, const P: usize, const M: usize, const KEY: usize> Schema
    for Level<C, S, P, M, KEY>
{
    const TYPE: Type = TYPE;
}

#[cfg(feature = "alloc")]
impl Schema for crate::HeapComplexData {
    const TYPE: Type = TYPE;
}

/// Go's name of the struct is `complexData`.
const TYPE: Type = Type::Struct(
    "complexData",
    &[
        ("N", Type::I64),
        ("S", Type::Str),
        ("M", Type::Map(&Type::Str, &Type::I64)),
        ("P", Type::Bytes),
        ("C", Type::Option(&Type::Outer("complexData"))),
    ],
);
