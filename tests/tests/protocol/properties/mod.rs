//! Properties of all values, all conversations and all ways in which bytes arrive. Each property is tried
//! 256 times, or as often as the environment variable `PROPTEST_CASES` says.

mod conversations;
mod elements;
mod values;
mod work;

use bellwire::format::Frame;
use bellwire::{Format, HeapComplexData};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, TestRunner};

/// Tries `check` with random values, and reports the simplest one that fails.
fn each<S: Strategy>(values: S, check: impl Fn(S::Value)) {
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let tried = TestRunner::new(config).run(&values, |value| {
        check(value);
        Ok(())
    });
    if let Err(failure) = tried {
        panic!("{failure}");
    }
}

fn text(most: usize) -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..=most).prop_map(String::from_iter)
}

/// Structures of up to `most` levels. `S` has up to `length` characters, `P` as many bytes; keys are shorter.
fn structure(most: usize, length: usize) -> impl Strategy<Value = HeapComplexData> {
    let map = btree_map(text(length / 4), any::<i64>(), 0..=8);
    let level = (
        any::<i64>(),
        text(length),
        map,
        vec(any::<u8>(), 0..=length),
    );
    vec(level, 1..=most).prop_map(|levels| {
        let outwards = levels.into_iter().rev();
        let whole = outwards.fold(None, |inner, (n, s, m, p)| {
            let c = inner.map(Box::new);
            Some(HeapComplexData { n, s, m, p, c })
        });
        whole.expect("at least one level")
    })
}

fn encode<F: Format>(value: F::Sent<'_>) -> Vec<u8> {
    let mut space = vec![0; 65536];
    let size = F::encode(value, &mut space).expect("the format carries it");
    space.truncate(size);
    assert_eq!(F::frame(&space, &mut 0), Frame::Ends(size));
    space
}
