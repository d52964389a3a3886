//! Times `Postcard<ComplexData>` beside postcard itself, for a type of the same shape:
//! `cargo run --release -p bellwire-tests --example postcard_bench`.

use bellwire::{ComplexData, Format, Postcard};
use heapless::{LinearMap, String, Vec};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::Instant;

/// The fields of [`ComplexData`], for serde's derive.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Twin<C> {
    n: i64,
    s: String<64>,
    m: LinearMap<String<16>, i64, 8>,
    p: Vec<u8, 64>,
    c: Option<C>,
}

type Twins = Twin<Twin<()>>;

fn main() {
    let value = commands::value();
    let mut space = [0; 512];
    let size = Postcard::<ComplexData>::encode(&value, &mut space).expect("room");
    let payload = space[..size].to_vec();
    // The length before the payload takes two bytes from 128 on.
    let prefix = if size > 128 { 2 } else { 1 };
    let bytes = &payload[prefix..];
    let twin: Twins = postcard::from_bytes(bytes).expect("the same shape");
    // Short rounds in turn: the fastest of many saw no interruption, and both saw the same clock speed.
    let (mut ours, mut theirs) = ([f64::MAX; 2], [f64::MAX; 2]);
    for _ in 0..5000 {
        ours[0] = ours[0].min(time(|| {
            Postcard::<ComplexData>::encode(black_box(&value), &mut space)
        }));
        theirs[0] = theirs[0].min(time(|| {
            postcard::to_slice(black_box(&twin), &mut space).map(|bytes| bytes.len())
        }));
        ours[1] = ours[1].min(time(|| {
            Postcard::<ComplexData>::decode(black_box(&payload))
        }));
        theirs[1] = theirs[1].min(time(|| postcard::from_bytes::<Twins>(black_box(bytes))));
    }
    for (name, ours, theirs) in [
        ("encode", ours[0], theirs[0]),
        ("decode", ours[1], theirs[1]),
    ] {
        let ratio = ours / theirs;
        println!("{name}: {ours:.0} ns, postcard {theirs:.0} ns, ratio {ratio:.2}");
    }
}

/// Returns the average time of one call in nanoseconds.
fn time<T>(mut call: impl FnMut() -> T) -> f64 {
    const CALLS: u32 = 200;
    let begin = Instant::now();
    for _ in 0..CALLS {
        black_box(call());
    }
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}
