//! ComplexData, the structure that the demo programs exchange.

#[cfg(feature = "alloc")]
mod heap;
mod map;
mod read;
mod schema;
mod write;

#[cfg(feature = "alloc")]
pub use heap::HeapComplexData;

use read::Place;

/// An integer, a string, a map, bytes, and optionally one more such level, with fixed capacities.
///
/// On the wire the fields are named `N`, `S`, `M`, `P` and `C`.
///
/// This type has two levels. `Level<ComplexData>` has three, and so on. Each level holds 64 bytes of
/// `S`, 64 bytes of `P`, and 8 entries of `M` with keys of up to 16 bytes. [`WithCapacities`] has
/// others. Decoding refuses a value that exceeds a capacity
/// ([`DecodeErrorKind::OverCapacity`](crate::DecodeErrorKind::OverCapacity)) or nests deeper
/// ([`DecodeErrorKind::TooDeep`](crate::DecodeErrorKind::TooDeep)). With the feature `alloc`,
/// `HeapComplexData` has the same encoding and grows as needed.
///
/// ```
/// use bellwire::{ComplexData, complex_data::Level};
///
/// let mut data = ComplexData {
///     n: 23,
///     s: "string data".try_into()?,
///     p: b"abc".as_slice().try_into()?,
///     c: Some(Level { n: 256, ..Level::default() }),
///     ..ComplexData::default()
/// };
/// data.m.insert("one".try_into()?, 1).map_err(|_| "the map is full")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type ComplexData = Level<Inner>;

/// The innermost level of a [`ComplexData`]. Only tests name it; elsewhere `Level` is inferred.
#[doc(hidden)]
pub type Inner = Level<Deepest>;

/// A [`ComplexData`] with other capacities: bytes of `S`, bytes of `P`, entries of `M`, and bytes of
/// a key of `M`.
///
/// It has the same bytes on the wire. Each end may choose its own capacities.
///
/// ```
/// use bellwire::complex_data::{Level, WithCapacities};
///
/// type Small = WithCapacities<16, 0, 2, 8>; // for a command of `Postcard<Small>` or `Gob<Small>`
///
/// let data = Small {
///     n: 23,
///     c: Some(Level { n: 256, ..Level::default() }),
///     ..Small::default()
/// };
/// assert_eq!(data.s.capacity(), 16);
/// ```
pub type WithCapacities<const S: usize, const P: usize, const M: usize, const KEY: usize> =
    Level<Level<Deepest, S, P, M, KEY>, S, P, M, KEY>;

/// One level of a [`ComplexData`]. `C` is the type of the next level. `S` and `P` are the most bytes
/// of these fields. `M` is the most entries of the map, and `KEY` the most bytes of a key.
///
/// Two maps are equal if they hold the same entries in any order. Entries are encoded in the order
/// of their keys, so equal values have equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(rename = "complexData")]
pub struct Level<
    C: Nested,
    const S: usize = 64,
    const P: usize = 64,
    const M: usize = 8,
    const KEY: usize = 16,
> {
    /// `N`, an integer.
    #[serde(rename = "N")]
    pub n: i64,
    /// `S`, a string.
    #[serde(rename = "S")]
    pub s: heapless::String<S>,
    /// `M`, a map from strings to integers.
    #[serde(rename = "M", serialize_with = "write::sorted_map")]
    #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
    pub m: heapless::LinearMap<heapless::String<KEY>, i64, M>,
    /// `P`, bytes.
    #[serde(rename = "P", serialize_with = "write::bytes")]
    pub p: heapless::Vec<u8, P>,
    /// `C`, the next level, if any.
    #[serde(rename = "C")]
    pub c: Option<C>,
}

/// A type that can be the next level: a [`Level`], or [`Deepest`], which ends the nesting.
///
/// Other types should not implement it.
#[doc(hidden)]
pub trait Nested: serde::Serialize + Sized {
    /// Puts an empty level into `place` and returns it, or returns `None` if the nesting ends here.
    #[doc(hidden)]
    fn put(place: &mut Option<Self>) -> Option<&mut dyn Place>;

    /// Copies this level and the levels inside it to the heap.
    #[cfg(feature = "alloc")]
    #[doc(hidden)]
    fn to_heap(&self) -> HeapComplexData;

    /// Copies `data` and the levels inside it, if they fit.
    #[cfg(feature = "alloc")]
    #[doc(hidden)]
    fn from_heap(data: &HeapComplexData) -> Result<Self, crate::DecodeErrorKind>;
}

/// The type after the innermost level. It has no values.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Deepest {}

impl<C: Nested, const S: usize, const P: usize, const M: usize, const KEY: usize> Nested
    for Level<C, S, P, M, KEY>
{
    fn put(place: &mut Option<Self>) -> Option<&mut dyn Place> {
        Some(place.insert(Self::default()))
    }

    #[cfg(feature = "alloc")]
    fn to_heap(&self) -> HeapComplexData {
        heap::from_level(self)
    }

    #[cfg(feature = "alloc")]
    fn from_heap(data: &HeapComplexData) -> Result<Self, crate::DecodeErrorKind> {
        heap::to_level(data)
    }
}

impl Nested for Deepest {
    fn put(_place: &mut Option<Self>) -> Option<&mut dyn Place> {
        None
    }

    #[cfg(feature = "alloc")]
    fn to_heap(&self) -> HeapComplexData {
        match *self {}
    }

    #[cfg(feature = "alloc")]
    fn from_heap(_data: &HeapComplexData) -> Result<Self, crate::DecodeErrorKind> {
        Err(crate::DecodeErrorKind::TooDeep)
    }
}

impl<C: Nested, const S: usize, const P: usize, const M: usize, const KEY: usize> Default
    for Level<C, S, P, M, KEY>
{
    fn default() -> Self {
        Self {
            n: 0,
            s: heapless::String::new(),
            m: heapless::LinearMap::new(),
            p: heapless::Vec::new(),
            c: None,
        }
    }
}

impl serde::Serialize for Deepest {
    fn serialize<S: serde::Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}
