//! The meaning of received frames.

use super::decode::Found;
use super::frame::{Header, Kind};
use super::{Ended, Link, Phase};

impl<M: AsRef<[u8]> + AsMut<[u8]>> Link<M> {
    /// Takes bytes from the line. Anything may be among them.
    ///
    /// The work is at most a constant for each byte, and the sum over one frame at each zero.
    pub fn receive(&mut self, now: u32, bytes: &[u8]) {
        for byte in bytes {
            match self.decoder.push(*byte, &mut self.rx) {
                Found::Nothing => {}
                Found::Damaged => {
                    if self.phase == Phase::Open {
                        self.ask_to_go_back();
                    }
                }
                Found::Frame(payload) => {
                    if let Some(header) = self.rx.scratch().and_then(Header::from_bytes) {
                        self.frame(now, header, payload);
                    }
                }
            }
        }
    }

    fn frame(&mut self, now: u32, header: Header, payload: u16) {
        match (header.kind, self.phase) {
            (Kind::Syn, _) => self.syn(now, header),
            (Kind::Reset, Phase::Answering | Phase::Open) if header.tag == self.peer => {
                self.lose(Ended::Reset);
            }
            (Kind::Reset, _) => {}
            (_, Phase::Idle) => {
                self.peer = header.tag;
                self.due = Some(Kind::Reset);
            }
            // The peer does not know this conversation yet.
            (_, Phase::Answering) if header.tag != self.tag => self.due = Some(Kind::SynAck),
            _ if header.tag != self.tag => {}
            (Kind::SynAck, Phase::Open) if header.sender() != self.peer => self.lose(Ended::Reset),
            (Kind::SynAck, Phase::Open) => self.owe(Kind::Data),
            (Kind::SynAck, _) => {
                self.peer = header.sender();
                self.open(now, header);
            }
            (_, Phase::Opening) => {}
            (kind, _) => {
                if self.phase == Phase::Answering {
                    self.open(now, header);
                }
                if kind == Kind::Close {
                    let complete = header.sequence == self.expected;
                    self.lose(if complete {
                        Ended::Closed
                    } else {
                        Ended::Reset
                    });
                } else {
                    self.bytes(now, header, payload);
                }
            }
        }
    }

    /// Begins a new conversation, unless this end offers one to the same peer already, or the program has not read the
    /// last one.
    fn syn(&mut self, now: u32, header: Header) {
        let peer = header.sender();
        if self.phase == Phase::Idle && !self.rx.is_empty() {
            // The peer asks again.
            return;
        }
        match self.phase {
            Phase::Answering if peer == self.peer => {}
            Phase::Opening => {}
            Phase::Idle | Phase::Answering | Phase::Open => {
                if self.phase == Phase::Open {
                    self.lose(Ended::Reset);
                }
                self.begin_conversation();
            }
        }
        self.peer = peer;
        self.window = header.window;
        self.phase = Phase::Answering;
        self.due = Some(Kind::SynAck);
        self.arm(now);
    }

    #[inline(never)] // size
    fn open(&mut self, now: u32, header: Header) {
        self.phase = Phase::Open;
        self.due = Some(Kind::Data);
        self.window = header.window;
        self.attempts = 0;
        self.arm(now);
    }

    /// Takes a frame of this conversation.
    fn bytes(&mut self, now: u32, header: Header, payload: u16) {
        let acknowledged = header.acknowledged.wrapping_sub(self.unacknowledged);
        let progress = acknowledged > self.released;
        if acknowledged >= self.released && acknowledged <= self.tx.len() {
            self.window = header.window.saturating_add(acknowledged);
            self.released = acknowledged;
        }
        if header.kind == Kind::Ask {
            self.go_back = true;
            self.owe(Kind::Data);
        }
        if self.encoder.is_idle() {
            self.settle();
        }
        self.order(header, payload);
        self.attempts = 0;
        let before = self.deadline;
        self.arm(now);
        if !progress && self.flight > 0 && is_before(before, self.deadline) {
            self.deadline = before;
        }
    }

    /// Accepts the payload if it is next in order.
    fn order(&mut self, header: Header, payload: u16) {
        let ahead = header.sequence.wrapping_sub(self.expected);
        if ahead == 0 {
            self.gap = false;
            self.rx.extend(payload);
            self.expected = self.expected.wrapping_add(payload);
        } else if ahead < 0x8000 {
            self.ask_to_go_back();
        }
        if payload > 0 {
            self.owe(Kind::Data);
        }
    }

    /// Asks once for each gap, so that two ends on a bad line do not ask each other forever.
    fn ask_to_go_back(&mut self) {
        if !self.gap {
            self.gap = true;
            self.owe(Kind::Ask);
        }
    }

    /// Discards the acknowledged bytes, and goes back if the peer has asked. No frame may be under way.
    pub(super) fn settle(&mut self) {
        let released = core::mem::take(&mut self.released);
        self.tx.release(released);
        self.unacknowledged = self.unacknowledged.wrapping_add(released);
        self.window = self.window.saturating_sub(released);
        self.flight = self.flight.saturating_sub(released);
        if core::mem::take(&mut self.go_back) {
            self.flight = 0;
        }
    }
}

/// Returns whether a time is before another, on a clock that wraps.
pub(super) fn is_before(time: u32, other: u32) -> bool {
    time.wrapping_sub(other) > u32::MAX / 2
}
