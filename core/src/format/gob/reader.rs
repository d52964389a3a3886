//! Reads the messages of a stream: definitions, type ids and values.

use super::fields::Fields;
use super::id::{Head, TypeId};
use super::types::{Shape, Types};
use super::wire::{take_bytes, take_counted, take_message, take_size, take_uint};
use crate::error::DecodeErrorKind;
use crate::format::depth::deeper;

/// The bytes of a definition that count as one step: about the size of a field.
const FIELD: usize = 8;

/// The number of types that count as one step of a search.
pub(super) const SEARCH: usize = 6;

/// Reads one value, message by message.
#[allow(clippy::struct_excessive_bools)] // they are independent
pub(super) struct Reader<'t, 'de> {
    pub(super) types: Types<'t>,
    /// The bytes that the places in `types` refer to.
    pub(super) definitions: &'t [u8],
    /// Whether the definitions are in the same stream as the value. Then an interface value may add
    /// some.
    inline: bool,
    /// The unread bytes of the current message.
    pub(super) message: &'de [u8],
    /// The messages after it.
    pub(super) following: &'de [u8],
    /// Whether more messages may arrive.
    pub(super) goes_on: bool,
    /// Whether the value needed a message that has not arrived.
    pub(super) starved: bool,
    /// The struct field that is being read, for errors.
    pub(super) field: Option<&'static str>,
    /// Whether no struct has been entered yet.
    pub(super) outermost: bool,
    /// The steps left. Each skipped value and each field read takes one.
    pub(super) budget: usize,
    depth: u8,
}

impl<'t, 'de: 't> Reader<'t, 'de> {
    /// Reads from `rest`, the end of `stream`, which contains all definitions.
    pub(super) fn of_stream(types: Types<'t>, stream: &'de [u8], rest: &'de [u8]) -> Self {
        Self {
            inline: true,
            ..Self::of_payload(types, stream, rest)
        }
    }

    /// Reads from `payload`. The definitions are kept elsewhere.
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
            budget: usize::MAX,
            depth: 0,
        }
    }
}

impl<'t, 'de> Reader<'t, 'de> {
    /// Takes the definitions before a value. Returns the type of the value.
    pub(super) fn start(&mut self) -> Result<TypeId, DecodeErrorKind> {
        loop {
            self.message = self.next_message()?;
            match Head::take(&mut self.message)? {
                Head::Value(ty) => return self.enter(ty),
                Head::Definition(id) => self.define(id)?,
            }
            self.finish()?;
        }
    }

    /// Refuses bytes after a definition, or after the value in its last message.
    pub(super) fn finish(&self) -> Result<(), DecodeErrorKind> {
        match self.message {
            [] => Ok(()),
            _ => Err(DecodeErrorKind::LeftOver),
        }
    }

    /// Refuses bytes after the last message too.
    pub(super) fn finish_last(&self) -> Result<(), DecodeErrorKind> {
        match self.following {
            [] => self.finish(),
            _ => Err(DecodeErrorKind::LeftOver),
        }
    }

    fn next_message(&mut self) -> Result<&'de [u8], DecodeErrorKind> {
        self.starved = self.following.is_empty();
        take_message(&mut self.following)
    }

    fn define(&mut self, id: TypeId) -> Result<(), DecodeErrorKind> {
        if !self.inline {
            return Err(DecodeErrorKind::Unsupported);
        }
        let ahead = self.message.len().saturating_add(self.following.len());
        let at = self.definitions.len().saturating_sub(ahead);
        let rest = self.types.define(id, self.definitions, at)?;
        let left = rest.len().checked_sub(self.following.len());
        let used = left.and_then(|left| self.message.len().checked_sub(left));
        // A definition may not reach into the next message.
        let used = take_bytes(&mut self.message, used.ok_or(DecodeErrorKind::Truncated)?)?;
        // The table is searched for the id, then for the number of fields.
        self.spend(1 + self.types.len() / 2 + used.len() / FIELD);
        Ok(())
    }

    /// A zero byte comes before a value that is not a struct, at the outermost level and in an
    /// interface.
    fn enter(&mut self, ty: TypeId) -> Result<TypeId, DecodeErrorKind> {
        if ty == TypeId::NONE {
            return Err(DecodeErrorKind::UnknownType);
        }
        let defined = ty.0 >= TypeId::FIRST;
        let alone = !defined || !matches!(self.types.shape(ty)?, Shape::Struct(_));
        if alone && take_size(&mut self.message)? != 0 {
            return Err(DecodeErrorKind::BadValue);
        }
        Ok(ty)
    }

    /// Enters an interface value, and returns the type of the value in it.
    ///
    /// In order it holds: its Go name, the definitions of types that it uses first, its type, its
    /// size and the value. Go ends a message after each of these definitions, unless another
    /// interface encloses this one. A nil interface is an empty name.
    pub(super) fn open_interface(&mut self) -> Result<TypeId, DecodeErrorKind> {
        if take_counted(&mut self.message)?.is_empty() {
            return Ok(TypeId::NONE);
        }
        // It costs as much as two values, and a search for the type.
        self.spend(2 + self.types.len() / SEARCH);
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

    /// Takes a count of elements, each of at least `size` bytes.
    pub(super) fn take_count(&mut self, size: usize) -> Result<usize, DecodeErrorKind> {
        let count = take_size(&mut self.message)?;
        let left = self.message.len().saturating_add(self.following.len());
        match count.checked_mul(size) {
            Some(least) if least <= left => Ok(count),
            _ => {
                // The rest of the elements may be in messages that have not arrived.
                self.starved |= self.goes_on;
                Err(DecodeErrorKind::BadLength)
            }
        }
    }

    /// Takes the count before an array, which must equal its length.
    pub(super) fn take_length(&mut self, length: u32) -> Result<usize, DecodeErrorKind> {
        match self.take_count(1)? {
            count if count as u64 == u64::from(length) => Ok(count),
            _ => Err(DecodeErrorKind::BadLength),
        }
    }

    /// Takes the number of the next field that was sent. Returns the field's name and type, or
    /// `None` at the end of the struct.
    pub(super) fn next_sent(
        &mut self,
        fields: &mut Fields<'t>,
    ) -> Result<Option<(&'t [u8], TypeId)>, DecodeErrorKind> {
        match take_size(&mut self.message)? {
            0 => return Ok(None),
            1 => {}
            gap => {
                let unsent = gap.saturating_sub(1);
                let steps = fields.seek(unsent, &self.types, self.definitions)?;
                self.spend(steps);
            }
        }
        fields
            .next()?
            .map_or(Err(DecodeErrorKind::BadValue), |field| Ok(Some(field)))
    }

    /// Subtracts steps from the budget, for [`check_budget`](Self::check_budget).
    pub(super) fn spend(&mut self, steps: usize) {
        self.budget = self.budget.saturating_sub(steps);
    }

    /// Fails when no steps are left.
    pub(super) fn check_budget(&self) -> Result<(), DecodeErrorKind> {
        match self.budget {
            0 => Err(DecodeErrorKind::TooManyMessages),
            _ => Ok(()),
        }
    }

    pub(super) fn deepen(&mut self) -> Result<(), DecodeErrorKind> {
        self.depth = deeper(self.depth).ok_or(DecodeErrorKind::TooDeep)?;
        Ok(())
    }

    /// Leaves the level that [`deepen`](Self::deepen) entered.
    pub(super) fn surface(&mut self) {
        self.depth = self.depth.wrapping_sub(1);
    }
}
