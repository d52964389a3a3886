//! The UARTs, as embedded-io streams.

use crate::interrupt::Interrupt;
use crate::registers::{Gates, Register, open};
use core::fmt;
use embedded_io::{Error, ErrorKind, ErrorType, Read, ReadReady, Write};

/// One UART: 115200 baud, 8 bits, no parity, one stop bit, FIFOs of 16 bytes.
#[derive(Debug)]
pub struct Uart {
    base: usize,
    interrupt: Interrupt,
}

/// A receive error: a framing error, a break, or lost bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise;

const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
const DIVISOR: usize = 0x24;
const FRACTION: usize = 0x28;
const LINE: usize = 0x2C;
const CONTROL: usize = 0x30;
const INTERRUPT_MASK: usize = 0x38;
const INTERRUPT_CLEAR: usize = 0x44;

const BUSY: u32 = 1 << 3;
const NOTHING_RECEIVED: u32 = 1 << 4;
const NO_ROOM_TO_SEND: u32 = 1 << 5;
/// The receive interrupts: the FIFO is half full, or bytes have waited in it for a while.
const RECEIVED: u32 = 1 << 4 | 1 << 6;

impl Uart {
    /// Starts UART0, on the pins A0 and A1. Call it once.
    pub fn zero() -> Self {
        open(Gates::Group1, 1 << 0);
        open(Gates::Group2, 1 << 0);
        hand_over(0x4000_4000, 0b11);
        Self::start(0x4000_C000, Interrupt(5))
    }

    /// Starts UART1, on the pins D2 and D3. Call it once; after a panic it may be called again.
    pub fn one() -> Self {
        open(Gates::Group1, 1 << 1);
        open(Gates::Group2, 1 << 3);
        hand_over(0x4000_7000, 0b1100);
        Self::start(0x4000_D000, Interrupt(6))
    }

    fn start(base: usize, interrupt: Interrupt) -> Self {
        let uart = Self { base, interrupt };
        uart.register(CONTROL).write(0);
        uart.register(DIVISOR).write(6); // 12.5 MHz / (16 × 115200) = 6 + 50/64
        uart.register(FRACTION).write(50);
        uart.register(LINE).write(0x70);
        uart.register(INTERRUPT_MASK).write(RECEIVED);
        uart.register(CONTROL).write(0x301);
        interrupt.enable();
        uart
    }

    /// Returns whether there is no input. If so, the next byte ends a sleep.
    pub fn is_idle(&self) -> bool {
        self.register(INTERRUPT_CLEAR).write(RECEIVED);
        self.interrupt.clear();
        self.is(NOTHING_RECEIVED)
    }

    fn is(&self, flag: u32) -> bool {
        self.register(FLAGS).read() & flag != 0
    }

    fn register(&self, offset: usize) -> Register {
        // SAFETY: registers of a UART, which affect only its input and output.
        #[allow(unsafe_code)]
        unsafe {
            Register::new(self.base + offset)
        }
    }
}

/// Assigns the pins `bits` of the GPIO port at `base` to their peripheral.
fn hand_over(base: usize, bits: u32) {
    const ALTERNATE: usize = 0x420;
    const DIGITAL: usize = 0x51C;
    for offset in [ALTERNATE, DIGITAL] {
        // SAFETY: registers of a GPIO port, which select the function of its pins.
        #[allow(unsafe_code)]
        let register = unsafe { Register::new(base + offset) };
        register.write(register.read() | bits);
    }
}

impl ErrorType for Uart {
    type Error = Noise;
}

impl Error for Noise {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidData
    }
}

impl Read for Uart {
    /// Waits for a byte, then reads all bytes in the FIFO.
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Noise> {
        let mut count = 0;
        for slot in space {
            while count == 0 && self.is(NOTHING_RECEIVED) {}
            if self.is(NOTHING_RECEIVED) {
                break;
            }
            let [byte, errors, ..] = self.register(DATA).read().to_le_bytes();
            if errors != 0 {
                return Err(Noise);
            }
            *slot = byte;
            count += 1;
        }
        Ok(count)
    }
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, Noise> {
        Ok(!self.is(NOTHING_RECEIVED))
    }
}

impl Write for Uart {
    /// Waits until all bytes are in the FIFO.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Noise> {
        for byte in bytes {
            while self.is(NO_ROOM_TO_SEND) {}
            self.register(DATA).write(u32::from(*byte));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Noise> {
        while self.is(BUSY) {}
        Ok(())
    }
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("noise on the line")
    }
}

impl core::error::Error for Noise {}
