//! Random signatures and values.

use bellwire::schema::{Encoding, Type};
use bellwire_std::schema::Signature;
use fastrand::Rng;
use std::collections::BTreeMap;

/// Returns a signature with types of up to four levels.
pub(crate) fn signature(rng: &mut Rng) -> Signature {
    let mut request = Encoding {
        format: "()",
        ty: None,
    };
    if rng.bool() {
        request = encoding(rng);
    }
    Signature {
        name: ["READ", "a-b", "~", "x->y"][rng.usize(..4)],
        request,
        reply: rng.bool().then(|| encoding(rng)),
    }
}

fn encoding(rng: &mut Rng) -> Encoding {
    match rng.u8(..4) {
        0 => Encoding {
            format: "line",
            ty: None,
        },
        _ => Encoding {
            format: ["postcard", "gob", "own-format"][rng.usize(..3)],
            ty: Some(leak(ty(rng, 4, &mut Vec::new()))),
        },
    }
}

fn leak(ty: Type) -> &'static Type {
    Box::leak(Box::new(ty))
}

const PLAIN: [Type; 17] = [
    Type::Bool,
    Type::I8,
    Type::I16,
    Type::I32,
    Type::I64,
    Type::I128,
    Type::U8,
    Type::U16,
    Type::U32,
    Type::U64,
    Type::U128,
    Type::F32,
    Type::F64,
    Type::Char,
    Type::Str,
    Type::Bytes,
    Type::Unit,
];

const NAMES: [&str; 10] = [
    "a",
    "B2",
    "_",
    "kebab-name",
    "u8",
    "",
    "4th",
    "a \"b\" \\",
    "\u{202e}é\n\0",
    "[(<{^|}>)]",
];

/// Returns a type of at most `levels` levels inside the types `around`.
fn ty(rng: &mut Rng, levels: usize, around: &mut Vec<&'static str>) -> Type {
    if levels == 0 || rng.u8(..4) == 0 {
        if around.is_empty() || rng.bool() {
            return PLAIN[rng.usize(..PLAIN.len())];
        }
        return Type::Outer(around[rng.usize(..around.len())]);
    }
    let levels = levels - 1;
    match rng.u8(..7) {
        0 => Type::Option(leak(ty(rng, levels, around))),
        1 => Type::Seq(leak(ty(rng, levels, around))),
        2 => Type::Array(rng.u32(..), leak(ty(rng, levels, around))),
        3 => tuple(rng, 1, levels, around),
        4 => Type::Map(leak(ty(rng, levels, around)), leak(ty(rng, levels, around))),
        5 => {
            let name = NAMES[rng.usize(..NAMES.len())];
            structure(rng, name, levels, around)
        }
        _ => {
            let name = NAMES[rng.usize(..NAMES.len())];
            around.push(name);
            let variants = names(rng).map(|name| (name, content(rng, name, levels, around)));
            let variants = variants.collect::<Vec<_>>().leak();
            around.pop();
            Type::Enum(name, variants)
        }
    }
}

fn tuple(rng: &mut Rng, least: usize, levels: usize, around: &mut Vec<&'static str>) -> Type {
    let elements = (0..rng.usize(least..4)).map(|_| ty(rng, levels, around));
    Type::Tuple(elements.collect::<Vec<_>>().leak())
}

fn structure(
    rng: &mut Rng,
    name: &'static str,
    levels: usize,
    around: &mut Vec<&'static str>,
) -> Type {
    around.push(name);
    let fields = names(rng).map(|name| (name, ty(rng, levels, around)));
    let fields = fields.collect::<Vec<_>>().leak();
    around.pop();
    Type::Struct(name, fields)
}

fn content(
    rng: &mut Rng,
    name: &'static str,
    levels: usize,
    around: &mut Vec<&'static str>,
) -> Option<Type> {
    match rng.u8(..4) {
        0 => None,
        1 => Some(ty(rng, levels, around)),
        2 => Some(tuple(rng, 0, levels, around)),
        _ => Some(structure(rng, name, levels, around)),
    }
}

/// Returns up to three different names.
fn names(rng: &mut Rng) -> impl Iterator<Item = &'static str> + use<> {
    let start = rng.usize(..NAMES.len());
    (0..rng.usize(..4)).map(move |index| NAMES[(start + index) % NAMES.len()])
}

/// A type with random values.
pub(crate) trait Random {
    /// Returns a value. Small and extreme ones are frequent.
    fn random(rng: &mut Rng) -> Self;
}

/// Implements it for numbers: half of them are small or extreme.
macro_rules! numbers {
    ($($number:ident)+) => {$(
        impl Random for $number {
            fn random(rng: &mut Rng) -> Self {
                match rng.u8(..8) {
                    0 => $number::MIN,
                    1 => $number::MAX,
                    2 => 0,
                    3 => 1,
                    _ => rng.$number(..),
                }
            }
        }
    )+};
}

numbers!(i8 i16 i32 i64 i128 u8 u16 u32 u64 u128);

impl Random for () {
    fn random(_: &mut Rng) -> Self {}
}

impl Random for bool {
    fn random(rng: &mut Rng) -> Self {
        rng.bool()
    }
}

impl Random for f32 {
    fn random(rng: &mut Rng) -> Self {
        let any = f32::from_bits(rng.u32(..));
        let special = [-0.5, f32::MAX, f32::MIN_POSITIVE, -0.0, 1e20][rng.usize(..5)];
        if any.is_finite() && rng.bool() {
            return any;
        }
        special
    }
}

impl Random for f64 {
    fn random(rng: &mut Rng) -> Self {
        let any = f64::from_bits(rng.u64(..));
        let special = [-0.5, f64::MAX, f64::MIN_POSITIVE, -0.0, 1e20][rng.usize(..5)];
        if any.is_finite() && rng.bool() {
            return any;
        }
        special
    }
}

impl Random for char {
    fn random(rng: &mut Rng) -> Self {
        rng.char(..)
    }
}

impl Random for String {
    fn random(rng: &mut Rng) -> Self {
        (0..rng.usize(..6)).map(|_| rng.char(..)).collect()
    }
}

impl<T: Random> Random for Option<T> {
    fn random(rng: &mut Rng) -> Self {
        rng.bool().then(|| T::random(rng))
    }
}

impl<T: Random> Random for Vec<T> {
    fn random(rng: &mut Rng) -> Self {
        (0..rng.usize(..4)).map(|_| T::random(rng)).collect()
    }
}

impl<T: Random, const N: usize> Random for [T; N] {
    fn random(rng: &mut Rng) -> Self {
        std::array::from_fn(|_| T::random(rng))
    }
}

impl<K: Random + Ord, V: Random> Random for BTreeMap<K, V> {
    fn random(rng: &mut Rng) -> Self {
        (0..rng.usize(..4))
            .map(|_| (K::random(rng), V::random(rng)))
            .collect()
    }
}

impl<A: Random, B: Random, C: Random, D: Random, E: Random> Random for (A, B, C, D, E) {
    fn random(rng: &mut Rng) -> Self {
        (
            A::random(rng),
            B::random(rng),
            C::random(rng),
            D::random(rng),
            E::random(rng),
        )
    }
}
