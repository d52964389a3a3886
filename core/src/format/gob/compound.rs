//! Writes the parts of a value: elements, entries, fields.

use super::output::Output;
use super::slot::{Place, Slot};
use crate::format::EncodeError;
use crate::schema::Type;
use serde::Serialize;
use serde::ser::SerializeTupleStruct;
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple};

impl<'w, 's> Slot<'w, 's> {
    pub(super) fn sequence(self, length: usize) -> Result<Compound<'w, 's>, EncodeError> {
        let (key, place, zero) = match self.ty {
            Type::Tuple([Type::F32 | Type::F64, Type::F32 | Type::F64]) if length == 2 => {
                return Complex::begin(self.output, self.place).map(Compound::Complex);
            }
            Type::Bytes | Type::Seq(Type::U8) => (self.ty, Place::Byte, length == 0),
            Type::Seq(element) => (*element, Place::Element, length == 0),
            Type::Array(wanted, element) if u64::from(*wanted) == length as u64 => {
                (*element, Place::Element, false)
            }
            _ => return Err(EncodeError::Unencodable),
        };
        self.elements(length, [key, key], place, zero)
            .map(Compound::Elements)
    }

    pub(super) fn elements(
        self,
        length: usize,
        types: [&'static Type; 2],
        place: Place,
        zero: bool,
    ) -> Result<Elements<'w, 's>, EncodeError> {
        let output = self.begin(zero)?;
        Elements::begin(output, length, types, place)
    }
}

/// The elements of a sequence, or the entries of a map, after their count.
pub(super) struct Elements<'w, 's> {
    /// `None` if the whole value is left out because it is empty.
    output: Option<&'w mut Output<'s>>,
    /// The type of the next value, and the type of the one after it.
    types: [&'static Type; 2],
    place: Place,
    /// The number of elements or entries still to come.
    left: usize,
}

impl<'w, 's> Elements<'w, 's> {
    pub(super) fn begin(
        mut output: Option<&'w mut Output<'s>>,
        count: usize,
        types: [&'static Type; 2],
        place: Place,
    ) -> Result<Self, EncodeError> {
        if let Some(output) = &mut output {
            output.deepen()?;
            output.uint(count as u64)?;
        }
        Ok(Self {
            output,
            types,
            place,
            left: count,
        })
    }

    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let output = self.output.as_deref_mut().ok_or(EncodeError::Unencodable)?;
        let [ty, other] = self.types;
        self.types = [other, ty];
        let place = self.place;
        value.serialize(Slot { output, ty, place })?;
        Ok(())
    }

    /// Counts an element or an entry. Fails if there are more than announced.
    fn count(&mut self) -> Result<(), EncodeError> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or(EncodeError::Unencodable)?;
        Ok(())
    }

    fn finish(self) -> Result<bool, EncodeError> {
        if self.left > 0 {
            return Err(EncodeError::Unencodable);
        }
        if let Some(output) = self.output {
            output.surface();
            return Ok(true);
        }
        Ok(false)
    }
}

impl SerializeMap for Elements<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.count()?;
        self.add(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.add(value)
    }

    fn end(self) -> Result<bool, EncodeError> {
        self.finish()
    }
}

/// Two floats, left out if both are zero.
pub(super) struct Complex<'w, 's> {
    output: &'w mut Output<'s>,
    /// The start of the value, if the value may be left out.
    start: Option<usize>,
    left: u8,
    zero: bool,
}

impl<'w, 's> Complex<'w, 's> {
    pub(super) fn begin(output: &'w mut Output<'s>, place: Place) -> Result<Self, EncodeError> {
        let start = match place {
            Place::Field(gap) => {
                let start = output.out.size();
                output.uint(gap.into())?;
                Some(start)
            }
            Place::Element => None,
            Place::Byte => return Err(EncodeError::Unencodable),
        };
        Ok(Self {
            output,
            start,
            left: 2,
            zero: true,
        })
    }

    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or(EncodeError::Unencodable)?;
        let start = self.output.out.size();
        value.serialize(Slot {
            output: &mut *self.output,
            ty: &Type::F64,
            place: Place::Element,
        })?;
        self.zero &= self.output.is_zero_float(start);
        Ok(())
    }

    fn finish(self) -> Result<bool, EncodeError> {
        match self.start {
            _ if self.left > 0 => Err(EncodeError::Unencodable),
            Some(start) if self.zero => {
                self.output.out.truncate(start);
                Ok(false)
            }
            _ => Ok(true),
        }
    }
}

/// The gob form of a sequence or tuple.
pub(super) enum Compound<'w, 's> {
    Elements(Elements<'w, 's>),
    Complex(Complex<'w, 's>),
}

impl Compound<'_, '_> {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        match self {
            Self::Elements(elements) => {
                elements.count()?;
                elements.add(value)
            }
            Self::Complex(complex) => complex.add(value),
        }
    }

    fn finish(self) -> Result<bool, EncodeError> {
        match self {
            Self::Elements(elements) => elements.finish(),
            Self::Complex(complex) => complex.finish(),
        }
    }
}

impl SerializeSeq for Compound<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.add(value)
    }

    fn end(self) -> Result<bool, EncodeError> {
        self.finish()
    }
}

impl SerializeTuple for Compound<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.add(value)
    }

    fn end(self) -> Result<bool, EncodeError> {
        self.finish()
    }
}

impl SerializeTupleStruct for Compound<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.add(value)
    }

    fn end(self) -> Result<bool, EncodeError> {
        self.finish()
    }
}

/// The fields of a struct. Each follows its distance from the previous field.
pub(super) struct Structure<'w, 's> {
    output: &'w mut Output<'s>,
    /// The described fields that are not serialized yet.
    fields: &'static [(&'static str, Type)],
    /// The distance from the last written field to the first of `fields`.
    gap: u32,
}

impl<'w, 's> Structure<'w, 's> {
    pub(super) fn begin(
        output: &'w mut Output<'s>,
        fields: &'static [(&'static str, Type)],
    ) -> Result<Self, EncodeError> {
        output.deepen()?;
        Ok(Self {
            output,
            fields,
            gap: 1,
        })
    }
}

impl<'s> Structure<'_, 's> {
    /// Returns the slot of the field with this name. The fields must come in the order of the
    /// description.
    fn slot(&mut self, name: &str) -> Result<Slot<'_, 's>, EncodeError> {
        while let [(described, ty), rest @ ..] = self.fields {
            self.fields = rest;
            let gap = self.gap;
            self.gap = gap.saturating_add(1);
            if *described == name {
                return Ok(Slot {
                    output: &mut *self.output,
                    ty,
                    place: Place::Field(gap),
                });
            }
        }
        Err(EncodeError::Unencodable)
    }
}

impl SerializeStruct for Structure<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        if value.serialize(self.slot(name)?)? {
            self.gap = 1;
        }
        Ok(())
    }

    fn end(self) -> Result<bool, EncodeError> {
        self.output.out.byte(0)?;
        self.output.surface();
        Ok(true)
    }
}
