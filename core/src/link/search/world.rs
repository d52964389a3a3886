//! Two ends, their programs and the line between them.

extern crate std;

use super::super::encode::Encoder;
use super::super::ring::SCRATCH;
use super::super::{ATTEMPTS, Ended, Link, State};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Memory for a window of two bytes and a checksum.
const MEMORY: usize = SCRATCH + 6;
/// The most bytes of a frame.
const FRAME: usize = 24;
/// The most frames in transit in each direction.
const TRANSIT: usize = 2;

type End = Link<[u8; MEMORY]>;

/// The number of times that each of these may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Budget {
    /// A frame is lost, damaged or duplicated.
    pub(super) faults: u8,
    /// A timer expires.
    pub(super) timers: u8,
    /// A program closes the link. At most 1, because a program remembers one.
    pub(super) closes: u8,
    /// An end finds the peer dead.
    pub(super) deaths: u8,
    /// An end restarts.
    pub(super) restarts: u8,
}

impl Budget {
    const NONE: Self = Self {
        faults: 0,
        timers: 0,
        closes: 0,
        deaths: 0,
        restarts: 0,
    };
}

/// A frame on the line. Shorter ones end with zeros, which mean nothing there.
type Frame = [u8; FRAME];

#[derive(Debug, Clone, Hash)]
pub(super) struct World {
    ends: [End; 2],
    programs: [Program; 2],
    /// Frames in transit from each end.
    lines: [heapless::Vec<Frame, TRANSIT>; 2],
    budget: Budget,
    /// Bytes that each program sends in a conversation.
    message: u8,
}

/// The program at one end.
#[derive(Debug, Clone, Hash, Default)]
struct Program {
    /// The number of its conversation.
    conversation: u8,
    /// Bytes written and read in this conversation.
    written: u8,
    read: u8,
    /// The peer's conversation from which it reads, or the one from which it read last.
    peer: Option<u8>,
    /// The conversation that it has closed, and the bytes that it had written.
    closed: Option<(u8, u8)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Write,
    Send,
    Deliver,
    Lose,
    Damage,
    Double,
    Expire,
    Read,
    Close,
    /// The program accepts the end of a conversation.
    GoOn,
    /// The end finds the peer dead.
    GiveUp,
    Restart,
}

pub(super) const ACTIONS: [Action; 12] = [
    Action::Write,
    Action::Send,
    Action::Deliver,
    Action::Lose,
    Action::Damage,
    Action::Double,
    Action::Expire,
    Action::Read,
    Action::Close,
    Action::GoOn,
    Action::GiveUp,
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

fn spend(budget: &mut u8) -> bool {
    let can = *budget > 0;
    *budget -= u8::from(can);
    can
}

impl World {
    /// Creates two ends whose programs each send `message` bytes in a conversation.
    pub(super) fn new(budget: Budget, message: u8) -> Self {
        Self {
            ends: [end(0, 1), end(1, 1)],
            programs: [Program::default(), Program::default()],
            lines: [heapless::Vec::new(), heapless::Vec::new()],
            budget,
            message,
        }
    }

    /// Returns the world after the end `index` or its line has acted, if it can.
    pub(super) fn after(&self, index: usize, action: Action) -> Option<Self> {
        let (budget, is_line_empty) = (&self.budget, self.lines[index].is_empty());
        let can = match action {
            Action::Deliver => !is_line_empty,
            Action::Lose | Action::Damage | Action::Double => !is_line_empty && budget.faults > 0,
            Action::Expire => budget.timers > 0,
            Action::Close => budget.closes > 0,
            Action::GiveUp => budget.deaths > 0,
            Action::Restart => budget.restarts > 0,
            Action::Write | Action::Send | Action::Read | Action::GoOn => true,
        };
        if !can {
            return None;
        }
        let mut next = self.clone();
        next.act(index, action).then_some(next)
    }

    /// Lets the end or its line act. Returns `false` if it cannot.
    fn act(&mut self, index: usize, action: Action) -> bool {
        let link = &mut self.ends[index];
        let program = &mut self.programs[index];
        let budget = &mut self.budget;
        match action {
            Action::Write => program.write(link, self.message),
            Action::Send => self.send(index),
            Action::Deliver => self.deliver(index, |_| {}),
            Action::Lose => spend(&mut budget.faults) && self.next_frame(index).is_some(),
            Action::Damage => spend(&mut budget.faults) && self.deliver(index, damage),
            Action::Double => {
                let frame = self.lines[index].first().copied();
                frame.is_some_and(|frame| {
                    self.ends[1 - index].receive(0, &frame);
                    spend(&mut budget.faults)
                })
            }
            Action::Expire => link.is_in_use() && spend(&mut budget.timers) && expire(link),
            Action::Read => program.read(link),
            Action::Close => {
                let can = link.state() == State::Open && spend(&mut budget.closes);
                if can {
                    link.close();
                    program.closed = Some((program.conversation, program.written));
                }
                can
            }
            Action::GoOn => self.go_on(index),
            Action::GiveUp => {
                link.is_in_use() && spend(&mut budget.deaths) && {
                    link.attempts = ATTEMPTS;
                    expire(link)
                }
            }
            Action::Restart => {
                let can = spend(&mut budget.restarts);
                if can {
                    *link = end(index, 2);
                    program.begin();
                }
                can
            }
        }
    }

    /// Puts a frame on the line.
    fn send(&mut self, index: usize) -> bool {
        let (link, in_transit) = (&mut self.ends[index], &mut self.lines[index]);
        let mut frame = [0; FRAME];
        let mut n = 0;
        while !in_transit.is_full() && link.transmit(0, &mut frame[n..=n]) == 1 {
            n += 1;
            if link.encoder.is_idle() {
                break;
            }
        }
        n > 0 && in_transit.push(frame).is_ok()
    }

    fn next_frame(&mut self, index: usize) -> Option<Frame> {
        let line = &mut self.lines[index];
        (!line.is_empty()).then(|| line.remove(0))
    }

    fn deliver(&mut self, index: usize, change: impl Fn(&mut Frame)) -> bool {
        let frame = self.next_frame(index);
        frame.is_some_and(|mut frame| {
            change(&mut frame);
            self.ends[1 - index].receive(0, &frame);
            true
        })
    }

    /// Lets a program that has read the end of its conversation begin the next.
    fn go_on(&mut self, index: usize) -> bool {
        let link = &mut self.ends[index];
        let State::Over(ended) = link.state() else {
            return false;
        };
        if link.read(&mut []).is_ok() {
            return false;
        }
        link.restart(0);
        let other = self.programs[1 - index].closed;
        let program = &mut self.programs[index];
        if ended == Ended::Closed && !program.has_closed() {
            let (conversation, written) = other.expect("a peer that has closed the link");
            assert_eq!(program.read, written, "bytes lost before the end");
            assert!(program.read == 0 || program.peer == Some(conversation));
        }
        program.begin();
        true
    }

    /// Returns a number that is the same for worlds that behave alike.
    pub(super) fn key(&self) -> u64 {
        let mut same = self.clone();
        for link in &mut same.ends {
            link.deadline = 0;
            link.rx.forget();
            link.tx.forget();
            if link.encoder.is_idle() {
                link.encoder = Encoder::default();
            }
        }
        let mut hasher = DefaultHasher::new();
        same.hash(&mut hasher);
        hasher.finish()
    }

    /// Runs without faults until nothing is left to do. Both ends then have all bytes of one conversation.
    pub(super) fn settle(mut self) {
        self.budget = Budget::NONE;
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
                sent.written == self.message
                    && read.read == self.message
                    && read.peer == Some(sent.conversation)
            });
            if done == [true; 2] {
                return;
            }
            if !acted {
                for link in self.ends.iter_mut().filter(|link| link.is_in_use()) {
                    expire(link);
                }
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

    /// Returns whether it has closed this conversation.
    fn has_closed(&self) -> bool {
        self.closed
            .is_some_and(|(conversation, _)| conversation == self.conversation)
    }

    fn write(&mut self, link: &mut End, message: u8) -> bool {
        let before = self.written;
        while self.written < message
            && link.write(&[self.conversation << 4 | self.written]) == Ok(1)
        {
            self.written += 1;
        }
        self.written > before
    }

    fn read(&mut self, link: &mut End) -> bool {
        let mut bytes = [0; MEMORY];
        let n = link.read(&mut bytes).unwrap_or(0);
        bytes[..n].iter().for_each(|byte| self.take(*byte));
        n > 0
    }

    fn take(&mut self, byte: u8) {
        let (conversation, place) = (byte >> 4, byte & 15);
        assert_eq!(place, self.read, "a byte lost, duplicated or out of order");
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

/// Flips a bit of the checksum, and makes no zero.
fn damage(frame: &mut Frame) {
    let last = frame.iter_mut().rfind(|byte| **byte != 0);
    let last = last.expect("a frame that is not empty");
    *last ^= if *last == 1 { 2 } else { 1 };
}

/// Lets the link's timer expire.
fn expire(link: &mut End) -> bool {
    link.deadline = 0;
    link.transmit(0, &mut []);
    true
}
