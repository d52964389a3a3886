//! Times gob for the tutorial's value: `cargo run --release -p bellwire-tests --example gob_bench`.
//! If Go is installed, also prints Go's own figures (`go run . bench` in `tests/go`).

use bellwire::complex_data::Level;
use bellwire::format::Frame;
use bellwire::gob::{Decoder, Encoder};
use bellwire::{ComplexData, Format, Gob, HeapComplexData};
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

fn main() {
    let value = tutorial();
    let heap = <HeapComplexData as From<&ComplexData>>::from(&value);
    let mut space = [0; 512];
    let size = Gob::<ComplexData>::encode(&value, &mut space).expect("room");
    let fresh = space[..size].to_vec();

    report("encode, fresh", || {
        Gob::<ComplexData>::encode(black_box(&value), &mut space)
    });
    report("decode, fresh", || {
        Gob::<ComplexData>::decode(black_box(&fresh))
    });
    report("encode, fresh, on the heap", || {
        Gob::<HeapComplexData>::encode(black_box(&heap), &mut space)
    });
    report("decode, fresh, on the heap", || {
        Gob::<HeapComplexData>::decode(black_box(&fresh))
    });
    report("find the end", || {
        let frame = Gob::<ComplexData>::frame(black_box(&fresh), &mut 0);
        assert!(matches!(frame, Frame::Ends(186)));
        frame
    });
    let mut encoder = Encoder::<ComplexData>::new();
    encoder.encode(&value, &mut space).expect("room");
    report("encode, one Encoder", || {
        encoder.encode(black_box(&value), &mut space)
    });
    let mut memory = [0; 128];
    let mut decoder = Decoder::new(&mut memory);
    decoder.decode::<ComplexData>(&fresh).expect("a value");
    let later = &fresh[88..];
    report("decode, one Decoder", || {
        decoder.decode::<ComplexData>(black_box(later))
    });

    let go = std::env::var("GO").unwrap_or_else(|_| "go".into());
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/go");
    let run = Command::new(go)
        .args(["run", ".", "bench"])
        .current_dir(folder)
        .status();
    if !run.is_ok_and(|status| status.success()) {
        println!("Go is not installed; set GO to its program for its figures");
    }
}

/// Prints the time of one call: the best average of 15 runs.
fn report<T>(name: &str, mut call: impl FnMut() -> T) {
    const CALLS: u32 = 20_000;
    let best = (0..15).map(|_| {
        let began = Instant::now();
        for _ in 0..CALLS {
            black_box(call());
        }
        began.elapsed() / CALLS
    });
    println!(
        "bellwire  {name:26} {:6} ns",
        best.min().unwrap_or_default().as_nanos()
    );
}

fn tutorial() -> ComplexData {
    let map = |entries: [(&str, i64); 3]| {
        let entries = entries.into_iter();
        let entry = |(key, n): (&str, i64)| (key.try_into().expect("room"), n);
        entries.map(entry).collect()
    };
    ComplexData {
        n: 23,
        s: "string data".try_into().expect("room"),
        m: map([("one", 1), ("two", 2), ("three", 3)]),
        p: b"abc".as_slice().try_into().expect("room"),
        c: Some(Level {
            n: 256,
            s: "Recursive structs? Piece of cake!"
                .try_into()
                .expect("room"),
            m: map([("01", 1), ("10", 2), ("11", 3)]),
            ..Level::default()
        }),
    }
}
