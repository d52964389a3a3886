//! The server: one endpoint serves the demo's commands on three TCP sockets and on UART0.
#![no_std]
#![no_main]

use bellwire::{Endpoint, RegisterError, ServerConnection};
use commands::{COMMANDS, GOB, PORT, POSTCARD, STRING, TICK};
use core::panic::PanicInfo;
use cortex_m_rt::entry;
use firmware::clock::Clock;
use firmware::console::{self, Console};
use firmware::network::{Memory, Network, Room};
use firmware::serial::Line;
use firmware::tcp::Servers;
use firmware::uart::Uart;
use smoltcp::time::Duration;

/// The time between two values of [`TICK`].
const SECOND: Duration = Duration::from_secs(1);

/// Connections served at a time.
const SOCKETS: usize = 3;

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
    let mut console = Console::start();
    let Ok(endpoint) = endpoint() else {
        panic!("the endpoint has too little room for the commands");
    };

    let [rx, tx] = LINE;
    let connection = ServerConnection::new(rx, tx).with_topics([TICK.name()]);
    let lent = LENT.each_mut().map(<[u8; 512]>::as_mut_slice);
    let mut line = Line::new(Uart::zero(), connection, lent, clock.now());

    let mut network = Network::start(NETWORK, clock.now());
    let mut servers = Servers::start(PORT, &mut network, MEMORY, |rx, tx| {
        ServerConnection::new(rx, tx).with_topics([TICK.name()])
    });

    console.say(&|write| write("up"));
    let (mut seconds, mut next_second) = (0, clock.now() + SECOND);
    loop {
        let now = clock.now();
        if now >= next_second {
            seconds += 1;
            next_second += SECOND;
            servers.publish(TICK, &seconds);
            line.publish(TICK, &seconds);
        }
        console.poll(now);
        network.poll(now);
        let mut service = endpoint.with_help(&mut console, COMMANDS);
        servers.poll(&mut network, &mut service, now);
        let more = line.poll(&mut service, now);
        drop(service);

        if !more && network.is_idle() && line.is_idle() && console.is_idle() {
            let limits = servers.poll_at().into_iter();
            let wake = limits
                .chain(line.poll_at(now))
                .chain(network.poll_at(now))
                .chain([next_second])
                .min();
            clock.sleep_until(wake);
        }
    }
}

/// Returns an endpoint with the demo's commands.
fn endpoint() -> Result<Endpoint<Console, 4>, RegisterError> {
    let mut endpoint = Endpoint::new();
    endpoint.handle(STRING, &commands::string)?;
    endpoint.handle(POSTCARD, &commands::postcard)?;
    endpoint.handle(GOB, &commands::gob)?;
    endpoint.on_rejection(Console::rejected);
    Ok(endpoint)
}
