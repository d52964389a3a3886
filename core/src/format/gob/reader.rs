//! Walks over the messages of a stream: what type comes, what a value takes, where it ends.

use super::types::{Fields, Head, Shape, TypeId, Types};
use super::wire::{take_bytes, take_counted, take_message, take_size, take_uint};
use crate::error::Flaw;
use crate::format::MAX_DEPTH;

/// Reads one value, message by message.
#[allow(clippy::struct_excessive_bools)] // they are independent
pub(super) struct Reader<'t, 'de> {
    pub(super) types: Types<'t>,
    /// What the places kept in `types` refer to.
    definitions: &'t [u8],
    /// Whether the definitions stand where the value does, so that an interface value may add some.
    inline: bool,
    /// What is left of the present message.
    pub(super) message: &'de [u8],
    /// The messages behind it.
    pub(super) following: &'de [u8],
    /// Whether further messages may still come.
    pub(super) goes_on: bool,
    /// Whether a message was wanted where there was none.
    pub(super) starved: bool,
    /// The struct field that is being read, for errors.
    pub(super) field: Option<&'static str>,
    /// Whether no struct was entered yet.
    pub(super) outermost: bool,
    depth: u8,
}

impl<'t, 'de: 't> Reader<'t, 'de> {
    /// Reads from `rest`, the end of `stream`, in which all the definitions stand.
    pub(super) fn of_stream(types: Types<'t>, stream: &'de [u8], rest: &'de [u8]) -> Self {
        Self {
            inline: true,
            ..Self::of_payload(types, stream, rest)
        }
    }

    /// Reads from `payload`, with all the definitions kept elsewhere.
    pub(super) fn of_payload(types: Types<'t>, definitions: &'t [u8], payload: &'de [u8]) -> Self {
        Self {
            types,
            definitions,
            inline: false,
            message: &[],
            following: payload,
            goes_on: false,
            starved: false,
            field: None,
            outermost: true,
            depth: 0,
        }
    }
}

impl<'t, 'de> Reader<'t, 'de> {
    /// Takes the definitions in front of a value, and says what type the value is of.
    pub(super) fn start(&mut self) -> Result<TypeId, Flaw> {
        loop {
            self.message = self.next_message()?;
            match Head::take(&mut self.message)? {
                Head::Value(ty) => return self.enter(ty),
                Head::Definition(id) => self.define(id)?,
            }
            self.finish()?;
        }
    }

    /// Refuses what a message holds behind a definition, or the last one behind the value.
    pub(super) fn finish(&self) -> Result<(), Flaw> {
        match self.message {
            [] => Ok(()),
            _ => Err(Flaw::LeftOver),
        }
    }

    /// Refuses also what follows the last message.
    pub(super) fn finish_last(&self) -> Result<(), Flaw> {
        match self.following {
            [] => self.finish(),
            _ => Err(Flaw::LeftOver),
        }
    }

    fn next_message(&mut self) -> Result<&'de [u8], Flaw> {
        self.starved = self.following.is_empty();
        take_message(&mut self.following)
    }

    fn define(&mut self, id: TypeId) -> Result<(), Flaw> {
        if !self.inline {
            return Err(Flaw::Unsupported);
        }
        let ahead = self.message.len().saturating_add(self.following.len());
        let at = self.definitions.len().saturating_sub(ahead);
        let rest = self.types.define(id, self.definitions, at)?;
        let left = rest.len().checked_sub(self.following.len());
        let used = left.and_then(|left| self.message.len().checked_sub(left));
        // A definition may not reach into the next message.
        take_bytes(&mut self.message, used.ok_or(Flaw::Truncated)?)?;
        Ok(())
    }

    /// A value that is no struct has a zero in front, where it stands alone.
    fn enter(&mut self, ty: TypeId) -> Result<TypeId, Flaw> {
        if ty == TypeId::NONE {
            return Err(Flaw::UnknownType);
        }
        let defined = ty.0 >= TypeId::FIRST;
        let alone = !defined || !matches!(self.types.shape(ty)?, Shape::Struct { .. });
        if alone && take_size(&mut self.message)? != 0 {
            return Err(Flaw::BadValue);
        }
        Ok(ty)
    }

    /// Goes into an interface value: its Go name, the definitions of types that it is the first to
    /// use, its type, its size, itself. Go ends a message behind each of these definitions,
    /// unless another interface is around. A nil is a name of no bytes.
    pub(super) fn open_interface(&mut self) -> Result<TypeId, Flaw> {
        if take_counted(&mut self.message)?.is_empty() {
            return Ok(TypeId::NONE);
        }
        loop {
            if self.message.is_empty() {
                self.message = self.next_message()?;
            }
            match Head::take(&mut self.message)? {
                Head::Value(ty) => {
                    take_uint(&mut self.message)?;
                    return self.enter(ty);
                }
                Head::Definition(id) => self.define(id)?,
            }
            if !self.message.is_empty() {
                take_uint(&mut self.message)?;
            }
        }
    }

    /// The count of elements that come. Each takes at least `size` bytes.
    pub(super) fn take_count(&mut self, size: usize) -> Result<usize, Flaw> {
        let count = take_size(&mut self.message)?;
        let left = self.message.len().saturating_add(self.following.len());
        match count.checked_mul(size) {
            Some(least) if least <= left => Ok(count),
            _ => {
                // The rest of the elements may stand in messages that have not come.
                self.starved |= self.goes_on;
                Err(Flaw::BadLength)
            }
        }
    }

    /// The count in front of an array, which must be its length.
    pub(super) fn take_length(&mut self, length: u32) -> Result<usize, Flaw> {
        match self.take_count(1)? {
            count if count as u64 == u64::from(length) => Ok(count),
            _ => Err(Flaw::BadLength),
        }
    }

    pub(super) fn fields(&self, at: u32, fields: u32) -> Fields<'t> {
        Fields::at(self.definitions, at, fields)
    }

    pub(super) fn deepen(&mut self) -> Result<(), Flaw> {
        if self.depth >= MAX_DEPTH {
            return Err(Flaw::TooDeep);
        }
        self.depth = self.depth.wrapping_add(1); // below the limit
        Ok(())
    }

    /// Leaves what [`deepen`](Self::deepen) has entered.
    pub(super) fn surface(&mut self) {
        self.depth = self.depth.wrapping_sub(1);
    }
}
