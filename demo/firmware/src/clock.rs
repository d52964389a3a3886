//! The board's clock, which can sleep until a given time or an interrupt.

use crate::interrupt::Interrupt;
use crate::registers::{Gates, Register, open};
use smoltcp::time::{Duration, Instant};

/// SysTick's reload value. It counts down from here and wraps after 1.3 s.
const FULL: u32 = 0x00FF_FFFF;
/// The longest sleep. It is shorter than a round of SysTick, so no round is missed.
const LONGEST: Duration = Duration::from_secs(1);
/// Ticks in 2 µs: QEMU's board leaves reset with a clock of 12.5 MHz.
const TICKS_IN_2_MICROS: u32 = 25;

const WAKE: Interrupt = Interrupt(19);

/// The time since the board started. It sums up SysTick; timer 0 ends a sleep.
#[derive(Debug)]
pub struct Clock {
    micros: i64,
    /// Half ticks that do not add up to a microsecond yet.
    rest: u32,
    last: u32,
}

impl Clock {
    /// Starts the clock at zero.
    pub fn start() -> Self {
        open(Gates::Group1, 1 << 16);
        systick(0x4).write(FULL);
        systick(0x8).write(0);
        systick(0x0).write(0b101); // the processor's clock, no interrupt, count
        timer(0x00).write(0); // one counter of 32 bits
        timer(0x04).write(1); // once
        timer(0x18).write(1); // an interrupt at its end
        WAKE.enable();
        Self {
            micros: 0,
            rest: 0,
            last: systick(0x8).read(),
        }
    }

    /// Returns the current time. Call it at least once a second.
    pub fn now(&mut self) -> Instant {
        let count = systick(0x8).read();
        let ticks = self.last.wrapping_sub(count) & FULL;
        self.last = count;
        let total = self.rest + 2 * ticks;
        self.rest = total % TICKS_IN_2_MICROS;
        self.micros += i64::from(total / TICKS_IN_2_MICROS);
        Instant::from_micros(self.micros)
    }

    /// Sleeps until an interrupt or until `wake`, for at most a second.
    pub fn sleep_until(&mut self, wake: Option<Instant>) {
        let now = self.now();
        let duration = match wake {
            Some(wake) if wake <= now => return,
            Some(wake) => (wake - now).min(LONGEST),
            None => LONGEST,
        };
        let micros = duration.total_micros();
        let ticks = u32::try_from(micros).unwrap_or(0).div_ceil(2) * TICKS_IN_2_MICROS;
        timer(0x28).write(ticks);
        timer(0x0C).write(1);
        cortex_m::asm::wfi();
        timer(0x0C).write(0);
        timer(0x24).write(1);
        WAKE.clear();
    }
}

/// A register of SysTick: control 0x0, reload 0x4, current value 0x8.
fn systick(offset: usize) -> Register {
    // SAFETY: registers of SysTick, which only counts.
    #[allow(unsafe_code)]
    unsafe {
        Register::new(0xE000_E010 + offset)
    }
}

/// A register of timer 0: configuration 0x00, mode 0x04, control 0x0C, interrupt mask 0x18,
/// interrupt clear 0x24, load 0x28.
fn timer(offset: usize) -> Register {
    // SAFETY: registers of timer 0, which only counts and interrupts.
    #[allow(unsafe_code)]
    unsafe {
        Register::new(0x4003_0000 + offset)
    }
}
