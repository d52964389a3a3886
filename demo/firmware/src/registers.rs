//! Access to the machine, the only place that needs `unsafe` code to run.

/// One register, or another word outside of Rust's memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Register(*mut u32);

impl Register {
    /// The register at `address`.
    ///
    /// # Safety
    /// The address is aligned, can be read and written, holds no value that Rust knows of, and no access to it
    /// changes what Rust knows of. It may well change what the board does.
    #[allow(unsafe_code)]
    pub(crate) const unsafe fn new(address: usize) -> Self {
        Self(address as *mut u32)
    }

    pub(crate) fn read(self) -> u32 {
        // SAFETY: `new` was promised that the address can be read.
        #[allow(unsafe_code)]
        unsafe {
            self.0.read_volatile()
        }
    }

    pub(crate) fn write(self, value: u32) {
        // SAFETY: `new` was promised that the address can be written.
        #[allow(unsafe_code)]
        unsafe {
            self.0.write_volatile(value);
        }
    }
}

/// The gates of the peripherals' clocks, which QEMU does not have closed, but silicon has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gates {
    /// Timers and UARTs.
    Group1,
    /// Pins and Ethernet.
    Group2,
}

/// Opens those of the gates that `bits` name.
pub(crate) fn open(gates: Gates, bits: u32) {
    let address = match gates {
        Gates::Group1 => 0x400F_E104,
        Gates::Group2 => 0x400F_E108,
    };
    // SAFETY: RCGC1 and RCGC2 of the system control.
    #[allow(unsafe_code)]
    let register = unsafe { Register::new(address) };
    register.write(register.read() | bits);
    // The peripheral is there some cycles later.
    for _ in 0..4 {
        register.read();
    }
}
