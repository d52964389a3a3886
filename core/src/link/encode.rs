//! Encodes a frame with COBS, one byte at a time.

use super::frame::{CHECKSUM, HEADER, Header, checksum};
use super::ring::Ring;

/// The frame that is being sent.
///
/// Header and checksum are in the ring's scratch memory, and the payload is in the ring. Both must stay there
/// until the end of the frame.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Encoder {
    stage: Stage,
    /// Index of the next byte of the frame.
    next: u8,
    /// Bytes left in the run.
    run: u8,
    /// Bytes of the payload.
    payload: u8,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Stage {
    #[default]
    Idle,
    /// Next is the zero in front of the frame.
    Begin,
    /// Next is a code byte.
    Code,
    /// Next is a byte of the run, or what comes after it.
    Run,
    /// Next is the zero at the end.
    End,
}

impl Encoder {
    /// Returns whether no frame is being sent.
    pub(super) fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    /// Returns the number of payload bytes of the last frame.
    pub(super) fn payload(&self) -> u8 {
        self.payload
    }

    /// Begins a frame with the `payload` bytes at `from`.
    pub(super) fn begin<M: AsRef<[u8]> + AsMut<[u8]>>(
        &mut self,
        header: Header,
        ring: &mut Ring<M>,
        from: u16,
        payload: u8,
    ) {
        if let Some(scratch) = ring.scratch_mut() {
            *scratch = header.to_bytes();
        }
        let sum = checksum(ring, from, payload);
        let end = usize::from(HEADER)..usize::from(HEADER + CHECKSUM);
        if let Some(slots) = ring.scratch_mut().and_then(|scratch| scratch.get_mut(end)) {
            slots.copy_from_slice(&sum);
        }
        *self = Self {
            stage: Stage::Begin,
            next: 0,
            run: 0,
            payload,
        };
    }

    /// Cuts the frame short. Its end has no valid checksum.
    pub(super) fn abort(&mut self) {
        if !self.is_idle() {
            self.stage = Stage::End;
        }
    }

    /// Returns the next byte on the line. `from` is the offset of the payload. Each byte of the frame is looked
    /// at twice: to find the length of its run, and to send it.
    pub(super) fn next<M: AsRef<[u8]> + AsMut<[u8]>>(&mut self, ring: &Ring<M>, from: u16) -> u8 {
        match self.stage {
            Stage::Idle => 0,
            Stage::Begin => {
                self.stage = Stage::Code;
                0
            }
            Stage::Code => self.code(ring, from),
            Stage::Run if self.run > 0 => {
                let byte = self.byte(ring, from, self.next);
                self.next = self.next.wrapping_add(1);
                self.run = self.run.wrapping_sub(1);
                byte
            }
            Stage::Run if self.next < self.size() => {
                self.next = self.next.wrapping_add(1); // the zero that ended the run
                self.code(ring, from)
            }
            Stage::Run | Stage::End => {
                self.stage = Stage::Idle;
                0
            }
        }
    }

    /// Returns the code byte of the run that begins at `next`.
    fn code<M: AsRef<[u8]> + AsMut<[u8]>>(&mut self, ring: &Ring<M>, from: u16) -> u8 {
        let mut end = self.next;
        while end < self.size() && self.byte(ring, from, end) != 0 {
            end = end.wrapping_add(1);
        }
        self.run = end.wrapping_sub(self.next);
        self.stage = Stage::Run;
        self.run.wrapping_add(1)
    }

    fn byte<M: AsRef<[u8]> + AsMut<[u8]>>(&self, ring: &Ring<M>, from: u16, index: u8) -> u8 {
        let scratch = |index: u8| {
            let byte = ring
                .scratch()
                .and_then(|bytes| bytes.get(usize::from(index)));
            byte.copied().unwrap_or(0)
        };
        match index.checked_sub(HEADER) {
            None => scratch(index),
            Some(index) if index < self.payload => ring.at(from.wrapping_add(u16::from(index))),
            Some(_) => scratch(index.wrapping_sub(self.payload)),
        }
    }

    /// Returns the number of bytes of the frame before COBS: at most 254.
    fn size(&self) -> u8 {
        (HEADER + CHECKSUM).wrapping_add(self.payload)
    }
}
