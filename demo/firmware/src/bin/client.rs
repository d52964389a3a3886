//! The client: connects to the host, sends the demo's requests and checks the replies.
#![no_std]
#![no_main]

use bellwire::smoltcp::{Client, ConnectionLost};
use bellwire::{Command, Error, ErrorKind, Format, Line};
use commands::{POSTCARD, STRING, TEXT};
use core::fmt::Write;
use core::panic::PanicInfo;
use core::task::Poll;
use cortex_m_rt::entry;
use cortex_m_semihosting::debug;
use firmware::clock::Clock;
use firmware::console::{self, Console};
use firmware::network::{HOST, Memory, Network, Room};
use heapless::String;
use smoltcp::iface::SocketHandle;
use smoltcp::time::Duration;

/// The host's port: `BELLWIRE_PORT` at build time, or else the demo's port.
const PORT: u16 = match option_env!("BELLWIRE_PORT") {
    None => commands::PORT,
    Some(port) => match u16::from_str_radix(port, 10) {
        Ok(port) => port,
        Err(_) => panic!("BELLWIRE_PORT is not a port"),
    },
};

/// The time limit for connecting and for each call.
const PATIENCE: Duration = Duration::from_secs(10);

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    console::panicked()
}

#[entry]
fn main() -> ! {
    static mut NETWORK: Room<1> = Room::NEW;
    static mut MEMORY: Memory = Memory::NEW;

    let mut clock = Clock::start();
    let console = Console::start();
    let mut network = Network::start(NETWORK, clock.now());
    let socket = network.add(&mut MEMORY.arriving, &mut MEMORY.leaving);
    let client = Client::new(&mut MEMORY.rx, &mut MEMORY.tx);
    let mut board = Board {
        clock,
        console,
        network,
        socket,
    };
    match board.exchange(client) {
        Ok(()) => {
            let line = "all replies are correct";
            board.console.say(&|write| write(line));
            debug::exit(debug::EXIT_SUCCESS);
        }
        Err(error) => {
            let mut line = String::<160>::new();
            // The longest error has 134 bytes.
            let _ = write!(line, "{error}");
            board.console.say(&|write| write(&line));
            debug::exit(debug::EXIT_FAILURE);
        }
    }
    loop {
        board.clock.sleep_until(None);
    }
}

struct Board {
    clock: Clock,
    console: Console,
    network: Network,
    socket: SocketHandle,
}

impl Board {
    fn exchange(&mut self, mut client: Client<'_>) -> Result<(), Error<ConnectionLost>> {
        let dialed = self.network.connect(self.socket, (HOST, PORT), 49152);
        dialed.map_err(|_| Error::Transport(ConnectionLost))?;
        self.call(&mut client, STRING, TEXT, "Thank you.")?;
        self.call(&mut client, POSTCARD, &commands::value(), "Received.")
    }

    /// Makes one call and checks that its reply is `expected`.
    fn call<Req: Format>(
        &mut self,
        client: &mut Client<'_>,
        command: Command<Req, Line>,
        value: Req::Sent<'_>,
        expected: &str,
    ) -> Result<(), Error<ConnectionLost>> {
        let deadline = self.clock.now() + PATIENCE;
        let socket = self.network.socket(self.socket);
        client.call(command, value, socket, deadline)?;
        loop {
            let now = self.clock.now();
            self.network.poll(now);
            let socket = self.network.socket(self.socket);
            if let Poll::Ready(reply) = client.poll_reply(command, socket, now) {
                let reply = reply?;
                self.console.say(&|write| write(reply));
                return if reply == expected {
                    Ok(())
                } else {
                    Err(ErrorKind::UnexpectedReply.into())
                };
            }
            if self.network.is_idle() {
                let wake = self.network.poll_at(now);
                self.clock
                    .sleep_until(wake.into_iter().chain([deadline]).min());
            }
        }
    }
}
