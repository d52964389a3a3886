//! Both ends of a link, and a hostile line between them.
//!
//! A byte tells the writer's conversation and its place in it. Whatever the line does, each end reads one
//! conversation from its first byte on, and after the line has become good again all bytes arrive. Only a forged frame could break
//! this, so frames of the fuzzer's own go to a third end, which must only survive them.
#![no_main]

use arbitrary::Arbitrary;
use bellwire::link::{Link, State};
use libfuzzer_sys::fuzz_target;
use std::collections::VecDeque;

#[derive(Arbitrary, Debug)]
enum Event {
    Write {
        end: bool,
        size: u8,
    },
    Read {
        end: bool,
        size: u8,
    },
    /// Sends up to this many bytes.
    Send {
        end: bool,
        size: u8,
    },
    /// Delivers up to this many bytes.
    Deliver {
        end: bool,
        size: u8,
    },
    Flip {
        end: bool,
        place: u8,
        bit: u8,
    },
    Lose {
        end: bool,
        place: u8,
        size: u8,
    },
    Double {
        end: bool,
        place: u8,
        size: u8,
    },
    Insert {
        end: bool,
        place: u8,
        bytes: [u8; 3],
    },
    Wait {
        milliseconds: u16,
    },
    Restart {
        end: bool,
    },
    Close {
        end: bool,
    },
    GoOn {
        end: bool,
    },
    /// Goes to the third end.
    Forge {
        bytes: Vec<u8>,
    },
}

#[derive(Arbitrary, Debug)]
struct Case {
    epoch: u32,
    memory: [u8; 2],
    events: Vec<Event>,
}

struct End {
    link: Link<Vec<u8>>,
    /// Bytes on the line from this end.
    line: VecDeque<u8>,
    active: bool,
    memory: usize,
    session: u32,
    conversation: u8,
    written: u8,
    read: u8,
    /// The conversation of the peer from which this end has read last.
    peer: Option<u8>,
}

impl End {
    fn new(active: bool, memory: u8, now: u32) -> Self {
        let memory = Link::<Vec<u8>>::LEAST + usize::from(memory);
        Self {
            link: Self::link(active, memory, 0, now),
            line: VecDeque::new(),
            active,
            memory,
            session: 0,
            conversation: 0,
            written: 0,
            read: 0,
            peer: None,
        }
    }

    fn link(active: bool, memory: usize, session: u32, now: u32) -> Link<Vec<u8>> {
        let (rx, tx) = (vec![0; memory], vec![0; memory]);
        if active {
            Link::connect(rx, tx, session, now)
        } else {
            Link::listen(rx, tx, session)
        }
    }

    fn begin(&mut self) {
        self.conversation = self.conversation.wrapping_add(1);
        self.written = 0;
        self.read = 0;
    }

    /// Writes pairs of bytes: the conversation and the place.
    fn write(&mut self, size: u8) {
        for _ in 0..size {
            let byte = if self.written.is_multiple_of(2) {
                self.conversation
            } else {
                self.written / 2
            };
            if self.link.write(&[byte]) != Ok(1) {
                break;
            }
            self.written = self.written.wrapping_add(1);
        }
    }

    fn read(&mut self, size: u8) {
        let mut space = vec![0; usize::from(size)];
        let n = self.link.read(&mut space).unwrap_or(0);
        for byte in &space[..n] {
            if self.read % 2 == 1 {
                assert_eq!(
                    *byte,
                    self.read / 2,
                    "a byte lost, duplicated, altered or moved"
                );
            } else if self.read == 0 && self.peer.is_none_or(|peer| peer != *byte) {
                // A new conversation, or 128 pairs later in the same.
                self.peer = Some(*byte);
            } else {
                assert_eq!(self.peer, Some(*byte), "bytes of two conversations");
            }
            self.read = self.read.wrapping_add(1);
        }
    }

    fn go_on(&mut self, now: u32) {
        if matches!(self.link.state(), State::Over(_)) {
            self.link.restart(now);
            self.begin();
        }
    }
}

fuzz_target!(|case: Case| {
    let mut now = case.epoch;
    let mut ends = [
        End::new(true, case.memory[0], now),
        End::new(false, case.memory[1], now),
    ];
    let mut forged = End::new(false, 100, now);
    for event in &case.events {
        match *event {
            Event::Write { end, size } => ends[usize::from(end)].write(size),
            Event::Read { end, size } => ends[usize::from(end)].read(size),
            Event::Send { end, size } => send(&mut ends[usize::from(end)], now, size),
            Event::Deliver { end, size } => deliver(&mut ends, usize::from(end), now, size.into()),
            Event::Flip { end, place, bit } => {
                if let Some(byte) = ends[usize::from(end)].line.get_mut(usize::from(place)) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Event::Lose { end, place, size } => {
                let line = &mut ends[usize::from(end)].line;
                let start = usize::from(place).min(line.len());
                let stop = (start + usize::from(size)).min(line.len());
                line.drain(start..stop);
            }
            Event::Double { end, place, size } => {
                let line = &mut ends[usize::from(end)].line;
                let start = usize::from(place).min(line.len());
                let stop = (start + usize::from(size)).min(line.len());
                for place in (start..stop).rev() {
                    let byte = line[place];
                    line.insert(stop, byte);
                }
            }
            Event::Insert { end, place, bytes } => {
                let line = &mut ends[usize::from(end)].line;
                let place = usize::from(place).min(line.len());
                for byte in bytes {
                    line.insert(place, byte);
                }
            }
            Event::Wait { milliseconds } => now = now.wrapping_add(milliseconds.into()),
            Event::Restart { end } => {
                let end = &mut ends[usize::from(end)];
                end.session += 1;
                end.link = End::link(end.active, end.memory, end.session, now);
                end.begin();
            }
            Event::Close { end } => ends[usize::from(end)].link.close(),
            Event::GoOn { end } => ends[usize::from(end)].go_on(now),
            Event::Forge { ref bytes } => {
                forged.link.receive(now, bytes);
                forged.link.read(&mut [0; 16]).ok();
                let mut out = [0; 64];
                forged.link.transmit(now, &mut out);
            }
        }
    }
    settle(&mut ends, now);
});

fn send(end: &mut End, now: u32, size: u8) {
    let mut bytes = vec![0; usize::from(size)];
    let n = end.link.transmit(now, &mut bytes);
    end.line.extend(&bytes[..n]);
}

fn deliver(ends: &mut [End; 2], from: usize, now: u32, size: usize) {
    let n = size.min(ends[from].line.len());
    let bytes: Vec<u8> = ends[from].line.drain(..n).collect();
    ends[1 - from].link.receive(now, &bytes);
}

/// Lets the line be good. Soon the ends agree on a conversation, and all its bytes arrive.
fn settle(ends: &mut [End; 2], mut now: u32) {
    for _ in 0..30_000 {
        for index in [0, 1] {
            ends[index].go_on(now);
            send(&mut ends[index], now, u8::MAX);
            deliver(ends, index, now, usize::MAX);
            ends[index].read(u8::MAX);
            ends[1 - index].read(u8::MAX);
        }
        now = now.wrapping_add(1);
        let calm = ends.iter().all(|end| {
            end.link.state() == State::Open && end.link.unacknowledged() == 0 && end.line.is_empty()
        });
        if calm && ends[0].read == ends[1].written && ends[1].read == ends[0].written {
            return;
        }
    }
    panic!(
        "the ends never agree: {:?}, {:?}",
        ends[0].link, ends[1].link
    );
}
