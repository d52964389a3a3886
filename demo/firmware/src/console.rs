//! What the board tells a person, on UART1.

use crate::mission::Observer;
use crate::shown::{Shown, write_decimal, write_hexadecimal};
use crate::stack;
use crate::uart::Uart;
use bellwire::{ComplexData, Printable, Rejection};
use embedded_io::{Read, ReadReady, Write};
use smoltcp::time::{Duration, Instant};

/// The lines a second that are shown. A UART cannot keep up with what the network brings, and who
/// waits for it serves nobody.
const LINES: u32 = 20;

/// The calls that are shown of a panic, of which the first four or so are the panic's own.
const CALLS: usize = 12;

/// A line, which hands itself over in pieces.
type Line<'a> = &'a dyn Fn(&mut dyn FnMut(&str));

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

    /// Shows a line, unless there were too many this second. `line` hands it over in pieces.
    pub fn say(&mut self, line: Line<'_>) {
        if self.lines < LINES {
            self.lines += 1;
            say(&mut self.uart, line);
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
                self.say(&|write| {
                    write("(");
                    write_decimal(left_out.into(), write);
                    write(" lines left out)");
                });
            }
        }
        let mut byte = [0];
        while self.uart.read_ready() == Ok(true) {
            if self.uart.read(&mut byte) == Ok(1) && byte == *b"\n" {
                let (used, size) = stack::used();
                say(&mut self.uart, &|write| {
                    write("stack: ");
                    write_size(used, write);
                    write(" of ");
                    write_size(size, write);
                    write(" bytes used");
                });
            }
        }
    }

    /// Whether nobody has typed anything; if so, what is typed from now on ends a sleep.
    pub fn is_idle(&self) -> bool {
        self.uart.is_idle()
    }

    /// Hears of a request that was answered with an error line.
    pub fn rejected(&mut self, rejection: &Rejection) {
        self.say(&|write| {
            write("rejected ");
            rejection.write_to(write);
        });
    }
}

impl Observer for Console {
    fn text(&mut self, text: &str) {
        self.say(&|write| {
            write("received STRING ");
            Printable::new(text).quoted().write_to(write);
        });
    }

    fn data(&mut self, data: &ComplexData) {
        self.say(&|write| {
            write("received outer ");
            Shown::from(data).write_to(write);
        });
        if let Some(inner) = &data.c {
            self.say(&|write| {
                write("received inner ");
                Shown::from(inner).write_to(write);
            });
        }
    }
}

/// Says which calls led to a panic, the last one first, and starts anew. `addr2line` knows the
/// lines of code at the addresses; that the program knew them would take 3.6 KiB of flash.
pub fn panicked() -> ! {
    let mut uart = Uart::one();
    say(&mut uart, &|write| {
        write("panicked at");
        for address in stack::calls().take(CALLS) {
            write(" 0x");
            write_hexadecimal(address, write);
        }
    });
    let _ = uart.flush();
    cortex_m::peripheral::SCB::sys_reset()
}

/// Writes a line.
fn say(uart: &mut Uart, line: Line<'_>) {
    // A UART takes everything.
    let mut write = |part: &str| {
        let _ = uart.write(part.as_bytes());
    };
    line(&mut write);
    write("\n");
}

/// Machines of 32 bits have no larger sizes.
fn write_size(bytes: usize, write: &mut dyn FnMut(&str)) {
    write_decimal(i64::try_from(bytes).unwrap_or(i64::MAX), write);
}
