//! The Go type of ComplexData.

use super::schema::{Described, Type};
use crate::complex_data::{Level, Nested};

impl<C: Nested, const S: usize, const P: usize, const M: usize, const KEY: usize> Described
    for Level<C, S, P, M, KEY>
{
    const TYPE: Type = GO_TYPE;
}

#[cfg(feature = "alloc")]
impl Described for crate::HeapComplexData {
    const TYPE: Type = GO_TYPE;
}

/// The Go struct `complexData`.
const GO_TYPE: Type = Type::Struct(
    "complexData",
    &[
        ("N", Type::Int),
        ("S", Type::String),
        ("M", Type::Map(&Type::String, &Type::Int)),
        ("P", Type::Bytes),
        ("C", Type::Outer("complexData")),
    ],
);
