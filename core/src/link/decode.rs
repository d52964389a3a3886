//! Finds frames in received bytes and decodes COBS.

use super::frame::{CHECKSUM, HEADER, checksum};
use super::ring::Ring;

/// The most bytes of a frame before COBS.
const MOST: u8 = 254;

/// The state of the frame that is arriving.
///
/// The header goes to the ring's scratch memory. Payload and checksum go after the queued bytes, so an accepted
/// payload needs no further copy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Decoder {
    /// Bytes left in the run.
    run: u8,
    /// Whether a zero comes after the run, unless the frame ends.
    zero: bool,
    /// Decoded bytes.
    count: u8,
    /// Whether the frame is too long or does not fit.
    bad: bool,
}

/// What a received byte meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// No end of a frame.
    Nothing,
    /// The end of a frame without error, and the size of its payload.
    Frame(u16),
    /// The end of a damaged frame.
    Damaged,
}

impl Decoder {
    /// Takes a byte. Only the zero at a frame's end costs more than a constant: it sums up to 254 bytes.
    pub(super) fn push<M: AsRef<[u8]> + AsMut<[u8]>>(
        &mut self,
        byte: u8,
        ring: &mut Ring<M>,
    ) -> Found {
        if byte == 0 {
            return core::mem::take(self).end(ring);
        }
        if self.run > 0 {
            self.run = self.run.wrapping_sub(1);
            self.put(byte, ring);
            return Found::Nothing;
        }
        if self.zero {
            self.put(0, ring);
        }
        self.run = byte.wrapping_sub(1);
        self.zero = byte != u8::MAX;
        Found::Nothing
    }

    fn put<M: AsRef<[u8]> + AsMut<[u8]>>(&mut self, byte: u8, ring: &mut Ring<M>) {
        if self.count == MOST {
            self.bad = true;
            return;
        }
        match self.count.checked_sub(HEADER) {
            None => {
                let slot = ring.scratch_mut();
                if let Some(slot) = slot.and_then(|slots| slots.get_mut(usize::from(self.count))) {
                    *slot = byte;
                }
            }
            Some(offset) if u16::from(offset) < ring.room() => {
                ring.put(ring.len().wrapping_add(u16::from(offset)), byte);
            }
            Some(_) => self.bad = true,
        }
        self.count = self.count.wrapping_add(1);
    }

    fn end<M: AsRef<[u8]> + AsMut<[u8]>>(self, ring: &Ring<M>) -> Found {
        if self == Self::default() {
            return Found::Nothing; // between two frames
        }
        let Some(payload) = self.count.checked_sub(HEADER + CHECKSUM) else {
            return Found::Damaged;
        };
        let byte = |offset: u8| ring.at(ring.len().wrapping_add(u16::from(offset)));
        let sum = checksum(ring, ring.len(), payload);
        let end = payload.wrapping_add(CHECKSUM);
        let intact = (payload..end).map(byte).eq(sum);
        if intact && !self.bad && self.run == 0 {
            Found::Frame(u16::from(payload))
        } else {
            Found::Damaged
        }
    }
}
