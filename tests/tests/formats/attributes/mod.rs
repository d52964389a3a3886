//! Types with each attribute of serde's derive. A value decodes to the same value, or it is not encoded,
//! or a format cannot notice the attribute. The documentation of [`Postcard`] and of
//! [`gob`](bellwire::gob) lists the last kind.

mod by_hand;
mod containers;
mod enums;
mod fields;

use Fate::{Changed, Hidden, Refused, Same, Unreadable};
use bellwire::Postcard;
use bellwire::format::EncodeError;
use bellwire::{Format, Schema, gob::Gob};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// The result of sending a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It decodes to the same value.
    Same,
    /// It cannot be encoded.
    Refused,
    /// It is encoded, but cannot be decoded.
    Unreadable,
    /// It decodes to another value.
    Changed,
    /// As an expectation: `Changed` or `Unreadable`, depending on the bytes after it.
    Hidden,
}

impl Fate {
    fn is(self, expected: Fate) -> bool {
        self == expected || expected == Hidden && matches!(self, Changed | Unreadable)
    }
}

/// Returns the fate of `value` in the format `F`.
fn fate<F, T>(value: &T) -> Fate
where
    F: for<'a> Format<Value<'a> = T, Sent<'a> = &'a T>,
    T: PartialEq,
{
    let mut space = [0; 500];
    let size = match F::encode(value, &mut space) {
        Ok(size) => size,
        Err(EncodeError::Unencodable) => return Refused,
        Err(EncodeError::NoRoom) => panic!("the buffer is too small"),
    };
    match F::decode(&space[..size]) {
        Ok(arrived) if arrived == *value => Same,
        Ok(_) => Changed,
        Err(_) => Unreadable,
    }
}

/// Returns the fate of `value` in postcard. Checks that the postcard crate encodes the same bytes.
fn postcard<T>(value: &T) -> Fate
where
    T: Serialize + DeserializeOwned + PartialEq + 'static,
{
    let fate = fate::<Postcard<T>, T>(value);
    if fate != Refused {
        let (mut ours, mut theirs) = ([0; 500], [0; 500]);
        let size = Postcard::<T>::encode(value, &mut ours).unwrap();
        let theirs = postcard::to_slice(value, &mut theirs).unwrap();
        assert_eq!(ours[1..size], *theirs);
    }
    fate
}

/// Checks the fates of `value` in postcard and in gob.
#[track_caller]
fn arrives<T>(what: &str, value: &T, fates: [Fate; 2])
where
    T: Serialize + DeserializeOwned + Schema + PartialEq + Debug + 'static,
{
    let found = [postcard(value), fate::<Gob<T>, T>(value)];
    let expected = found.iter().zip(fates).all(|(found, fate)| found.is(fate));
    assert!(
        expected,
        "{what}: {value:?} is {found:?}, not {fates:?}, in postcard and gob"
    );
}

/// Checks the fate of `value` in postcard, for types without a Go type.
#[track_caller]
fn arrives_in_postcard<T>(what: &str, value: &T, expected: Fate)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + 'static,
{
    let found = postcard(value);
    assert!(
        found.is(expected),
        "{what}: {value:?} is {found:?}, not {expected:?}, in postcard"
    );
}
