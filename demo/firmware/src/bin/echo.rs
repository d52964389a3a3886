//! An echo server, the baseline for the server's speed. It has the same drivers and sockets.
#![no_std]
#![no_main]

use commands::PORT;
use core::panic::PanicInfo;
use cortex_m_rt::entry;
use firmware::clock::Clock;
use firmware::console::{self, Console};
use firmware::network::{Memory, Network, Room};
use smoltcp::socket::tcp::Socket;

const SOCKETS: usize = 3;

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    console::panicked()
}

#[entry]
fn main() -> ! {
    static mut NETWORK: Room<SOCKETS> = Room::NEW;
    static mut MEMORY: [Memory; SOCKETS] = [Memory::NEW; SOCKETS];

    let mut clock = Clock::start();
    let mut console = Console::start();
    let mut network = Network::start(NETWORK, clock.now());
    let handles = MEMORY.each_mut().map(|memory| {
        let handle = network.add(&mut memory.arriving, &mut memory.leaving);
        // The first poll would refuse early clients if the socket did not listen yet. `listen` fails
        // only for port 0.
        let _ = network.socket(handle).listen(PORT);
        handle
    });

    console.say(&|write| write("up"));
    loop {
        let now = clock.now();
        console.poll(now);
        network.poll(now);
        for handle in handles {
            echo(network.socket(handle));
        }
        if network.is_idle() && console.is_idle() {
            clock.sleep_until(network.poll_at(now));
        }
    }
}

fn echo(socket: &mut Socket<'_>) {
    if !socket.is_open() {
        let _ = socket.listen(PORT);
    }
    if socket.can_recv() && socket.can_send() {
        let mut bytes = [0; 128];
        let count = socket.recv_slice(&mut bytes).unwrap_or(0);
        let _ = socket.send_slice(&bytes[..count]);
    }
    if socket.may_send() && !socket.may_recv() && !socket.can_recv() {
        socket.close();
    }
}
