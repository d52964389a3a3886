//! The descriptions of types from other crates, as serde sees them.

use super::{Schema, Type};

impl<T: Schema + ?Sized> Schema for &T {
    const TYPE: Type = T::TYPE;
}

impl<T: Schema> Schema for Option<T> {
    const TYPE: Type = Type::Option(&T::TYPE);
}

impl<T: Schema> Schema for [T] {
    const TYPE: Type = Type::Seq(&T::TYPE);
}

impl<T: Schema, const N: usize> Schema for [T; N] {
    const TYPE: Type = {
        assert!(N <= u32::MAX as usize, "the array is too long");
        #[expect(clippy::cast_possible_truncation, reason = "checked")]
        Type::Array(N as u32, &T::TYPE)
    };
}

/// Implements [`Schema`] for types without parameters.
macro_rules! describe {
    ($($rust:ty: $ty:ident,)*) => {$(
        impl Schema for $rust {
            const TYPE: Type = Type::$ty;
        }
    )*};
}

describe! {
    bool: Bool,
    i8: I8,
    i16: I16,
    i32: I32,
    i64: I64,
    i128: I128,
    isize: I64,
    u8: U8,
    u16: U16,
    u32: U32,
    u64: U64,
    u128: U128,
    usize: U64,
    f32: F32,
    f64: F64,
    char: Char,
    str: Str,
    (): Unit,
}

/// Implements [`Schema`] for tuples.
macro_rules! describe_tuples {
    ($($($name:ident)*,)*) => {$(
        impl<$($name: Schema),*> Schema for ($($name,)*) {
            const TYPE: Type = Type::Tuple(&[$($name::TYPE),*]);
        }
    )*};
}

describe_tuples! {
    A,
    A B,
    A B C,
    A B C D,
    A B C D E,
    A B C D E F,
    A B C D E F G,
    A B C D E F G H,
    A B C D E F G H I,
    A B C D E F G H I J,
    A B C D E F G H I J K,
    A B C D E F G H I J K L,
}

impl<T: Schema, const N: usize> Schema for heapless::Vec<T, N> {
    const TYPE: Type = Type::Seq(&T::TYPE);
}

impl<T: Schema, const N: usize> Schema for heapless::Deque<T, N> {
    const TYPE: Type = Type::Seq(&T::TYPE);
}

impl<const N: usize> Schema for heapless::String<N> {
    const TYPE: Type = Type::Str;
}

impl<K: Schema, V: Schema, const N: usize> Schema for heapless::LinearMap<K, V, N> {
    const TYPE: Type = Type::Map(&K::TYPE, &V::TYPE);
}

impl<K: Schema, V: Schema, S, const N: usize> Schema for heapless::IndexMap<K, V, S, N> {
    const TYPE: Type = Type::Map(&K::TYPE, &V::TYPE);
}

impl<T: Schema, S, const N: usize> Schema for heapless::IndexSet<T, S, N> {
    const TYPE: Type = Type::Seq(&T::TYPE);
}

#[cfg(feature = "alloc")]
mod alloc_types {
    use super::{Schema, Type};
    use alloc::borrow::{Cow, ToOwned};
    use alloc::boxed::Box;
    use alloc::collections::{BTreeMap, BTreeSet, BinaryHeap, LinkedList, VecDeque};
    use alloc::string::String;
    use alloc::vec::Vec;

    impl Schema for String {
        const TYPE: Type = Type::Str;
    }

    impl<T: Schema + ?Sized> Schema for Box<T> {
        const TYPE: Type = T::TYPE;
    }

    impl<T: Schema + ToOwned + ?Sized> Schema for Cow<'_, T> {
        const TYPE: Type = T::TYPE;
    }

    impl<T: Schema> Schema for Vec<T> {
        const TYPE: Type = Type::Seq(&T::TYPE);
    }

    impl<T: Schema> Schema for VecDeque<T> {
        const TYPE: Type = Type::Seq(&T::TYPE);
    }

    impl<T: Schema> Schema for LinkedList<T> {
        const TYPE: Type = Type::Seq(&T::TYPE);
    }

    impl<T: Schema> Schema for BinaryHeap<T> {
        const TYPE: Type = Type::Seq(&T::TYPE);
    }

    impl<T: Schema> Schema for BTreeSet<T> {
        const TYPE: Type = Type::Seq(&T::TYPE);
    }

    impl<K: Schema, V: Schema> Schema for BTreeMap<K, V> {
        const TYPE: Type = Type::Map(&K::TYPE, &V::TYPE);
    }
}

/// Types that `core` and `alloc` lack. serde has them with its feature `std`.
#[cfg(all(feature = "std-collections", not(target_os = "none")))]
mod std_types {
    extern crate std;

    use super::{Schema, Type};
    use std::collections::{HashMap, HashSet};

    impl<T: Schema, S> Schema for HashSet<T, S> {
        const TYPE: Type = Type::Seq(&T::TYPE);
    }

    impl<K: Schema, V: Schema, S> Schema for HashMap<K, V, S> {
        const TYPE: Type = Type::Map(&K::TYPE, &V::TYPE);
    }
}
