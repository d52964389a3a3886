//! The frames to send, and when.

use super::frame::{Header, Kind, PAYLOAD};
use super::receive::is_before;
use super::{ATTEMPTS, Ended, Link, Phase};

impl<M: AsRef<[u8]> + AsMut<[u8]>> Link<M> {
    /// Writes the next bytes for the line into `space`. Returns their number.
    ///
    /// Send them all, in order. If they fill `space`, call it again. If some are lost, they are sent again
    /// later.
    pub fn transmit(&mut self, now: u32, space: &mut [u8]) -> usize {
        self.check_time(now);
        let mut n = 0usize;
        for slot in space {
            if self.encoder.is_idle() && !self.begin_frame() {
                break;
            }
            let from = self.flight.wrapping_sub(u16::from(self.encoder.payload()));
            *slot = self.encoder.next(&self.tx, from);
            n = n.wrapping_add(1);
            if self.encoder.is_idle() {
                if self.encoder.payload() > 0 {
                    self.arm(now);
                }
                self.settle();
            }
        }
        n
    }

    /// Makes the next attempt if it is time.
    fn check_time(&mut self, now: u32) {
        if !self.is_in_use() || is_before(now, self.deadline) {
            return;
        }
        if self.attempts == ATTEMPTS {
            self.lose(Ended::Dead);
            return;
        }
        match self.phase {
            Phase::Opening => self.owe(Kind::Syn),
            Phase::Answering => self.owe(Kind::SynAck),
            // The peer answers unless the line is dead.
            Phase::Open | Phase::Idle => self.owe(Kind::Ask),
        }
        self.go_back = true;
        if self.encoder.is_idle() {
            self.settle();
        }
        self.attempts = self.attempts.wrapping_add(1);
        self.arm(now);
    }

    /// Begins the next frame. Returns `false` if there is none.
    fn begin_frame(&mut self) -> bool {
        let due = self.due.take();
        let kind = due.unwrap_or(Kind::Data);
        let is_open = self.phase == Phase::Open;
        let payload = match kind {
            Kind::Data | Kind::Ask if is_open => self.sendable(),
            Kind::Data | Kind::Ask => return false,
            Kind::Syn | Kind::SynAck | Kind::Close | Kind::Reset => 0,
        };
        if payload == 0 && due.is_none() {
            return false;
        }
        let sent = match kind {
            Kind::Close => self.tx.len(),
            _ => self.flight,
        };
        let (sequence, acknowledged) = match kind {
            Kind::Syn | Kind::SynAck => {
                let [s0, s1, a0, a1] = self.tag.to_le_bytes();
                (u16::from_le_bytes([s0, s1]), u16::from_le_bytes([a0, a1]))
            }
            _ => (self.unacknowledged.wrapping_add(sent), self.expected),
        };
        let header = Header {
            kind,
            tag: if kind == Kind::Syn { 0 } else { self.peer },
            sequence,
            acknowledged,
            window: self.room(),
        };
        self.encoder
            .begin(header, &mut self.tx, self.flight, payload);
        self.flight = self.flight.wrapping_add(u16::from(payload));
        true
    }

    /// Returns the number of bytes to send next.
    ///
    /// After an attempt without an answer frames become shorter: on a bad line short frames arrive more often. A
    /// frame that would be short only because of the peer's window waits for the next acknowledgement.
    fn sendable(&self) -> u8 {
        let limit = PAYLOAD >> self.attempts.min(3);
        let queued = self.tx.len().saturating_sub(self.flight).min(limit);
        let window = self.window.saturating_sub(self.flight);
        if window < queued && self.flight > 0 {
            return 0;
        }
        u8::try_from(queued.min(window)).unwrap_or(0)
    }
}
