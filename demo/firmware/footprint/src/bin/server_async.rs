//! A server of STRING with the async driver, polled until it is done.
#![no_std]
#![no_main]

use bellwire::{Command, Endpoint, Line, ServerConnection, asynch};
use core::pin::pin;
use core::task::{Context, Waker};
use cortex_m_rt::entry;
use embedded_io_async::{ErrorType, Read, Write};
use firmware::uart::{Noise, Uart};
use footprint::{RX, TX};

const STRING: Command<Line, Line> = Command::new("STRING");

struct App;

/// A UART that is always ready, because its operations block.
struct Ready(Uart);

impl ErrorType for Ready {
    type Error = Noise;
}

impl Read for Ready {
    async fn read(&mut self, space: &mut [u8]) -> Result<usize, Noise> {
        embedded_io::Read::read(&mut self.0, space)
    }
}

impl Write for Ready {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Noise> {
        embedded_io::Write::write(&mut self.0, bytes)
    }

    async fn flush(&mut self) -> Result<(), Noise> {
        embedded_io::Write::flush(&mut self.0)
    }
}

#[entry]
fn main() -> ! {
    static mut BUFFERS: ([u8; RX], [u8; TX]) = ([0; RX], [0; TX]);

    let (rx, tx) = BUFFERS;
    let mut uart = Ready(Uart::zero());

    let mut app = App;
    let mut endpoint = Endpoint::<App, 1>::new();
    // The endpoint has room for the command.
    let _ = endpoint.handle(STRING, &|_app, _text, reply| reply.send("Thank you."));
    let mut connection = ServerConnection::new(rx, tx);
    let state = size_of_val(&endpoint) + size_of_val(&connection);
    let mut service = endpoint.with(&mut app);
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut serving = pin!(asynch::serve(&mut uart, &mut service, &mut connection));
        while serving.as_mut().poll(&mut context).is_pending() {}
    }
    footprint::report(&mut uart.0, state, 0)
}
