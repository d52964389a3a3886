//! Restarts of either end, at every point of an exchange.

use super::line::{World, clean, device, host, sample};
use bellwire::link::{Ended, Link, State};

/// Runs an exchange of two messages, and restarts `end` after `steps` bytes. Returns whether it ended before.
fn restart_after(steps: usize, end: usize) -> bool {
    let old = [sample(300), sample(300)];
    let new = [vec![b'n'; 100], vec![b'N'; 100]];
    let mut world = World::new(256);
    let mut left = old.each_ref().map(|bytes| &bytes[..]);
    let mut arrived = [Vec::new(), Vec::new()];
    for _ in 0..steps {
        for at in [0, 1] {
            world.write(at, &mut left[at]);
            world.read(at, &mut arrived[at]);
        }
        world.step(&mut clean);
    }
    let finished = arrived.iter().all(|bytes| bytes.len() == 300);

    // The restarted end knows nothing but its next session number.
    world.ends[end] = if end == 0 {
        host(256, 2, world.now())
    } else {
        device(256, 2)
    };
    let was_open = world.ends[1 - end].state() == State::Open;

    // Bytes of the old conversation end before the other end is told.
    let told = world.run(12, &mut clean, |world| {
        world.read(1 - end, &mut arrived[1 - end]);
        matches!(world.ends[1 - end].state(), State::Over(_))
    });
    if was_open {
        assert!(told, "after {steps} steps");
        assert_eq!(
            world.ends[1 - end].state(),
            State::Over(Ended::Reset),
            "after {steps} steps"
        );
        assert_eq!(world.ends[1 - end].read(&mut [0; 9]), Err(Ended::Reset));
        assert_eq!(world.ends[1 - end].write(b"lost"), Err(Ended::Reset));
        let now = world.now();
        world.ends[1 - end].restart(now);
    }
    let bytes = &arrived[1 - end];
    assert_eq!(
        bytes,
        &old[end][..bytes.len()],
        "bytes of two conversations"
    );

    // The new conversation begins with its first byte.
    let mut left = new.each_ref().map(|bytes| &bytes[..]);
    let mut arrived = [Vec::new(), Vec::new()];
    let whole = world.run(12, &mut clean, |world| {
        for at in [0, 1] {
            // The last frame of the old conversation may have opened it only now.
            if !was_open && let State::Over(_) = world.ends[at].state() {
                let now = world.now();
                world.ends[at].restart(now);
            }
            world.write(at, &mut left[at]);
            world.read(at, &mut arrived[at]);
        }
        arrived.iter().all(|bytes| bytes.len() >= 100)
    });
    let states = world.ends.each_ref().map(Link::state);
    assert!(whole, "after {steps} steps: {states:?}");
    assert_eq!(arrived, [new[1].clone(), new[0].clone()]);
    finished
}

#[test]
fn a_restart_of_the_device_begins_a_new_conversation() {
    assert!((0..1000).any(|steps| restart_after(steps, 1)), "never done");
}

#[test]
fn a_restart_of_the_host_begins_a_new_conversation() {
    assert!((0..1000).any(|steps| restart_after(steps, 0)), "never done");
}

#[test]
fn a_boot_banner_is_not_taken_for_bytes() {
    let mut world = World::new(256);
    world.open();
    world.write(0, &mut &b"before"[..]);
    world.pass(1, &mut clean);
    world.ends[1] = device(256, 2);
    let now = world.now();
    world.ends[0].receive(now, b"\0boot: v1.2.3\r\nREADY\n\x01\x02\0");
    let over = |world: &mut World| world.ends[0].state() != State::Open;
    assert!(world.run(3, &mut clean, over));
    assert_eq!(world.ends[0].read(&mut [0; 64]), Err(Ended::Reset));
}

#[test]
fn a_peer_of_another_session_is_told_so_and_delivers_nothing() {
    let mut old = World::new(256);
    old.open();
    // Another host opens the port, with the device's conversation of today.
    let mut new = World::new(256);
    new.ends[1] = device(256, 77);
    new.open();
    new.ends[0] = old.ends[0].clone();
    new.write(0, &mut &b"READ\n"[..]);
    let mut bytes = Vec::new();
    let over = |world: &mut World| {
        world.read(1, &mut bytes);
        matches!(world.ends[0].state(), State::Over(_))
    };
    assert!(new.run(10, &mut clean, over));
    assert_eq!(bytes, b"");
}

#[test]
fn a_closed_link_delivers_its_last_bytes_first() {
    let mut world = World::new(256);
    world.open();
    let now = world.now();
    world.ends[0].restart(now); // accepts nothing: begins anew
    world.pass(1, &mut clean);
    assert_eq!(world.ends[1].state(), State::Over(Ended::Reset));
    world.ends[1].restart(now);
    world.open();

    world.write(1, &mut &b"last"[..]);
    assert!(world.run(1, &mut clean, |world| world.ends[1].unacknowledged() == 0));
    world.ends[1].close();
    world.pass(1, &mut clean);
    let mut bytes = Vec::new();
    world.read(0, &mut bytes);
    assert_eq!(bytes, b"last");
    assert_eq!(world.ends[0].read(&mut [0; 9]), Err(Ended::Closed));
}

#[test]
fn the_bytes_before_a_close_are_read_before_the_next_conversation_begins() {
    let mut world = World::new(256);
    world.open();
    world.write(0, &mut &b"last"[..]);
    assert!(world.run(1, &mut clean, |world| world.ends[0].unacknowledged() == 0));
    world.ends[0].close();
    world.pass(1, &mut clean);
    world.ends[0] = host(256, 2, world.now());
    world.pass(1, &mut clean);
    let mut bytes = Vec::new();
    world.read(1, &mut bytes);
    assert_eq!(bytes, b"last");
    assert_eq!(world.ends[1].read(&mut [0; 9]), Err(Ended::Closed));
    let now = world.now();
    world.ends[1].restart(now);
    world.open();
}

#[test]
fn a_close_that_loses_bytes_is_a_reset() {
    let mut world = World::new(256);
    world.open();
    world.write(1, &mut &b"never sent"[..]);
    world.ends[1].close();
    world.pass(1, &mut clean);
    assert_eq!(world.ends[0].state(), State::Over(Ended::Reset));
}

#[test]
fn consecutive_boots_use_no_tag_twice() {
    // Each conversation of a boot takes the next tag. 1 000 of one boot never meet those of the next 1 000 boots.
    let first = |boot: u32| {
        let mut link: Link<Vec<u8>> = Link::connect(vec![0; 64], vec![0; 64], boot, 0);
        let mut bytes = [0; 64];
        let n = link.transmit(0, &mut bytes);
        bytes[..n].to_vec()
    };
    let frames: std::collections::HashSet<_> = (0..1000).map(first).collect();
    assert_eq!(frames.len(), 1000);
}

#[test]
fn bytes_of_a_conversation_that_ends_unaccepted_do_not_follow_the_old_ones() {
    type End = fn(&mut World);
    let ends: [End; 4] = [
        |world| world.ends[1].close(),
        |world| world.ends[0].close(),
        |world| world.ends[0] = host(256, 3, world.now()),
        |world| world.ends[0] = device(256, 3), // which is silent: the conversation dies
    ];
    for end in ends {
        let mut world = World::new(256);
        world.open();
        world.write(0, &mut &b"old"[..]);
        world.pass(1, &mut clean);
        world.ends[0] = host(256, 2, world.now());
        world.run(1, &mut clean, |world| {
            world.write(0, &mut &b"new"[..]);
            world.ends[0].unacknowledged() > 0
        });
        world.pass(1, &mut clean);
        end(&mut world);
        world.pass(12, &mut clean);
        assert_eq!(world.ends[1].read(&mut [0; 9]), Err(Ended::Reset));
    }
}
