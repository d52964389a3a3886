//! An exhaustive search of two small ends on a line that loses, damages and duplicates frames.
//!
//! The search tries every order of writes, frames, reads, faults, expired timers, closes, deaths and restarts, as far
//! as a [`Budget`] allows. A byte tells its sender's conversation and its place in it. So each program can check that
//! it reads one conversation from its first byte on, and all of it if the peer has closed the link.
//!
//! A window is two bytes, and at most two frames are in transit in each direction. A death is an end that gives its
//! peer up at any time, so no silence is too short or too long for the search. Two worlds are the same if they have the
//! same hash of 64 bits; the place of a queue in its memory is no part of it.
//!
//! Five things go wrong: a frame is damaged, a timer expires, an end closes, dies, or restarts.
//!
//! | search | message of each end | worlds |
//! |---|---|---|
//! | any one of the five | 3 bytes | 47 469 |
//! | a damaged frame and one of the others | 1 byte | 155 005 |
//! | any three of the five | 3 bytes | 21 573 710 |
//!
//! The last one is ignored by `cargo test`, and runs in `.ci/long`.

extern crate std;

mod world;

use super::Link;
use std::collections::HashSet;
use world::{ACTIONS, Budget, World};

/// Visits all worlds. Returns their number.
///
/// From each 16th world on, the line works, and the ends must agree in the end.
fn search(budget: Budget, message: u8) -> usize {
    let mut seen = HashSet::new();
    let mut left = std::vec![World::new(budget, message)];
    while let Some(world) = left.pop() {
        for index in [0, 1] {
            for action in ACTIONS {
                let Some(next) = world.after(index, action) else {
                    continue;
                };
                if seen.insert(next.key()) {
                    if seen.len() % 16 == 0 {
                        next.clone().settle();
                    }
                    left.push(next);
                }
            }
        }
    }
    seen.len()
}

/// Searches the worlds of each accepted budget in which `count` different things go wrong, each once.
fn search_all(count: u32, message: u8, accepts: impl Fn(&Budget) -> bool) -> usize {
    let sets = (0..32u8).filter(|set| set.count_ones() == count);
    let budgets = sets.map(|set| {
        let bit = |place: u8| set >> place & 1;
        Budget {
            faults: bit(0),
            timers: bit(1),
            closes: bit(2),
            deaths: bit(3),
            restarts: bit(4),
        }
    });
    let worlds = budgets.filter(accepts).map(|budget| {
        let worlds = search(budget, message);
        std::println!("{worlds} worlds with {message} bytes and {budget:?}");
        worlds
    });
    worlds.sum()
}

#[test]
fn no_order_of_two_faults_alters_loses_doubles_or_mixes_bytes() {
    assert_eq!(search_all(1, 3, |_| true), 47_469);
    assert_eq!(search_all(2, 1, |budget| budget.faults > 0), 155_005);
}

#[test]
#[ignore = "takes minutes"]
fn no_order_of_three_faults_does() {
    assert_eq!(search_all(3, 3, |_| true), 21_573_710);
}

#[test]
fn a_link_needs_64_bytes_on_a_small_machine() {
    // The two slices of lent memory are 16 bytes there.
    assert_eq!(size_of::<Link<[u8; 0]>>(), 48);
}
