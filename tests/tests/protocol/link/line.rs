//! Two ends on a simulated line of 115 200 baud.

use bellwire::link::{Link, State};

/// One end.
pub(crate) type End = Link<Vec<u8>>;

/// Microseconds in which the line carries a byte: ten bits.
pub(crate) const BYTE: u64 = 87;

/// The damage that the line does to a byte.
pub(crate) enum Fault {
    Flip(u8),
    Lose,
    Double,
    Insert(u8),
}

/// Decides about each byte: the direction (0: from the host), the time in microseconds, and the byte.
pub(crate) type Faults<'f> = dyn FnMut(usize, u64, u8) -> Option<Fault> + 'f;

/// Two ends and the line between them.
#[derive(Clone)]
pub(crate) struct World {
    /// The end that connects, and the end that listens.
    pub(crate) ends: [End; 2],
    /// Microseconds since the start.
    pub(crate) time: u64,
    /// The clocks' milliseconds at the start.
    pub(crate) epoch: u32,
    /// Bytes that each end has sent.
    pub(crate) carried: [u64; 2],
}

/// Returns no fault.
pub(crate) fn clean(_: usize, _: u64, _: u8) -> Option<Fault> {
    None
}

/// Returns the end that connects.
pub(crate) fn host(size: usize, session: u32, now: u32) -> End {
    Link::connect(vec![0; size], vec![0; size], session, now)
}

/// Returns the end that listens.
pub(crate) fn device(size: usize, session: u32) -> End {
    Link::listen(vec![0; size], vec![0; size], session)
}

impl World {
    /// Two ends with `size` bytes of memory for each direction.
    pub(crate) fn new(size: usize) -> Self {
        Self::at(size, 0)
    }

    /// As `new`, on clocks that begin at `epoch`.
    pub(crate) fn at(size: usize, epoch: u32) -> Self {
        Self {
            ends: [host(size, 1, epoch), device(size, 1)],
            time: 0,
            epoch,
            carried: [0; 2],
        }
    }

    pub(crate) fn now(&self) -> u32 {
        let milliseconds = u32::try_from(self.time / 1000).unwrap();
        self.epoch.wrapping_add(milliseconds)
    }

    /// Lets the line carry a byte in each direction. Returns whether it was idle.
    pub(crate) fn step(&mut self, faults: &mut Faults<'_>) -> bool {
        self.time += BYTE;
        let now = self.now();
        // Both bytes are on the line at the same time.
        let sent = [0, 1].map(|from| {
            let mut byte = [0];
            (self.ends[from].transmit(now, &mut byte) == 1).then_some(byte)
        });
        let idle = sent == [None; 2];
        for (from, byte) in sent.into_iter().enumerate() {
            if let Some(byte) = byte {
                self.carried[from] += 1;
                let fault = faults(from, self.time, byte[0]);
                let other = &mut self.ends[1 - from];
                match fault {
                    None => other.receive(now, &byte),
                    Some(Fault::Flip(bits)) => other.receive(now, &[byte[0] ^ bits]),
                    Some(Fault::Lose) => {}
                    Some(Fault::Double) => other.receive(now, &[byte[0], byte[0]]),
                    Some(Fault::Insert(more)) => other.receive(now, &[byte[0], more]),
                }
            }
        }
        if idle {
            self.skip();
        }
        idle
    }

    /// Advances an idle line to the next millisecond in which an end acts, or by a tenth of a second.
    fn skip(&mut self) {
        let now = self.now();
        let waits = self.ends.iter().filter_map(Link::poll_at);
        let wait = waits.map(|at| at.wrapping_sub(now)).min().unwrap_or(100);
        let wait = if wait > 100 { 100 } else { wait };
        self.time += u64::from(wait.saturating_sub(1)) * 1000;
    }

    /// Runs until `done` returns true, for at most `seconds`. Returns whether it did.
    pub(crate) fn run(
        &mut self,
        seconds: u64,
        faults: &mut Faults<'_>,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        let end = self.time + seconds * 1_000_000;
        while self.time < end {
            if done(self) {
                return true;
            }
            self.step(faults);
        }
        done(self)
    }

    /// Runs for some time.
    pub(crate) fn pass(&mut self, seconds: u64, faults: &mut Faults<'_>) {
        self.run(seconds, faults, |_| false);
    }

    /// Opens a conversation on a line without faults.
    pub(crate) fn open(&mut self) {
        let is_open = |world: &mut Self| world.ends.iter().all(|end| end.state() == State::Open);
        assert!(self.run(10, &mut clean, is_open));
    }

    /// Moves as many of `left` as fit to an end.
    pub(crate) fn write(&mut self, end: usize, left: &mut &[u8]) {
        if let Ok(n) = self.ends[end].write(left) {
            *left = &left[n..];
        }
    }

    /// Appends the bytes that an end has received.
    pub(crate) fn read(&mut self, end: usize, bytes: &mut Vec<u8>) {
        let mut space = [0; 64];
        while let Ok(n @ 1..) = self.ends[end].read(&mut space) {
            bytes.extend(&space[..n]);
        }
    }
}

/// Returns bytes in which every value occurs.
pub(crate) fn sample(size: usize) -> Vec<u8> {
    let bytes = (0..size).map(|n| (n * n / 7 + n).to_le_bytes()[0]);
    bytes.collect()
}
