//! An exhaustive search of two small ends on a line that loses and doubles frames.
//!
//! Every order of sending, delivery, loss, doubling, expired timers, reads and restarts is tried, within the
//! budgets. A byte tells its sender's conversation and its place in it, so each receiver can check that it gets one
//! conversation from its first byte on.

extern crate std;

use super::ring::SCRATCH;
use super::{Link, State};
use std::collections::{HashSet, VecDeque, hash_map::DefaultHasher};
use std::hash::{Hash, Hasher};
use std::vec::Vec;

/// Memory for a window of two bytes and a checksum.
const MEMORY: usize = SCRATCH + 6;
type End = Link<[u8; MEMORY]>;

/// Bytes that each end sends in a conversation.
const MESSAGE: u8 = 2;

#[derive(Clone, Hash)]
struct World {
    ends: [End; 2],
    programs: [Program; 2],
    /// Frames in transit from each end.
    lines: [VecDeque<Vec<u8>>; 2],
    /// How many more frames may be lost or doubled, timers may expire, and ends may restart.
    faults: u8,
    timers: u8,
    restarts: u8,
}

/// The program at one end.
#[derive(Clone, Hash, Default)]
struct Program {
    /// The number of its conversation.
    conversation: u8,
    /// Bytes written and read in this conversation.
    written: u8,
    read: u8,
    /// The peer's conversation from which it reads, or the one from which it read last.
    peer: Option<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Write,
    Send,
    Deliver,
    Lose,
    Double,
    Expire,
    Read,
    /// The program accepts the end of a conversation.
    GoOn,
    Restart,
}

const ACTIONS: [Action; 9] = [
    Action::Write,
    Action::Send,
    Action::Deliver,
    Action::Lose,
    Action::Double,
    Action::Expire,
    Action::Read,
    Action::GoOn,
    Action::Restart,
];

fn end(index: usize, session: u32) -> End {
    let memory = [0; MEMORY];
    if index == 0 {
        Link::connect(memory, memory, session, 0)
    } else {
        Link::listen(memory, memory, session)
    }
}

impl World {
    fn new(faults: u8, timers: u8, restarts: u8) -> Self {
        Self {
            ends: [end(0, 1), end(1, 1)],
            programs: [Program::default(), Program::default()],
            lines: [VecDeque::new(), VecDeque::new()],
            faults,
            timers,
            restarts,
        }
    }

    /// Lets the end or its line act. Returns `false` if it cannot.
    fn act(&mut self, index: usize, action: Action) -> bool {
        let link = &mut self.ends[index];
        let program = &mut self.programs[index];
        let frames = &mut self.lines[index];
        match action {
            Action::Write => {
                let before = program.written;
                while program.written < MESSAGE
                    && link.write(&[program.conversation << 4 | program.written]) == Ok(1)
                {
                    program.written += 1;
                }
                program.written > before
            }
            Action::Send => {
                let mut frame = Vec::new();
                let mut byte = [0];
                while frames.len() < 2 && link.transmit(0, &mut byte) == 1 {
                    frame.extend(byte);
                    if link.encoder.is_idle() {
                        break;
                    }
                }
                let sent = !frame.is_empty();
                if sent {
                    frames.push_back(frame);
                }
                sent
            }
            Action::Deliver => self.deliver(index, true),
            Action::Double => self.spend_fault() && self.deliver(index, false),
            Action::Lose => {
                !frames.is_empty() && self.spend_fault() && {
                    self.lines[index].pop_front();
                    true
                }
            }
            Action::Expire => {
                let can = self.timers > 0 && link.is_in_use();
                if can {
                    self.timers -= 1;
                    link.deadline = 0;
                    link.transmit(0, &mut []);
                }
                can
            }
            Action::Read => {
                let mut bytes = [0; MEMORY];
                let n = link.read(&mut bytes).unwrap_or(0);
                bytes[..n].iter().for_each(|byte| program.take(*byte));
                n > 0
            }
            Action::GoOn => {
                let over = matches!(link.state(), State::Over(_)) && link.read(&mut []).is_err();
                if over {
                    link.restart(0);
                    program.begin();
                }
                over
            }
            Action::Restart => {
                let can = self.restarts > 0;
                if can {
                    self.restarts -= 1;
                    *link = end(index, 2);
                    program.begin();
                }
                can
            }
        }
    }

    fn spend_fault(&mut self) -> bool {
        let can = self.faults > 0;
        self.faults -= u8::from(can);
        can
    }

    fn deliver(&mut self, index: usize, last: bool) -> bool {
        let frame = self.lines[index].front().cloned();
        if let Some(frame) = &frame {
            self.ends[1 - index].receive(0, frame);
            if last {
                self.lines[index].pop_front();
            }
        }
        frame.is_some()
    }

    /// Returns a number that is the same for worlds that behave alike.
    fn key(&self) -> u64 {
        let mut same = self.clone();
        for link in &mut same.ends {
            link.deadline = 0;
            link.rx.forget();
            link.tx.forget();
        }
        let mut hasher = DefaultHasher::new();
        same.hash(&mut hasher);
        hasher.finish()
    }

    /// Runs without faults until nothing is left to do. Both ends then have all bytes of one conversation.
    fn settle(mut self) {
        self.faults = 0;
        self.restarts = 0;
        for _ in 0..200 {
            let mut acted = false;
            for index in [0, 1] {
                for action in [
                    Action::GoOn,
                    Action::Write,
                    Action::Send,
                    Action::Deliver,
                    Action::Read,
                ] {
                    acted |= self.act(index, action);
                }
            }
            let done = [0, 1].map(|index| {
                let (sent, read) = (&self.programs[index], &self.programs[1 - index]);
                sent.written == MESSAGE
                    && read.read == MESSAGE
                    && read.peer == Some(sent.conversation)
            });
            if done == [true; 2] {
                return;
            }
            if !acted {
                self.timers = 2;
                self.act(0, Action::Expire);
                self.act(1, Action::Expire);
            }
        }
        let phases = self.ends.each_ref().map(|link| (link.phase, link.ended));
        panic!("the ends never agree: {phases:?}");
    }
}

impl Program {
    fn begin(&mut self) {
        self.conversation += 1;
        self.written = 0;
        self.read = 0;
    }

    fn take(&mut self, byte: u8) {
        let (conversation, place) = (byte >> 4, byte & 15);
        assert_eq!(place, self.read, "a byte lost, doubled or out of order");
        if place == 0 {
            // A conversation that began later, or the first.
            assert!(
                self.peer.is_none_or(|peer| peer < conversation),
                "an old conversation"
            );
        } else {
            assert_eq!(self.peer, Some(conversation), "bytes of two conversations");
        }
        self.peer = Some(conversation);
        self.read += 1;
    }
}

/// Visits all worlds. Returns their number.
fn search(faults: u8, timers: u8, restarts: u8) -> usize {
    let mut seen = HashSet::new();
    let mut left = std::vec![World::new(faults, timers, restarts)];
    while let Some(world) = left.pop() {
        for index in [0, 1] {
            for action in ACTIONS {
                let mut next = world.clone();
                if next.act(index, action) && seen.insert(next.key()) {
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

#[test]
fn no_order_of_faults_alters_loses_doubles_or_mixes_bytes() {
    for (faults, timers, restarts) in [(2, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1)] {
        let worlds = search(faults, timers, restarts);
        std::println!("{faults} faults, {timers} timers, {restarts} restarts: {worlds} worlds");
        assert!(worlds > 1_000);
    }
}

#[test]
#[ignore = "takes minutes"]
fn no_order_of_more_faults_does() {
    for (faults, timers, restarts) in [(1, 1, 1), (2, 1, 0)] {
        let worlds = search(faults, timers, restarts);
        std::println!("{faults} faults, {timers} timers, {restarts} restarts: {worlds} worlds");
    }
}

#[test]
fn a_link_needs_64_bytes_on_a_small_machine() {
    // The two slices of lent memory are 16 bytes there.
    assert_eq!(size_of::<Link<[u8; 0]>>(), 48);
}
