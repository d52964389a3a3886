//! Interrupts that only wake the processor.
//!
//! All interrupts stay masked: a masked interrupt still ends `wfi`, and then the main loop polls
//! every device. So there are no handlers, and no state is shared with any.

use crate::registers::Register;

/// An interrupt, by its number in the NVIC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interrupt(pub(crate) u8);

impl Interrupt {
    /// Lets the interrupt end a `wfi`.
    pub(crate) fn enable(self) {
        cortex_m::interrupt::disable();
        self.write(0xE000_E100);
    }

    /// Clears the pending state. The peripheral raises the interrupt again if its cause persists.
    pub(crate) fn clear(self) {
        self.write(0xE000_E280);
    }

    fn write(self, bank: usize) {
        let Self(number) = self;
        // SAFETY: the banks ISER and ICPR of the NVIC; on this board each has two words. A masked
        // interrupt runs no code.
        #[allow(unsafe_code)]
        let register = unsafe { Register::new(bank + usize::from(number / 32 % 2) * 4) };
        register.write(1 << (number % 32));
    }
}

/// An empty handler table for the board's 44 interrupts. Without it cortex-m-rt would put a table for
/// 240 interrupts in flash, the most that a processor can have.
#[allow(unsafe_code)] // SAFETY: cortex-m-rt requires this section and this name
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
#[used]
static __INTERRUPTS: [usize; 44] = [0; 44];
