//! The client: it dials the host, says what the demo's client says, and checks the replies.
#![no_std]
#![no_main]

use bellwire::smoltcp::{Client, Lost};
use bellwire::{Command, Error, Format, Line};
use core::panic::PanicInfo;
use core::task::Poll;
use cortex_m_rt::entry;
use cortex_m_semihosting::debug;
use firmware::clock::Clock;
use firmware::console::{self, Console};
use firmware::ethernet::Ethernet;
use firmware::mission::{self, POSTCARD, STRING, TEXT};
use firmware::network::{self, HOST, Memory};
use smoltcp::iface::{Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::Socket;
use smoltcp::time::Duration;

/// The host's port: the demo's, unless `BELLWIRE_PORT` named another when this was built.
const PORT: u16 = match option_env!("BELLWIRE_PORT") {
    None => mission::PORT,
    Some(port) => match u16::from_str_radix(port, 10) {
        Ok(port) => port,
        Err(_) => panic!("BELLWIRE_PORT is not a port"),
    },
};

/// How long connecting and each call may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    console::panicked(info)
}

#[entry]
fn main() -> ! {
    static mut ETHERNET: Ethernet = Ethernet::new();
    static mut SOCKET_SET: [SocketStorage<'static>; 1] = [SocketStorage::EMPTY; 1];
    static mut MEMORY: Memory = Memory::NEW;

    let mut clock = Clock::start();
    let mut console = Console::start();
    ETHERNET.start();
    let mut interface = network::interface(ETHERNET, clock.now());
    let mut sockets = SocketSet::new(&mut SOCKET_SET[..]);
    let socket = network::socket(&mut MEMORY.arriving, &mut MEMORY.leaving);
    let handle = sockets.add(socket);
    let board = Board {
        clock: &mut clock,
        ethernet: ETHERNET,
        interface: &mut interface,
        sockets: &mut sockets,
        handle,
    };
    let client = Client::new(&mut MEMORY.rx, &mut MEMORY.tx);
    match exchange(board, client, &mut console) {
        Ok(()) => {
            console.say(format_args!("the host answered as it should"));
            debug::exit(debug::EXIT_SUCCESS);
        }
        Err(error) => {
            console.say(format_args!("{error}"));
            debug::exit(debug::EXIT_FAILURE);
        }
    }
    loop {
        clock.sleep_until(None);
    }
}

/// What moves the bytes.
struct Board<'a> {
    clock: &'a mut Clock,
    ethernet: &'a mut Ethernet,
    interface: &'a mut Interface,
    sockets: &'a mut SocketSet<'static>,
    handle: SocketHandle,
}

fn exchange(
    mut board: Board<'_>,
    mut client: Client<'_>,
    console: &mut Console,
) -> Result<(), Error<Lost>> {
    let socket = board.sockets.get_mut::<Socket<'_>>(board.handle);
    let dialed = socket.connect(board.interface.context(), (HOST, PORT), 49152);
    dialed.map_err(|_| Error::Transport(Lost))?;
    board.call(&mut client, STRING, TEXT, "Thank you.", console)?;
    board.call(
        &mut client,
        POSTCARD,
        &mission::value(),
        "Received.",
        console,
    )
}

impl Board<'_> {
    /// One call, whose reply should be this one.
    fn call<Req: Format>(
        &mut self,
        client: &mut Client<'_>,
        command: Command<Req, Line>,
        value: Req::Sent<'_>,
        expected: &str,
        console: &mut Console,
    ) -> Result<(), Error<Lost>> {
        let deadline = self.clock.now() + PATIENCE;
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        client.call(command, value, socket, deadline)?;
        loop {
            let now = self.clock.now();
            self.interface.poll(now, self.ethernet, self.sockets);
            let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
            if let Poll::Ready(reply) = client.poll_reply(command, socket, now) {
                let reply = reply?;
                console.say(format_args!("{reply}"));
                return if reply == expected {
                    Ok(())
                } else {
                    Err(bellwire::Fault::UnexpectedReply.into())
                };
            }
            if self.ethernet.is_idle() {
                let wake = self.interface.poll_at(now, self.sockets);
                self.clock
                    .sleep_until(wake.into_iter().chain([deadline]).min());
            }
        }
    }
}
