//! Access to the hardware's registers. Only this module dereferences raw addresses.

/// One register, or another word outside Rust's memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Register(*mut u32);

impl Register {
    /// Returns the register at `address`.
    ///
    /// # Safety
    /// The address must be aligned, readable and writable. It must hold no value of the Rust program, and
    /// no access may change such a value. An access may change the state of the board.
    #[allow(unsafe_code)]
    pub(crate) const unsafe fn new(address: usize) -> Self {
        Self(address as *mut u32)
    }

    pub(crate) fn read(self) -> u32 {
        // SAFETY: the caller of `new` guarantees that the address can be read.
        #[allow(unsafe_code)]
        unsafe {
            self.0.read_volatile()
        }
    }

    pub(crate) fn write(self, value: u32) {
        // SAFETY: the caller of `new` guarantees that the address can be written.
        #[allow(unsafe_code)]
        unsafe {
            self.0.write_volatile(value);
        }
    }
}

/// The gates of the peripherals' clocks. They start open in QEMU, but closed on real hardware.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gates {
    /// Timers and UARTs.
    Group1,
    /// Pins and Ethernet.
    Group2,
}

/// Opens the gates named by `bits`.
pub(crate) fn open(gates: Gates, bits: u32) {
    let address = match gates {
        Gates::Group1 => 0x400F_E104,
        Gates::Group2 => 0x400F_E108,
    };
    // SAFETY: RCGC1 and RCGC2 of the system control.
    #[allow(unsafe_code)]
    let register = unsafe { Register::new(address) };
    register.write(register.read() | bits);
    // The peripheral is ready after a few cycles.
    for _ in 0..4 {
        register.read();
    }
}
