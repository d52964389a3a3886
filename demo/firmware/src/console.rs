//! The board's console, on UART1.

use crate::stack;
use crate::uart::Uart;
use bellwire::{ComplexData, Printable, RequestError};
use commands::Observer;
use commands::shown::{Shown, write_decimal, write_hexadecimal};
use embedded_io::{Read, ReadReady, Write};
use smoltcp::time::{Duration, Instant};

/// Lines shown per second. A UART is slower than the network, and the server must not wait for it.
const LINES: u32 = 20;

/// Calls shown after a panic. About the first four belong to the panic itself.
const CALLS: usize = 12;

/// A function that passes the pieces of a line to its argument.
type Line<'a> = &'a dyn Fn(&mut dyn FnMut(&str));

/// A terminal on UART1. When someone presses Enter, it shows the stack usage.
#[derive(Debug)]
pub struct Console {
    uart: Uart,
    second_ends: Instant,
    lines: u32,
    left_out: u32,
}

impl Console {
    /// Starts the console. Call it once.
    pub fn start() -> Self {
        Self {
            uart: Uart::one(),
            second_ends: Instant::ZERO,
            lines: 0,
            left_out: 0,
        }
    }

    /// Shows a line. If this second already has 20 lines, only counts it.
    pub fn say(&mut self, line: Line<'_>) {
        if self.lines < LINES {
            self.lines += 1;
            say(&mut self.uart, line);
        } else {
            self.left_out += 1;
        }
    }

    /// Shows the stack usage if someone pressed Enter. Call it repeatedly.
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

    /// Returns whether there is no input. If so, the next input ends a sleep.
    pub fn is_idle(&self) -> bool {
        self.uart.is_idle()
    }

    /// Shows why a request was answered with an error line.
    pub fn rejected(&mut self, rejection: &RequestError) {
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

/// Shows the addresses of the calls that led to a panic, the last one first, then resets the board.
///
/// `addr2line` translates the addresses to lines of code. File names and line numbers in the program
/// itself would take 3.6 KiB of flash.
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
    // Writing to a UART cannot fail.
    let mut write = |part: &str| {
        let _ = uart.write(part.as_bytes());
    };
    line(&mut write);
    write("\n");
}

/// Writes a number of bytes in decimal. On a 32-bit machine every size fits an `i64`.
fn write_size(bytes: usize, write: &mut dyn FnMut(&str)) {
    write_decimal(i64::try_from(bytes).unwrap_or(i64::MAX), write);
}
