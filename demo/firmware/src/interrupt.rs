//! Interrupts that wake, and do nothing else.
//!
//! They stay masked for good: a masked interrupt still ends `wfi`, and then the loop looks for
//! itself what there is to do. So there are no handlers, and nothing is shared with any.

use crate::registers::Register;

/// An interrupt by its number at the NVIC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interrupt(pub(crate) u8);

impl Interrupt {
    /// Lets it end a `wfi`.
    pub(crate) fn enable(self) {
        cortex_m::interrupt::disable();
        self.write(0xE000_E100);
    }

    /// Forgets that it was raised. It is raised anew while its peripheral still asks for it.
    pub(crate) fn clear(self) {
        self.write(0xE000_E280);
    }

    fn write(self, bank: usize) {
        let Self(number) = self;
        // SAFETY: the banks ISER and ICPR of the NVIC, of which the board has two words each. A
        // masked interrupt runs no code.
        #[allow(unsafe_code)]
        let register = unsafe { Register::new(bank + usize::from(number / 32 % 2) * 4) };
        register.write(1 << (number % 32));
    }
}

/// The handlers of the board's 44 interrupts: none. Without this table cortex-m-rt would put one in
/// flash for the 240 that a processor may have.
#[allow(unsafe_code)] // SAFETY: the section and the name are those that cortex-m-rt asks for
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
#[used]
static __INTERRUPTS: [usize; 44] = [0; 44];
