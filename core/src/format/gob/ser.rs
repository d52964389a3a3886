//! Writes a value as Go does, and checks that it has the described type.

use super::compound::{Compound, Elements, Structure};
use super::definitions::FIRST_ID;
use super::go_type::GoType;
use super::output::Output;
use super::slot::{Place, Slot};
use crate::format::zigzag::unsigned;
use crate::format::{self, EncodeError};
use crate::schema::Type;
use core::fmt::Display;
use serde::ser::{Impossible, Serialize, Serializer};

/// Writes the definitions and the value at the start of `space`, and returns their size.
pub(super) fn write<T: Serialize + ?Sized>(
    value: &T,
    definitions: &[u8],
    id: i64,
    ty: &'static Type,
    space: &mut [u8],
) -> Result<usize, EncodeError> {
    let mut output = Output::new(space, ty);
    output.out.bytes(definitions)?;
    // One byte is reserved for the message's length. Most values need no more. A longer length
    // shifts the value.
    let start = output.out.size();
    output.out.byte(0)?;
    output.uint(unsigned(id))?;
    // Go puts a zero byte before a value that is not a struct.
    if id < i64::from(FIRST_ID) || !matches!(GoType::of(ty), GoType::Struct(..)) {
        output.out.byte(0)?;
    }
    value.serialize(Slot {
        output: &mut output,
        ty,
        place: Place::Element,
    })?;
    output.set_length(start)?;
    Ok(output.out.size())
}

/// Returns the struct with this name in a description.
fn find_struct(ty: &'static Type, name: &str) -> Option<&'static Type> {
    match ty {
        Type::Struct(own, _) if *own == name => Some(ty),
        Type::Struct(_, fields) => fields.iter().find_map(|(_, ty)| find_struct(ty, name)),
        Type::Option(ty) | Type::Seq(ty) | Type::Array(_, ty) => find_struct(ty, name),
        Type::Map(key, element) => find_struct(key, name).or_else(|| find_struct(element, name)),
        _ => None,
    }
}

impl<'w, 's> Serializer for Slot<'w, 's> {
    type Ok = bool;
    type Error = EncodeError;
    type SerializeSeq = Compound<'w, 's>;
    type SerializeTuple = Compound<'w, 's>;
    type SerializeTupleStruct = Compound<'w, 's>;
    type SerializeTupleVariant = Impossible<bool, EncodeError>;
    type SerializeMap = Elements<'w, 's>;
    type SerializeStruct = Structure<'w, 's>;
    type SerializeStructVariant = Impossible<bool, EncodeError>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<bool, EncodeError> {
        match self.ty {
            Type::Bool => self.number(u64::from(value)),
            _ => Err(EncodeError::Unencodable),
        }
    }

    fn serialize_i8(self, value: i8) -> Result<bool, EncodeError> {
        self.int(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<bool, EncodeError> {
        self.int(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<bool, EncodeError> {
        self.int(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<bool, EncodeError> {
        self.int(value)
    }

    fn serialize_u8(self, value: u8) -> Result<bool, EncodeError> {
        self.uint(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<bool, EncodeError> {
        self.uint(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<bool, EncodeError> {
        self.uint(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<bool, EncodeError> {
        self.uint(value)
    }

    fn serialize_f32(self, value: f32) -> Result<bool, EncodeError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<bool, EncodeError> {
        let (Type::F32 | Type::F64) = self.ty else {
            return Err(EncodeError::Unencodable);
        };
        match self.begin(value == 0.0)? {
            Some(output) => output.uint(value.to_bits().swap_bytes()).map(|()| true),
            None => Ok(false),
        }
    }

    fn serialize_char(self, value: char) -> Result<bool, EncodeError> {
        self.int(u32::from(value).into())
    }

    fn serialize_str(self, value: &str) -> Result<bool, EncodeError> {
        match self.ty {
            Type::Str | Type::Enum(..) => self.counted(value.as_bytes()),
            _ => Err(EncodeError::Unencodable),
        }
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<bool, EncodeError> {
        let Type::Str = self.ty else {
            return Err(EncodeError::Unencodable);
        };
        // The length comes first, so the text is formatted twice.
        let length = format::Output::length_of(value)?;
        let Some(output) = self.begin(length == 0)? else {
            return Ok(false);
        };
        output.uint(length as u64)?;
        output.out.display(value, length)?;
        Ok(true)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<bool, EncodeError> {
        match self.ty {
            Type::Bytes | Type::Seq(Type::U8) => self.counted(value),
            _ => Err(EncodeError::Unencodable),
        }
    }

    fn serialize_none(self) -> Result<bool, EncodeError> {
        match self.place {
            Place::Field(_) => Ok(false),
            _ => Err(EncodeError::Unencodable),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, EncodeError> {
        let ty = match self.ty {
            Type::Option(some) => some,
            ty => ty,
        };
        Slot { ty, ..self }.nested(value)
    }

    fn serialize_unit(self) -> Result<bool, EncodeError> {
        self.serialize_unit_struct("")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<bool, EncodeError> {
        let empty = self.serialize_struct(name, 0)?;
        serde::ser::SerializeStruct::end(empty)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        number: u32,
        variant: &'static str,
    ) -> Result<bool, EncodeError> {
        match self.ty {
            Type::Str | Type::Enum(..) => self.serialize_str(variant),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => self.int(number.into()),
            _ => self.uint(number.into()),
        }
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<bool, EncodeError> {
        self.nested(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _number: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<bool, EncodeError> {
        Err(EncodeError::Unencodable)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Compound<'w, 's>, EncodeError> {
        self.sequence(length.ok_or(EncodeError::Unencodable)?)
    }

    fn serialize_tuple(self, length: usize) -> Result<Compound<'w, 's>, EncodeError> {
        self.sequence(length)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Compound<'w, 's>, EncodeError> {
        self.sequence(length)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _number: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, EncodeError> {
        Err(EncodeError::Unencodable)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Elements<'w, 's>, EncodeError> {
        let length = length.ok_or(EncodeError::Unencodable)?;
        match self.ty {
            Type::Map(key, element) => {
                self.elements(length, [*key, *element], Place::Element, length == 0)
            }
            _ => Err(EncodeError::Unencodable),
        }
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Structure<'w, 's>, EncodeError> {
        let ty = match self.ty {
            Type::Outer(name) => find_struct(self.output.root, name),
            ty => Some(ty),
        };
        let fields: &[_] = match ty {
            Some(Type::Struct(_, fields)) => fields,
            Some(Type::Unit) => &[],
            _ => return Err(EncodeError::Unencodable),
        };
        // A struct is never left out, so this is always `Some`.
        let output = self.begin(false)?.ok_or(EncodeError::Unencodable)?;
        Structure::begin(output, fields)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _number: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant, EncodeError> {
        Err(EncodeError::Unencodable)
    }
}
