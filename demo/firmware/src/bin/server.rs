//! The server: one endpoint serves the demo's commands on three TCP sockets and on UART0.
#![no_std]
#![no_main]

use bellwire::smoltcp::{Server, Timeouts};
use bellwire::{Endpoint, RegisterError, ServerConnection};
use commands::{GOB, PORT, POSTCARD, STRING};
use core::panic::PanicInfo;
use cortex_m_rt::entry;
use firmware::clock::Clock;
use firmware::console::{self, Console};
use firmware::network::{Memory, Network, Room};
use firmware::serial::Line;
use firmware::uart::Uart;

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
    let connection = ServerConnection::new(rx, tx);
    let lent = LENT.each_mut().map(<[u8; 512]>::as_mut_slice);
    let mut line = Line::new(Uart::zero(), connection, lent, clock.now());

    let mut network = Network::start(NETWORK, clock.now());
    let mut servers = MEMORY.each_mut().map(|memory| {
        let handle = network.add(&mut memory.arriving, &mut memory.leaving);
        // The first poll would refuse early clients if the socket did not listen yet. `listen` fails
        // only for port 0.
        let _ = network.socket(handle).listen(PORT);
        let connection = ServerConnection::new(&mut memory.rx, &mut memory.tx);
        (handle, Server::new(connection, Timeouts::default()))
    });

    console.say(&|write| write("up"));
    loop {
        let now = clock.now();
        console.poll(now);
        network.poll(now);
        for (handle, server) in &mut servers {
            let socket = network.socket(*handle);
            let mut service = endpoint.with(&mut console);
            if server.poll(socket, &mut service, now).is_ready() {
                // The connection has ended, so the socket is free for another.
                let _ = socket.listen(PORT);
            }
        }
        let more = line.poll(&mut endpoint.with(&mut console), now);

        if !more && network.is_idle() && line.is_idle() && console.is_idle() {
            let limits = servers.iter().filter_map(|(_, server)| server.poll_at());
            let wake = limits
                .chain(line.poll_at(now))
                .chain(network.poll_at(now))
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
