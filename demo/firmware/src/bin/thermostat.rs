//! The thermostat of `demo/thermostat` on UART0, for a person in plain text and for a program over a link.
#![no_std]
#![no_main]

use bellwire::{Endpoint, RegisterError, ServerConnection};
use core::panic::PanicInfo;
use cortex_m_rt::entry;
use firmware::clock::Clock;
use firmware::console::{self, Console};
use firmware::serial::Line;
use firmware::uart::Uart;
use thermostat::{COMMANDS, HISTORY, LOG, READ, SET, Thermostat};

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    console::panicked()
}

#[entry]
fn main() -> ! {
    static mut LINE: [[u8; 768]; 2] = [[0; 768]; 2];
    static mut LENT: [[u8; 512]; 2] = [[0; 512]; 2];

    let mut clock = Clock::start();
    let mut console = Console::start();
    let Ok(endpoint) = endpoint() else {
        panic!("the endpoint has too little room for the commands");
    };
    let mut room = Thermostat::new();
    let mut service = endpoint.with_help(&mut room, COMMANDS);

    let [rx, tx] = LINE;
    let connection = ServerConnection::new(rx, tx);
    let lent = LENT.each_mut().map(<[u8; 512]>::as_mut_slice);
    let mut line = Line::new(Uart::zero(), connection, lent, clock.now());

    console.say(&|write| write("up"));
    loop {
        let now = clock.now();
        console.poll(now);
        if !line.poll(&mut service, now) && line.is_idle() && console.is_idle() {
            clock.sleep_until(line.poll_at(now));
        }
    }
}

/// Returns an endpoint with the thermostat's commands.
fn endpoint() -> Result<Endpoint<Thermostat, 4>, RegisterError> {
    let mut endpoint = Endpoint::new();
    endpoint.handle(READ, &thermostat::read)?;
    endpoint.handle(SET, &thermostat::set)?;
    endpoint.handle(LOG, &thermostat::log)?;
    endpoint.handle(HISTORY, &thermostat::history)?;
    Ok(endpoint)
}
