//! The nesting of a type.

use super::Type;

/// Returns the number of containers around the innermost value of a type: structs, enums, options, lists, tuples, maps.
pub(super) const fn depth(ty: Option<&Type>) -> u8 {
    let inside = match ty {
        Some(Type::Option(ty) | Type::Seq(ty) | Type::Array(_, ty)) => depth(Some(ty)),
        Some(Type::Map(key, value)) => deepest(depth(Some(key)), depth(Some(value))),
        Some(Type::Tuple(elements)) => {
            let (mut most, mut rest) = (0, *elements);
            while let [first, tail @ ..] = rest {
                most = deepest(most, depth(Some(first)));
                rest = tail;
            }
            most
        }
        Some(Type::Struct(_, fields)) => {
            let (mut most, mut rest) = (0, *fields);
            while let [(_, first), tail @ ..] = rest {
                most = deepest(most, depth(Some(first)));
                rest = tail;
            }
            most
        }
        Some(Type::Enum(_, variants)) => {
            let (mut most, mut rest) = (0, *variants);
            while let [(_, first), tail @ ..] = rest {
                most = deepest(most, depth(first.as_ref()));
                rest = tail;
            }
            most
        }
        _ => return 0,
    };
    inside.saturating_add(1)
}

const fn deepest(a: u8, b: u8) -> u8 {
    if a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::{Type, depth};

    #[test]
    fn the_depth_of_a_type_is_that_of_its_deepest_part() {
        const LIST: Type = Type::Seq(&Type::U8);
        for (ty, levels) in [
            (Type::U8, 0),
            (Type::Outer("A"), 0),
            (LIST, 1),
            (Type::Array(2, &LIST), 2),
            (Type::Option(&Type::Option(&LIST)), 3),
            (Type::Map(&Type::Str, &LIST), 2),
            (Type::Map(&LIST, &Type::Str), 2),
            (Type::Tuple(&[Type::U8, LIST, Type::U8]), 2),
            (Type::Struct("A", &[]), 1),
            (Type::Struct("A", &[("a", LIST), ("b", Type::U8)]), 2),
            (
                Type::Enum("A", &[("a", None), ("b", Some(LIST)), ("c", None)]),
                2,
            ),
        ] {
            assert_eq!(depth(Some(&ty)), levels, "{ty:?}");
        }
        assert_eq!(depth(None), 0);
    }
}
