//! Gob replies that the caller keeps.

use super::{Gob, RawGob};
use crate::format::OwnedReply;
use crate::schema::Schema;
use alloc::vec::Vec;
use serde::Serialize;
use serde::de::DeserializeOwned;

impl<T, const TYPES: usize> OwnedReply for Gob<T, TYPES>
where
    T: Serialize + DeserializeOwned + Schema + Send + 'static,
{
    type Owned = T;

    fn into_owned(value: T) -> T {
        value
    }
}

impl OwnedReply for RawGob {
    type Owned = Vec<u8>;

    fn into_owned(gob: &[u8]) -> Vec<u8> {
        gob.into()
    }
}
