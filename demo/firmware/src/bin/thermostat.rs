//! The thermostat: a server of the commands of the crate `bellwire-thermostat`, on three TCP sockets and on UART0.
#![no_std]
#![no_main]

use bellwire::{Endpoint, RegisterError, ServerConnection};
use commands::PORT;
use core::panic::PanicInfo;
use cortex_m_rt::entry;
use firmware::clock::Clock;
use firmware::console::{self, Console};
use firmware::network::{Memory, Network, Room};
use firmware::serial::Line;
use firmware::tcp::Servers;
use firmware::uart::Uart;
use thermostat::{COMMANDS, HISTORY, LOG, READ, SET, Thermostat};

/// Connections served at a time.
const SOCKETS: usize = 3;

/// The context of all connections.
struct App {
    room: Thermostat,
    console: Console,
}

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    console::panicked()
}

#[entry]
fn main() -> ! {
    static mut NETWORK: Room<SOCKETS> = Room::NEW;
    static mut MEMORY: [Memory; SOCKETS] = [Memory::NEW; SOCKETS];
    static mut LINE: [[u8; 768]; 2] = [[0; 768]; 2];
    static mut LENT: [[u8; 512]; 2] = [[0; 512]; 2];

    let mut clock = Clock::start();
    let mut app = App {
        room: Thermostat::new(),
        console: Console::start(),
    };
    let Ok(endpoint) = endpoint() else {
        panic!("the endpoint has too little room for the commands");
    };

    let [rx, tx] = LINE;
    let connection = ServerConnection::new(rx, tx);
    let lent = LENT.each_mut().map(<[u8; 512]>::as_mut_slice);
    let mut line = Line::new(Uart::zero(), connection, lent, clock.now());

    let mut network = Network::start(NETWORK, clock.now());
    let mut servers = Servers::start(PORT, &mut network, MEMORY, ServerConnection::new);

    app.console.say(&|write| write("up"));
    loop {
        let now = clock.now();
        app.console.poll(now);
        network.poll(now);
        let mut service = endpoint.with_help(&mut app, COMMANDS);
        servers.poll(&mut network, &mut service, now);
        let more = line.poll(&mut service, now);
        drop(service);

        if !more && network.is_idle() && line.is_idle() && app.console.is_idle() {
            let limits = servers.poll_at().into_iter();
            let wake = limits.chain(line.poll_at(now)).chain(network.poll_at(now));
            clock.sleep_until(wake.min());
        }
    }
}

/// Returns an endpoint with the thermostat's commands.
fn endpoint() -> Result<Endpoint<App, 4>, RegisterError> {
    let mut endpoint = Endpoint::new();
    endpoint.handle(READ, &|app: &mut App, (), reply| {
        thermostat::read(&mut app.room, (), reply)
    })?;
    endpoint.handle(SET, &|app, setting, reply| {
        thermostat::set(&mut app.room, setting, reply)
    })?;
    endpoint.handle(LOG, &|app, note, reply| {
        thermostat::log(&mut app.room, note, reply)
    })?;
    endpoint.handle(HISTORY, &|app, most, reply| {
        thermostat::history(&mut app.room, most, reply)
    })?;
    endpoint.on_rejection(|app, rejection| app.console.rejected(rejection));
    Ok(endpoint)
}
