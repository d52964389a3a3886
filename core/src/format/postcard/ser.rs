//! A serde serializer for postcard's encoding. It rejects values that would not decode to the same value.
//!
//! The postcard crate's serializer is unsuitable for three reasons. It leaves out a skipped field without an
//! error, does not check the count that a type announces, and does not limit the nesting.

use super::wire::{put_counted, put_leb128, put_other};
use crate::format::depth::deeper;
use crate::format::zigzag::unsigned;
use crate::format::{EncodeError, Output};
use core::fmt::Display;
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// A serializer of one value.
pub(super) struct Writer<'w, 's> {
    output: &'w mut Output<'s>,
    /// The number of containers around the value, as [`Reader`](super::reader::Reader) counts them.
    depth: u8,
}

impl<'w, 's> Writer<'w, 's> {
    pub(super) fn new(output: &'w mut Output<'s>) -> Self {
        Self { output, depth: 0 }
    }

    /// Enters a container. Fails if it is nested too deep.
    fn deeper(self) -> Result<Self, EncodeError> {
        let depth = deeper(self.depth).ok_or(EncodeError::Unencodable)?;
        Ok(Self { depth, ..self })
    }

    /// Enters an enum variant, and writes its index.
    fn variant(self, index: u32) -> Result<Self, EncodeError> {
        let inside = self.deeper()?;
        put_leb128(inside.output, index.into())?;
        Ok(inside)
    }

    /// Begins a struct or tuple of `count` fields.
    fn fields(self, count: usize) -> Result<Parts<'w, 's>, EncodeError> {
        let Self { output, depth } = self.deeper()?;
        Ok(Parts {
            start: output.size(),
            output,
            depth,
            left: count,
        })
    }

    /// Begins a sequence or map, and writes its count. `each` is the number of values for each element or entry.
    fn counted(self, count: Option<usize>, each: usize) -> Result<Parts<'w, 's>, EncodeError> {
        let count = count.ok_or(EncodeError::Unencodable)?;
        put_leb128(self.output, count as u64)?;
        self.fields(count.saturating_mul(each))
    }
}

/// A serializer of a container's values.
pub(super) struct Parts<'w, 's> {
    output: &'w mut Output<'s>,
    depth: u8,
    /// The values, including keys, that must still be written.
    left: usize,
    /// The number of bytes written before the current element or entry.
    start: usize,
}

impl Parts<'_, '_> {
    /// Writes one value. Fails if all announced values are written already.
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or(EncodeError::Unencodable)?;
        value.serialize(Writer {
            output: &mut *self.output,
            depth: self.depth,
        })
    }

    /// Completes an element or entry. Fails if it took no byte.
    fn complete(&mut self) -> Result<(), EncodeError> {
        if self.output.size() == self.start {
            return Err(EncodeError::Unencodable);
        }
        self.start = self.output.size();
        Ok(())
    }

    fn finish(self) -> Result<(), EncodeError> {
        match self.left {
            0 => Ok(()),
            _ => Err(EncodeError::Unencodable),
        }
    }
}

impl SerializeSeq for Parts<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.add(value)?;
        self.complete()
    }

    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}

impl SerializeMap for Parts<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.add(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.add(value)?;
        self.complete()
    }

    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}

impl SerializeTuple for Parts<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.add(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}

/// Implements the traits of named tuples.
macro_rules! unnamed_fields {
    ($($container:ident)+) => {$(
        impl $container for Parts<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                value: &T,
            ) -> Result<(), EncodeError> {
                self.add(value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.finish()
            }
        }
    )+};
}

unnamed_fields!(SerializeTupleStruct SerializeTupleVariant);

/// Implements the traits of structs. They are decoded by the order of their fields, so no field may be skipped.
macro_rules! named_fields {
    ($($container:ident)+) => {$(
        impl $container for Parts<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _name: &'static str,
                value: &T,
            ) -> Result<(), EncodeError> {
                self.add(value)
            }

            fn skip_field(&mut self, _name: &'static str) -> Result<(), EncodeError> {
                Err(EncodeError::Unencodable)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.finish()
            }
        }
    )+};
}

named_fields!(SerializeStruct SerializeStructVariant);

impl<'w, 's> Serializer for Writer<'w, 's> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Parts<'w, 's>;
    type SerializeTuple = Parts<'w, 's>;
    type SerializeTupleStruct = Parts<'w, 's>;
    type SerializeTupleVariant = Parts<'w, 's>;
    type SerializeMap = Parts<'w, 's>;
    type SerializeStruct = Parts<'w, 's>;
    type SerializeStructVariant = Parts<'w, 's>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.output.byte(value.into())
    }

    fn serialize_i8(self, value: i8) -> Result<(), EncodeError> {
        self.output.byte(value.cast_unsigned())
    }

    fn serialize_i16(self, value: i16) -> Result<(), EncodeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), EncodeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), EncodeError> {
        put_leb128(self.output, unsigned(value))
    }

    fn serialize_i128(self, value: i128) -> Result<(), EncodeError> {
        put_other(self.output, &value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), EncodeError> {
        self.output.byte(value)
    }

    fn serialize_u16(self, value: u16) -> Result<(), EncodeError> {
        put_leb128(self.output, value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), EncodeError> {
        put_leb128(self.output, value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), EncodeError> {
        put_leb128(self.output, value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), EncodeError> {
        put_other(self.output, &value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), EncodeError> {
        put_other(self.output, &value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        put_other(self.output, &value)
    }

    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        put_counted(self.output, value.as_bytes())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        // The length comes first, so the text is formatted twice.
        let length = Output::length_of(value)?;
        put_leb128(self.output, length as u64)?;
        self.output.display(value, length)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        put_counted(self.output, value)
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.output.byte(0)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.output.byte(1)?;
        value.serialize(self.deeper()?)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.variant(index).map(drop)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self.deeper()?)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self.variant(index)?)
    }

    fn serialize_seq(self, count: Option<usize>) -> Result<Parts<'w, 's>, EncodeError> {
        self.counted(count, 1)
    }

    fn serialize_tuple(self, count: usize) -> Result<Parts<'w, 's>, EncodeError> {
        self.fields(count)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        count: usize,
    ) -> Result<Parts<'w, 's>, EncodeError> {
        self.fields(count)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        count: usize,
    ) -> Result<Parts<'w, 's>, EncodeError> {
        self.variant(index)?.fields(count)
    }

    fn serialize_map(self, count: Option<usize>) -> Result<Parts<'w, 's>, EncodeError> {
        self.counted(count, 2)
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        count: usize,
    ) -> Result<Parts<'w, 's>, EncodeError> {
        self.fields(count)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        count: usize,
    ) -> Result<Parts<'w, 's>, EncodeError> {
        self.variant(index)?.fields(count)
    }
}
