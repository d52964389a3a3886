//! A table of faults. In each case all bytes arrive, in order and once, or both ends notice in time.

use super::line::{Fault, Faults, World, clean, sample};
use bellwire::link::{Ended, Link, State};

/// The stated bound, and as much again if one direction only is broken. Milliseconds.
const BOUND: u64 = 8_000;

/// Sends bytes in both directions. Returns the seconds that it took.
fn exchange(world: &mut World, size: usize, seconds: u64, faults: &mut Faults<'_>) -> u64 {
    let sent = sample(size);
    let mut left = [&sent[..]; 2];
    let mut arrived = [Vec::new(), Vec::new()];
    let start = world.time;
    let whole = world.run(seconds, faults, |world| {
        for end in [0, 1] {
            world.write(end, &mut left[end]);
            world.read(end, &mut arrived[end]);
            let bytes = &arrived[end];
            assert_eq!(bytes, &sent[..bytes.len()], "altered bytes");
        }
        arrived.iter().all(|bytes| bytes.len() == sent.len())
    });
    let states = world.ends.each_ref().map(Link::state);
    assert!(whole, "{states:?}, {:?}", arrived.map(|bytes| bytes.len()));
    (world.time - start) / 1_000_000
}

/// Damages bytes at random, one of `often`.
fn random(
    seed: u64,
    often: u64,
    mut fault: impl FnMut(u8) -> Fault,
) -> impl FnMut(usize, u64, u8) -> Option<Fault> {
    let mut random = fastrand::Rng::with_seed(seed);
    move |_, _, _| (random.u64(..often) == 0).then(|| fault(random.u8(1..)))
}

#[test]
fn bytes_arrive_once_and_in_order_whatever_the_line_does_to_some() {
    type Make = fn(u64) -> Box<Faults<'static>>;
    let table: &[(&str, Make)] = &[
        ("nothing", |_| Box::new(clean)),
        ("one bit in 10 000", |seed| {
            Box::new(random(seed, 1250, |byte| Fault::Flip(1 << (byte % 8))))
        }),
        ("one bit in 1 000", |seed| {
            Box::new(random(seed, 125, |byte| Fault::Flip(1 << (byte % 8))))
        }),
        ("bytes lost", |seed| {
            Box::new(random(seed, 1000, |_| Fault::Lose))
        }),
        ("bytes duplicated", |seed| {
            Box::new(random(seed, 1000, |_| Fault::Double))
        }),
        ("bytes inserted", |seed| {
            Box::new(random(seed, 1000, Fault::Insert))
        }),
        ("zeros inserted", |seed| {
            Box::new(random(seed, 1000, |_| Fault::Insert(0)))
        }),
        ("bursts of 20 ms, ten in a second", |seed| {
            let mut noise = fastrand::Rng::with_seed(seed);
            Box::new(move |_, time, _| (time % 100_000 < 20_000).then(|| Fault::Flip(noise.u8(..))))
        }),
        ("the host silent for half of each second", |_| {
            Box::new(|from, time, _| {
                (from == 0 && time % 1_000_000 < 500_000).then_some(Fault::Lose)
            })
        }),
        ("the device silent for three seconds of ten", |_| {
            Box::new(|from, time, _| {
                (from == 1 && time % 10_000_000 < 3_000_000).then_some(Fault::Lose)
            })
        }),
    ];
    for (name, make) in table {
        for seed in 0..5 {
            let mut world = World::new(512);
            world.open();
            let seconds = exchange(&mut world, 5_000, 120, &mut *make(seed));
            println!("{name}: {seconds} s");
        }
    }
}

#[test]
fn memory_of_any_size_carries_bytes() {
    for size in [Link::<Vec<u8>>::LEAST, 33, 64, 100, 255, 300, 40_000] {
        let mut world = World::new(size);
        world.open();
        exchange(&mut world, 1_000, 60, &mut clean);
    }
}

#[test]
fn a_clock_that_wraps_changes_nothing() {
    for before in [0, 1, 50, 500, 5_000, 60_000] {
        for epoch in [0u32, 1 << 31] {
            let mut world = World::at(512, epoch.wrapping_sub(before));
            world.open();
            world.pass(10, &mut clean);
            let mut faults = random(7, 500, Fault::Flip);
            exchange(&mut world, 10_000, 60, &mut faults);
        }
    }
}

#[test]
fn a_cut_line_is_noticed_in_the_stated_time() {
    for (cut, bound) in [([true, true], 1), ([true, false], 2), ([false, true], 2)] {
        for bytes in [0, 5, 2_000] {
            let mut world = World::new(512);
            world.open();
            world.pass(3, &mut clean);
            let sent = sample(bytes);
            for end in [0, 1] {
                world.write(end, &mut &sent[..]);
            }
            let start = world.time;
            // The bytes that were sent may take a little time to leave.
            let bound = BOUND * bound + 100;
            let dead = world.run(
                60,
                &mut |from, _, _| cut[from].then_some(Fault::Lose),
                |world| {
                    let over = State::Over(Ended::Dead);
                    world.ends.iter().all(|end| end.state() == over)
                },
            );
            let took = (world.time - start) / 1000;
            assert!(dead && took <= bound, "{cut:?}: {took} ms");
        }
    }
}

#[test]
fn an_idle_line_stays_open_and_quiet() {
    let mut world = World::new(512);
    world.open();
    let before = world.carried;
    world.pass(600, &mut clean);
    assert!(world.ends.iter().all(|end| end.state() == State::Open));
    for (after, before) in world.carried.into_iter().zip(before) {
        assert!(after - before <= 600 * 2 * 20, "{} bytes", after - before);
    }
}

#[test]
fn a_reader_that_pauses_loses_nothing() {
    let mut world = World::new(256);
    world.open();
    let sent = sample(3_000);
    let (mut left, mut arrived) = (&sent[..], Vec::<u8>::new());
    for _ in 0..30 {
        world.run(30, &mut clean, |world| {
            world.write(0, &mut left);
            false
        });
        let mut space = [0; 300];
        let n = world.ends[1].read(&mut space).unwrap();
        arrived.extend(&space[..n]);
    }
    assert_eq!(arrived, sent);
}

#[test]
fn noise_alone_opens_nothing_and_gets_no_answer() {
    let mut device = super::line::device(512, 1);
    let mut random = fastrand::Rng::with_seed(3);
    for now in 0..200_000 {
        device.receive(now, &[random.u8(..), random.u8(..3)]);
        assert_eq!(device.transmit(now, &mut [0; 8]), 0);
    }
    assert_eq!(device.state(), State::Opening);
}

#[test]
fn both_ends_may_connect_at_the_same_time() {
    for later in 0..60 {
        for lost in 0..8 {
            let mut world = World::new(256);
            let mut seen = 0;
            let mut faults = |_, _, byte| {
                seen += usize::from(byte == 0);
                (seen == lost).then_some(Fault::Lose)
            };
            for _ in 0..later {
                world.step(&mut faults);
            }
            world.ends[1] = super::line::host(256, 9, world.now());
            let is_open = |world: &mut World| {
                // The old device's answer may be complete but for the zero with which the new one begins.
                if let State::Over(Ended::Reset) = world.ends[0].state() {
                    let now = world.now();
                    world.ends[0].restart(now);
                }
                world.ends.iter().all(|end| end.state() == State::Open)
            };
            assert!(world.run(5, &mut faults, is_open), "{later} {lost}");
            exchange(&mut world, 300, 20, &mut faults);
        }
    }
}
