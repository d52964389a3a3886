//! What the board tells a person, on UART1.

use crate::mission::{Observer, Quoted, Shown};
use crate::stack;
use crate::uart::Uart;
use bellwire::{ComplexData, Rejection};
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use embedded_io::{Read, ReadReady};
use smoltcp::time::{Duration, Instant};

/// The lines a second that are shown. A UART cannot keep up with what the network brings, and who
/// waits for it serves nobody.
const LINES: u32 = 20;

/// A terminal on UART1. On Enter it says how the board fares.
#[derive(Debug)]
pub struct Console {
    uart: Uart,
    second_ends: Instant,
    lines: u32,
    left_out: u32,
}

impl Console {
    /// The console, of which there is one.
    pub fn start() -> Self {
        Self {
            uart: Uart::one(),
            second_ends: Instant::ZERO,
            lines: 0,
            left_out: 0,
        }
    }

    /// Shows a line, unless there were too many this second.
    pub fn say(&mut self, line: fmt::Arguments<'_>) {
        if self.lines < LINES {
            self.lines += 1;
            // A UART takes everything.
            let _ = writeln!(self.uart, "{line}");
        } else {
            self.left_out += 1;
        }
    }

    /// Answers who pressed Enter. To be called over and over.
    pub fn poll(&mut self, now: Instant) {
        if now >= self.second_ends {
            self.second_ends = now + Duration::from_secs(1);
            self.lines = 0;
            let left_out = core::mem::take(&mut self.left_out);
            if left_out > 0 {
                self.say(format_args!("({left_out} lines left out)"));
            }
        }
        let mut byte = [0];
        while self.uart.read_ready() == Ok(true) {
            if self.uart.read(&mut byte) == Ok(1) && byte == *b"\n" {
                let (used, size) = stack::used();
                let _ = writeln!(self.uart, "stack: {used} of {size} bytes used");
            }
        }
    }

    /// Whether nobody has typed anything; if so, what is typed from now on ends a sleep.
    pub fn is_idle(&self) -> bool {
        self.uart.is_idle()
    }

    /// Hears of a request that was answered with an error line.
    pub fn rejected(&mut self, rejection: &Rejection) {
        self.say(format_args!("rejected {rejection}"));
    }
}

impl Observer for Console {
    fn text(&mut self, text: &str) {
        self.say(format_args!("received STRING {}", Quoted(text)));
    }

    fn data(&mut self, data: &ComplexData) {
        self.say(format_args!("received outer {}", Shown(data)));
        if let Some(inner) = &data.c {
            self.say(format_args!("received inner {}", Shown(inner)));
        }
    }
}

/// Says where a panic happened, and starts anew.
pub fn panicked(info: &PanicInfo<'_>) -> ! {
    let mut uart = Uart::one();
    if let Some(place) = info.location() {
        let _ = writeln!(uart, "panicked at {}:{}", place.file(), place.line());
    }
    cortex_m::peripheral::SCB::sys_reset()
}
