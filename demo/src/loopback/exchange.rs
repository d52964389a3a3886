//! The tutorial's conversation, held by several clients at once.

use super::capture::Capture;
use super::network::{BUFFER, Memory, Network, socket};
use super::ring::Ring;
use super::visitor::Visitor;
use bellwire::smoltcp::{Server, Timeouts};
use bellwire::{
    ComplexData, Endpoint, Line, NoReply, RegisterError, Reply, ReplySent, ServerConnection,
};
use commands::{GOB, Observer, PORT, POSTCARD, STRING, TEXT};
use core::task::Poll;
use smoltcp::iface::{SocketSet, SocketStorage};
use smoltcp::phy::{Device, PcapMode, PcapWriter};
use smoltcp::socket::tcp::Socket;
use smoltcp::time::Instant;
use std::error::Error;
use std::path::Path;
use std::time::SystemTime;

/// The server's listening sockets.
const SOCKETS: usize = 4;

/// The most clients at the same time.
const CLIENTS: usize = SOCKETS;

/// The limit of polls, more than any exchange takes.
const POLLS: usize = 100_000;

/// The result of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// The server's listening sockets.
    pub sockets: usize,
    /// Clients connected at the same time.
    pub clients: usize,
    /// Texts that arrived unchanged and were answered with thanks.
    pub texts: usize,
    /// Structures that arrived unchanged.
    pub structures: usize,
}

/// Runs `clients` clients at once, at most four, against one server over smoltcp.
///
/// Each client sends the tutorial's text and structure `times` times. `app` is told of all values, and
/// the packets are captured in the file `pcap`. The exchange runs on a simulated clock, so it takes
/// hardly any real time.
///
/// # Errors
/// If a value arrives changed, a call fails, or the file cannot be written.
pub fn exchange(
    app: &mut impl Observer,
    clients: usize,
    times: usize,
    pcap: Option<&Path>,
) -> Result<Exchange, Box<dyn Error>> {
    let mut guests = Guests {
        app,
        clients: clients.min(CLIENTS),
        times,
        texts: 0,
        structures: 0,
        spoiled: 0,
    };
    let Some(path) = pcap else {
        return run(&mut guests, Ring::new());
    };
    let told = |error| format!("cannot write {}: {error}", path.display());
    let mut capture = Capture::create(path).map_err(told)?;
    // One end receives the packets that the other end transmits, so capture only one direction.
    let device = PcapWriter::new(Ring::new(), &mut capture, PcapMode::TxOnly);
    let result = run(&mut guests, device);
    capture.finish().map_err(told)?;
    result
}

fn run(guests: &mut Guests<'_>, device: impl Device) -> Result<Exchange, Box<dyn Error>> {
    let mut storage = [SocketStorage::EMPTY; SOCKETS + CLIENTS];
    let mut memory: [Memory; SOCKETS + CLIENTS] = [[[0; BUFFER]; 4]; _];
    let (for_servers, for_clients) = memory.split_at_mut(SOCKETS);
    let mut sockets = SocketSet::new(&mut storage[..]);

    let endpoint = endpoint()?;
    let mut servers: heapless::Vec<_, SOCKETS> = for_servers
        .iter_mut()
        .map(|memory| {
            let (socket, rx, tx) = socket(memory);
            let server = Server::new(ServerConnection::new(rx, tx), Timeouts::default());
            (sockets.add(socket), server)
        })
        .collect();
    let mut visitors: heapless::Vec<_, CLIENTS> = for_clients
        .iter_mut()
        .map(|memory| {
            let (socket, rx, tx) = socket(memory);
            (sockets.add(socket), Visitor::new(rx, tx, guests.times))
        })
        .take(guests.clients)
        .collect();

    let mut network = Network::new(device, wall_clock());
    for _ in 0..POLLS {
        network.poll_and_pass_time(&mut sockets);
        for (handle, server) in &mut servers {
            let socket = sockets.get_mut::<Socket<'_>>(*handle);
            let mut service = endpoint.with(guests);
            if let Poll::Ready(result) = server.poll(socket, &mut service, network.now) {
                result?;
                socket.listen(PORT)?;
            }
        }
        for (index, (handle, visitor)) in (0u16..).zip(&mut visitors) {
            let socket = sockets.get_mut::<Socket<'_>>(*handle);
            visitor.poll(socket, &mut network, 49152 + index, guests.app)?;
        }
        let listening = |handle| sockets.get::<Socket<'_>>(handle).is_listening();
        if visitors.iter().all(|(_, visitor)| visitor.has_left())
            && servers.iter().all(|(handle, _)| listening(*handle))
        {
            return guests.check();
        }
    }
    Err("the exchange over smoltcp did not end".into())
}

/// Returns an endpoint with the demo's commands. `Guests` is not `'static`, so each handler is a
/// separate function.
fn endpoint<'a>() -> Result<Endpoint<Guests<'a>, 3>, RegisterError> {
    fn string(guests: &mut Guests<'_>, text: &str, reply: Reply<'_, Line>) -> ReplySent {
        commands::string(guests, text, reply)
    }
    fn postcard(guests: &mut Guests<'_>, data: ComplexData, reply: Reply<'_, Line>) -> ReplySent {
        commands::postcard(guests, data, reply)
    }
    fn gob(guests: &mut Guests<'_>, data: ComplexData, reply: Reply<'_, NoReply>) -> ReplySent {
        commands::gob(guests, data, reply)
    }
    let mut endpoint = Endpoint::new();
    endpoint.handle(STRING, &string)?;
    endpoint.handle(POSTCARD, &postcard)?;
    endpoint.handle(GOB, &gob)?;
    Ok(endpoint)
}

/// The server's context: counts the values that arrive, checks them and passes them on.
struct Guests<'a> {
    app: &'a mut dyn Observer,
    clients: usize,
    times: usize,
    texts: usize,
    structures: usize,
    spoiled: usize,
}

impl Guests<'_> {
    fn check(&self) -> Result<Exchange, Box<dyn Error>> {
        let each = self.clients * self.times;
        // Each structure arrives in two formats.
        if (self.texts, self.structures, self.spoiled) != (each, 2 * each, 0) {
            return Err("the server did not receive the values that were sent".into());
        }
        Ok(Exchange {
            sockets: SOCKETS,
            clients: self.clients,
            texts: self.texts,
            structures: self.structures,
        })
    }
}

impl Observer for Guests<'_> {
    fn text(&mut self, text: &str) {
        self.texts += 1;
        self.spoiled += usize::from(text != TEXT);
        self.app.text(text);
    }

    fn data(&mut self, data: &ComplexData) {
        self.structures += 1;
        self.spoiled += usize::from(*data != commands::value());
        self.app.data(data);
    }
}

/// Returns the start of the exchange's own clock: the time of day, which a capture shows.
fn wall_clock() -> Instant {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Instant::from_micros(i64::try_from(since_1970.as_micros()).unwrap_or(0))
}
