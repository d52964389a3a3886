//! The speed of a link beside plain text, on a line of 115 200 baud: `demo/firmware/README.md` has the tables.

use super::line::{BYTE, Fault, Faults, World, clean, sample};

/// Bytes of memory for each direction of an end, as the firmware lends them.
const MEMORY: usize = 512;

/// Returns a line that flips a bit in about every thousand bytes.
fn noisy() -> impl FnMut(usize, u64, u8) -> Option<Fault> {
    let mut random = fastrand::Rng::with_seed(1);
    move |_, _, _| (random.u32(..1000) == 0).then(|| Fault::Flip(1 << random.u8(..8)))
}

/// Returns the bytes per second in each direction.
fn throughput(both: bool, faults: &mut Faults<'_>) -> u64 {
    let mut world = World::new(MEMORY);
    world.open();
    let sent = sample(50_000);
    let start = world.time;
    let mut left = [&sent[..], if both { &sent[..] } else { &[] }];
    let mut arrived = [Vec::new(), Vec::new()];
    let whole = world.run(600, faults, |world| {
        for end in [0, 1] {
            world.write(end, &mut left[end]);
            world.read(end, &mut arrived[end]);
        }
        arrived[1].len() == sent.len() && (!both || arrived[0].len() == sent.len())
    });
    assert!(whole);
    50_000 * 1_000_000 / (world.time - start)
}

/// Returns the mean microseconds of an exchange of `size` bytes each way.
fn round_trip(size: usize, faults: &mut Faults<'_>) -> u64 {
    const COUNT: u64 = 1000;
    let mut world = World::new(MEMORY);
    world.open();
    let sent = sample(size);
    let mut taken = 0;
    for _ in 0..COUNT {
        let start = world.time;
        for (from, to) in [(0, 1), (1, 0)] {
            let (mut left, mut arrived) = (&sent[..], Vec::new());
            let whole = world.run(60, faults, |world| {
                world.write(from, &mut left);
                world.read(to, &mut arrived);
                arrived.len() == size
            });
            assert!(whole);
            assert_eq!(arrived, sent);
        }
        taken += world.time - start;
    }
    taken / COUNT
}

#[test]
fn bytes_get_85_percent_of_the_line_in_one_and_in_both_directions() {
    let plain = 1_000_000 / BYTE;
    println!("bytes a second      plain    link   noisy");
    for both in [false, true] {
        let (link, noisy) = (throughput(both, &mut clean), throughput(both, &mut noisy()));
        let directions = if both {
            "both directions"
        } else {
            "one direction"
        };
        println!("{directions:16}{plain:9}{link:8}{noisy:8}");
        assert!(link * 100 >= plain * 85, "{link} of {plain} bytes a second");
    }
}

#[test]
fn a_round_trip_takes_two_frames_longer_than_in_plain_text() {
    println!("microseconds    plain    link   noisy");
    for size in [16, 64, 200] {
        let plain = 2 * BYTE * u64::try_from(size).unwrap();
        let (link, noisy) = (round_trip(size, &mut clean), round_trip(size, &mut noisy()));
        println!("{size:3} bytes{plain:13}{link:8}{noisy:8}");
        assert!(link <= plain + 2 * 20 * BYTE, "{link} beside {plain}");
    }
}
