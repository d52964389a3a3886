//! A type with the types around it.

use bellwire::Limits;
use bellwire::schema::Type;

/// A type, and the types around it, in which [`Type::Outer`] is looked up.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) ty: &'static Type,
    around: Option<&'p Place<'p>>,
    /// The number of containers around the value. It grows with recursion.
    depth: u8,
}

impl<'p> Place<'p> {
    pub(super) fn root(ty: &'static Type) -> Self {
        Self {
            ty,
            around: None,
            depth: 0,
        }
    }

    /// Returns the place of a value of the type `ty` inside this one.
    pub(super) fn inside(&'p self, ty: &'static Type) -> Self {
        Self {
            ty,
            around: Some(self),
            depth: self.depth.saturating_add(1),
        }
    }

    /// Returns the same place with its real type in place of [`Type::Outer`].
    ///
    /// # Errors
    /// The value nests too deep, or there is no such type.
    pub(super) fn resolve(self) -> Result<Self, &'static str> {
        if self.depth > Limits::MAX_DEPTH {
            return Err("nested too deep");
        }
        let Type::Outer(wanted) = self.ty else {
            return Ok(self);
        };
        let mut around = self.around;
        while let Some(place) = around {
            match place.ty {
                Type::Struct(name, _) | Type::Enum(name, _) if name == wanted => {
                    let depth = self.depth;
                    return Ok(Self { depth, ..*place });
                }
                _ => around = place.around,
            }
        }
        Err("no enclosing type has the described name")
    }

    /// Returns the type of element `index` of a list, an array or a tuple, or `None` after the last one.
    pub(super) fn element(&self, index: usize) -> Option<&'static Type> {
        match self.ty {
            Type::Bytes => Some(&Type::U8),
            Type::Seq(element) => Some(element),
            Type::Array(length, element) => {
                (index as u64).lt(&u64::from(*length)).then_some(element)
            }
            Type::Tuple(elements) => elements.get(index),
            _ => None,
        }
    }

    /// Says which JSON the type has.
    pub(super) fn expected(&self) -> String {
        match self.ty {
            Type::Unit => "null".to_owned(),
            Type::Bytes | Type::Seq(_) => "an array".to_owned(),
            Type::Array(length, _) => format!("an array of {length} values"),
            Type::Tuple(elements) => format!("an array of {} values", elements.len()),
            Type::Map(..) => "an object".to_owned(),
            Type::Struct(name, _) => format!("an object ({})", super::error::shown(name)),
            Type::Enum(name, _) => format!("a variant of {}", super::error::shown(name)),
            plain => plain.to_string(),
        }
    }
}
