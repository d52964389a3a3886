//! Types with each attribute of serde's derive: a value of one decodes to the same value, or it is
//! refused when it is encoded, or the attribute is one that a format cannot see, which the
//! documentation of [`Postcard`] and of [`gob`](bellwire::gob) names.

mod by_hand;
mod containers;
mod enums;
mod fields;

use Fate::{Changed, Hidden, Refused, Same, Unreadable};
use bellwire::Postcard;
use bellwire::format::{EncodeError, Format};
use bellwire::gob::{Described, Gob};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// How a value that is sent arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// As it was.
    Same,
    /// Not at all: it cannot be encoded.
    Refused,
    /// Not at all: it was encoded and is refused by its receiver.
    Unreadable,
    /// As another value.
    Changed,
    /// Expected only: changed or unreadable, depending on the bytes after it.
    Hidden,
}

impl Fate {
    fn is(self, expected: Fate) -> bool {
        self == expected || expected == Hidden && matches!(self, Changed | Unreadable)
    }
}

/// How `value` arrives in the format `F`.
fn fate<F, T>(value: &T) -> Fate
where
    F: for<'a> Format<Value<'a> = T, Sent<'a> = &'a T>,
    T: PartialEq,
{
    let mut space = [0; 500];
    let size = match F::encode(value, &mut space) {
        Ok(size) => size,
        Err(EncodeError::Unencodable) => return Refused,
        Err(EncodeError::NoRoom) => panic!("there is room"),
    };
    match F::decode(&space[..size]) {
        Ok(arrived) if arrived == *value => Same,
        Ok(_) => Changed,
        Err(_) => Unreadable,
    }
}

/// How `value` arrives in postcard. Its bytes are those of the postcard crate, if it is encoded.
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

/// How `value` arrives in postcard and in gob.
#[track_caller]
fn arrives<T>(what: &str, value: &T, fates: [Fate; 2])
where
    T: Serialize + DeserializeOwned + Described + PartialEq + Debug + 'static,
{
    let found = [postcard(value), fate::<Gob<T>, T>(value)];
    let expected = found.iter().zip(fates).all(|(found, fate)| found.is(fate));
    assert!(
        expected,
        "{what}: {value:?} is {found:?}, not {fates:?}, in postcard and gob"
    );
}

/// How `value` arrives in postcard, if it has no type in Go.
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
