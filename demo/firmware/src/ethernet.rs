//! The Ethernet controller, as a smoltcp device.

use crate::interrupt::Interrupt;
use crate::registers::{Gates, Register, open};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

/// Bytes of the largest frame: the headers and a TCP segment that fills a socket's buffer.
/// Longer frames are discarded; TCP announces a segment size that avoids them.
const FRAME: usize = 14 + 20 + 20 + 768;

/// The board's MAC address, locally administered.
pub const ADDRESS: [u8; 6] = [0x02, 0, 0, 0, 0x69, 0x65];

const INTERRUPT: Interrupt = Interrupt(42);

const RAISED: usize = 0x00;
const INTERRUPT_MASK: usize = 0x04;
const RECEIVE_CONTROL: usize = 0x08;
const TRANSMIT_CONTROL: usize = 0x0C;
const DATA: usize = 0x10;
const ADDRESS_LOW: usize = 0x14;
const ADDRESS_HIGH: usize = 0x18;
const FRAMES_RECEIVED: usize = 0x34;
const TRANSMIT: usize = 0x38;

const RECEIVED: u32 = 1;

/// The controller, with room for one frame in each direction.
#[derive(Debug)]
pub struct Ethernet {
    received: [u8; FRAME],
    sent: [u8; FRAME],
}

impl Ethernet {
    /// Returns the controller, not yet started. The board has only one.
    pub const fn new() -> Self {
        Self {
            received: [0; FRAME],
            sent: [0; FRAME],
        }
    }

    /// Starts the controller.
    pub fn start(&mut self) {
        open(Gates::Group2, 1 << 30 | 1 << 28);
        let [low @ .., fifth, sixth] = ADDRESS;
        register(INTERRUPT_MASK).write(0);
        register(RECEIVE_CONTROL).write(0x10); // empty the FIFO
        register(RAISED).write(0x7F);
        register(ADDRESS_LOW).write(u32::from_le_bytes(low));
        register(ADDRESS_HIGH).write(u32::from_le_bytes([fifth, sixth, 0, 0]));
        register(TRANSMIT_CONTROL).write(0x0F); // duplex, checksum, padding, enable
        register(RECEIVE_CONTROL).write(0x09); // discard bad frames, enable
        register(INTERRUPT_MASK).write(RECEIVED);
        INTERRUPT.enable();
    }

    /// Returns whether no frame is waiting. If so, the next frame ends a sleep.
    pub fn is_idle(&self) -> bool {
        register(RAISED).write(RECEIVED);
        INTERRUPT.clear();
        register(FRAMES_RECEIVED).read() == 0
    }

    /// Takes the oldest frame off the FIFO. Returns its length, or `None` if it is too long.
    ///
    /// The FIFO is read in words. It holds a length of two bytes, the frame, then a checksum of four
    /// bytes. The length counts all three.
    fn take_frame(&mut self) -> Option<usize> {
        let [low, high, first @ ..] = register(DATA).read().to_le_bytes();
        let total = usize::from(u16::from_le_bytes([low, high]));
        let (start, rest) = self.received.split_at_mut(first.len());
        start.copy_from_slice(&first);
        let (words, _) = rest.as_chunks_mut();
        let mut words = words.iter_mut();
        for _ in 1..total.div_ceil(4) {
            let word = register(DATA).read().to_le_bytes();
            if let Some(slot) = words.next() {
                *slot = word;
            }
        }
        let length = total.saturating_sub(6);
        (length <= FRAME).then_some(length)
    }
}

impl Default for Ethernet {
    fn default() -> Self {
        Self::new()
    }
}

impl Device for Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Room<'_>)> {
        if is_sending() {
            return None;
        }
        while register(FRAMES_RECEIVED).read() != 0 {
            if let Some(length) = self.take_frame() {
                let frame = self.received.get(..length)?;
                return Some((Received(frame), Room(&mut self.sent)));
            }
        }
        None
    }

    fn transmit(&mut self, _now: Instant) -> Option<Room<'_>> {
        (!is_sending()).then_some(Room(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME;
        capabilities.max_burst_size = Some(1);
        capabilities
    }
}

/// A frame that has arrived.
#[derive(Debug)]
pub struct Received<'a>(&'a [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// Room for a frame to send.
#[derive(Debug)]
pub struct Room<'a>(&'a mut [u8; FRAME]);

impl TxToken for Room<'_> {
    /// Writes to the FIFO, in words: a length of two bytes, then the frame. The length does not count
    /// the 14 bytes of the header.
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let Self(room) = self;
        let result = write(&mut room[..length]);
        let [low, high, ..] = length.saturating_sub(14).to_le_bytes();
        let [first, second, rest @ ..] = room;
        let word = u32::from_le_bytes([low, high, *first, *second]);
        register(DATA).write(word);
        let (words, _) = rest.as_chunks();
        for word in words.iter().take(length.saturating_sub(2).div_ceil(4)) {
            register(DATA).write(u32::from_le_bytes(*word));
        }
        register(TRANSMIT).write(1);
        result
    }
}

fn is_sending() -> bool {
    register(TRANSMIT).read() & 1 != 0
}

fn register(offset: usize) -> Register {
    // SAFETY: registers of the Ethernet controller, which keeps frames in its own memory.
    #[allow(unsafe_code)]
    unsafe {
        Register::new(0x4004_8000 + offset)
    }
}
