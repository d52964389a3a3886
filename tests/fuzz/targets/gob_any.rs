//! Decoding a gob stream without a known type takes work in proportion to its bytes, and skipping it finds at
//! least as many values.
#![no_main]

use bellwire::gob::Stream;
use bellwire_fuzz::formats::{bounded, payload};
use core::cell::Cell;
use core::fmt;
use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

fuzz_target!(|data: &[u8]| {
    let data = &data[..data.len().min(1200)];
    let whole = payload::<bellwire::Gob<i64>>(data).unwrap_or(data);
    VALUES.set(0);
    let seen = bounded(whole, |whole| count::<Seen>(Stream::new(whole)));
    let values = VALUES.get();
    // A complex number counts as three values (itself and two floats), and may have only two bytes.
    assert!(
        2 * values <= 3 * whole.len(),
        "{values} values in {} bytes",
        whole.len()
    );
    let skipped = bounded(whole, |whole| count::<IgnoredAny>(Stream::new(whole)));
    assert!(skipped >= seen, "{skipped} skipped, {seen} seen");
});

/// Returns the number of values before the end or the first error.
fn count<'a, T: Deserialize<'a>>(mut stream: Stream<'a>) -> usize {
    let mut values = 0;
    while let Ok(Some(_)) = stream.next::<T>() {
        values += 1;
    }
    values
}

thread_local! {
    /// The number of values seen, including those inside a value that turned out to be malformed.
    static VALUES: Cell<usize> = const { Cell::new(0) };
}

/// A value of any type. Decoding it adds one to `VALUES`.
struct Seen;

fn counted() -> Seen {
    VALUES.set(VALUES.get() + 1);
    Seen
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Whatever)
    }
}

struct Whatever;

impl<'de> Visitor<'de> for Whatever {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<Seen, E> {
        Ok(counted())
    }

    fn visit_bool<E: Error>(self, _value: bool) -> Result<Seen, E> {
        Ok(counted())
    }

    fn visit_i64<E: Error>(self, _value: i64) -> Result<Seen, E> {
        Ok(counted())
    }

    fn visit_u64<E: Error>(self, _value: u64) -> Result<Seen, E> {
        Ok(counted())
    }

    fn visit_f64<E: Error>(self, _value: f64) -> Result<Seen, E> {
        Ok(counted())
    }

    fn visit_str<E: Error>(self, _text: &str) -> Result<Seen, E> {
        Ok(counted())
    }

    fn visit_bytes<E: Error>(self, _bytes: &[u8]) -> Result<Seen, E> {
        Ok(counted())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Seen, A::Error> {
        while let Some(Seen) = access.next_element()? {}
        Ok(counted())
    }

    /// Counts keys too: the stream has no field names, but it has a number for each field.
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Seen, A::Error> {
        while let Some((Seen, Seen)) = access.next_entry()? {}
        Ok(counted())
    }
}
