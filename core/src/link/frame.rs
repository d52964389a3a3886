//! The header and the checksum of a frame.

use super::ring::{Ring, SCRATCH};

/// Bytes of a header.
pub(super) const HEADER: u8 = 11;
/// Bytes of a checksum.
pub(super) const CHECKSUM: u8 = 4;
/// The most payload bytes of a frame. With header and checksum that is the longest run of COBS, so one code
/// byte is enough.
pub(super) const PAYLOAD: u16 = 254 - 11 - 4;

/// What a frame is for. The upper half of the byte is the version of the protocol.
///
/// If several frames are due, only the last of them in this order is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum Kind {
    /// Bytes, maybe none, and an acknowledgement.
    Data = 0x11,
    /// As `Data`. The receiver answers, and sends again all bytes that are not acknowledged.
    Ask = 0x12,
    /// Begins a conversation. In this kind and the next, sequence and acknowledgement are the sender's tag.
    Syn = 0x13,
    /// Accepts a conversation.
    SynAck = 0x14,
    /// Ends a conversation. The sequence is the number of all bytes sent.
    Close = 0x15,
    /// Answers a frame of an unknown conversation, with the tag of that frame.
    Reset = 0x16,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x11 => Self::Data,
            0x12 => Self::Ask,
            0x13 => Self::Syn,
            0x14 => Self::SynAck,
            0x15 => Self::Close,
            0x16 => Self::Reset,
            _ => return None,
        })
    }
}

/// The first bytes of a frame, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The receiver's tag.
    pub(super) tag: u32,
    /// The number of the first payload byte.
    pub(super) sequence: u16,
    /// The number of the next byte that the sender expects.
    pub(super) acknowledged: u16,
    /// The number of bytes from there that the sender has room for.
    pub(super) window: u16,
}

impl Header {
    /// Returns the header, followed by room for a checksum.
    pub(super) fn to_bytes(self) -> [u8; SCRATCH] {
        let [t0, t1, t2, t3] = self.tag.to_le_bytes();
        let [s0, s1] = self.sequence.to_le_bytes();
        let [a0, a1] = self.acknowledged.to_le_bytes();
        let [w0, w1] = self.window.to_le_bytes();
        let kind = self.kind as u8;
        [kind, t0, t1, t2, t3, s0, s1, a0, a1, w0, w1, 0, 0, 0, 0, 0]
    }

    /// Returns `None` if the kind is unknown.
    pub(super) fn from_bytes(bytes: &[u8; SCRATCH]) -> Option<Self> {
        let [kind, t0, t1, t2, t3, s0, s1, a0, a1, w0, w1, ..] = *bytes;
        Some(Self {
            kind: Kind::from_byte(kind)?,
            tag: u32::from_le_bytes([t0, t1, t2, t3]),
            sequence: u16::from_le_bytes([s0, s1]),
            acknowledged: u16::from_le_bytes([a0, a1]),
            window: u16::from_le_bytes([w0, w1]),
        })
    }

    /// Returns the sender's tag, in a `Syn` or a `SynAck`.
    pub(super) fn sender(self) -> u32 {
        u32::from(self.sequence) | u32::from(self.acknowledged) << 16
    }
}

/// Returns the checksum of the header in the scratch memory and of the `payload` bytes at `from`.
#[inline(never)] // size
pub(super) fn checksum<M: AsRef<[u8]> + AsMut<[u8]>>(
    ring: &Ring<M>,
    from: u16,
    payload: u8,
) -> [u8; CHECKSUM as usize] {
    let header = ring.scratch().map_or(&[][..], |scratch| scratch);
    let mut sum = u32::MAX;
    for byte in header.iter().take(usize::from(HEADER)) {
        sum = crc(sum, *byte);
    }
    for offset in 0..u16::from(payload) {
        sum = crc(sum, ring.at(from.wrapping_add(offset)));
    }
    (!sum).to_le_bytes()
}

/// Adds a byte to a CRC-32 as in Ethernet and zip.
///
/// The crate `crc` computes any CRC. Even without its table of 1 KB that is 0.2 KB more flash.
#[inline(never)] // size
fn crc(sum: u32, byte: u8) -> u32 {
    let mut sum = sum ^ u32::from(byte);
    for _ in 0..8 {
        let carry = sum & 1;
        sum >>= 1;
        if carry == 1 {
            sum ^= 0xEDB8_8320;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::{Header, checksum, crc};
    use crate::link::ring::{Ring, SCRATCH};

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for byte in 0..=u8::MAX {
            let mut bytes = [byte, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 0, 0];
            let Some(header) = Header::from_bytes(&bytes) else {
                assert!(!(0x11..=0x16).contains(&byte));
                continue;
            };
            assert_eq!(header.kind as u8, byte);
            assert_eq!(header.tag, 0x0403_0201);
            assert_eq!(header.sequence, 0x0605);
            assert_eq!(header.acknowledged, 0x0807);
            assert_eq!(header.window, 0x0A09);
            assert_eq!(header.to_bytes(), bytes);
            bytes[15] = 1;
            assert_eq!(Header::from_bytes(&bytes), Some(header));
        }
    }

    #[test]
    fn the_checksum_is_that_of_ethernet_and_zip() {
        let mut ring = Ring::new([0; SCRATCH + 4]);
        let sum = |bytes: &[u8]| !bytes.iter().fold(u32::MAX, |sum, byte| crc(sum, *byte));
        *ring.scratch_mut().unwrap() = *b"123456789ab.....";
        ring.push(b"cdef");
        assert_eq!(checksum(&ring, 0, 4), sum(b"123456789abcdef").to_le_bytes());
        assert_eq!(sum(b"123456789"), 0xCBF4_3926);
    }
}
