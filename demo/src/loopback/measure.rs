//! Round trips a second, with Bellwire and with smoltcp alone.

use super::network::{BUFFER, Memory, Network, socket};
use super::ring::Ring;
use bellwire::smoltcp::{Client, Server, Timeouts};
use bellwire::{ComplexData, Endpoint, ServerConnection};
use commands::{Observer, PORT, STRING, TEXT};
use core::task::Poll;
use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::Socket;
use smoltcp::time;
use std::error::Error;
use std::time::{Duration, Instant};

/// A request and its reply on the wire.
const REQUEST: &[u8] = b"STRING\nAdditional data.\n";
const REPLY: &[u8] = b"Thank you.\n";

/// Rounds of each kind. The kinds take turns, with many short rounds, so that other work on the machine
/// slows both alike and does not reach the median.
const ROUNDS: usize = 101;

/// The duration of a round.
const ROUND: Duration = Duration::from_millis(5);

/// Round trips a second of one client: the median of all rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Bellwire's `STRING` and its reply.
    pub bellwire: f64,
    /// The same bytes between two smoltcp sockets, with the same device, interface, buffers and
    /// settings.
    pub bare: f64,
}

impl Comparison {
    /// Returns Bellwire's rate as a fraction of smoltcp's own; 1 means equal.
    pub fn share(&self) -> f64 {
        self.bellwire / self.bare
    }
}

/// Measures both kinds in turn. It takes about a second.
///
/// # Errors
/// If a connection fails or a reply is wrong.
pub fn measure() -> Result<Comparison, Box<dyn Error>> {
    let (mut bellwire, mut bare) = ([0.0; ROUNDS], [0.0; ROUNDS]);
    for round in 0..ROUNDS {
        bellwire[round] = with_bellwire()?;
        bare[round] = without()?;
    }
    Ok(Comparison {
        bellwire: median(bellwire),
        bare: median(bare),
    })
}

fn with_bellwire() -> Result<f64, Box<dyn Error>> {
    let mut endpoint = Endpoint::<Nobody, 1>::new();
    endpoint.handle(STRING, &|app, text, reply| {
        commands::string(app, text, reply)
    })?;
    let mut app = Nobody;
    let mut memory: [Memory; 2] = [[[0; BUFFER]; 4]; _];
    let [for_server, for_client] = &mut memory;
    let (server_socket, rx, tx) = socket(for_server);
    let mut server = Server::new(ServerConnection::new(rx, tx), Timeouts::default());
    let (client_socket, rx, tx) = socket(for_client);
    let mut client = Client::new(rx, tx);

    let mut storage = [SocketStorage::EMPTY; 2];
    let mut pair = Pair::connect(server_socket, client_socket, &mut storage)?;
    let deadline = pair.network.now + time::Duration::from_secs(5);
    client.call(STRING, TEXT, pair.client(), deadline)?;
    pair.rate(|pair| {
        let now = pair.network.now;
        let mut service = endpoint.with(&mut app);
        if server.poll(pair.server(), &mut service, now).is_ready() {
            return Err("the server's connection ended".into());
        }
        let Poll::Ready(reply) = client.poll_reply(STRING, pair.client(), now) else {
            return Ok(false);
        };
        if reply? != "Thank you." {
            return Err("the reply is wrong".into());
        }
        let deadline = now + time::Duration::from_secs(5);
        client.call(STRING, TEXT, pair.client(), deadline)?;
        Ok(true)
    })
}

fn without() -> Result<f64, Box<dyn Error>> {
    let mut memory: [Memory; 2] = [[[0; BUFFER]; 4]; _];
    let [for_server, for_client] = &mut memory;
    let (server_socket, server_rx, _) = socket(for_server);
    let (client_socket, client_rx, _) = socket(for_client);

    let mut storage = [SocketStorage::EMPTY; 2];
    let mut pair = Pair::connect(server_socket, client_socket, &mut storage)?;
    pair.client().send_slice(REQUEST)?;
    pair.rate(|pair| {
        // Only one message of a known length is in flight, so the bytes that have arrived are all of it.
        if pair.server().can_recv() && pair.server().recv_slice(server_rx)? == REQUEST.len() {
            pair.server().send_slice(REPLY)?;
        }
        if !pair.client().can_recv() || pair.client().recv_slice(client_rx)? != REPLY.len() {
            return Ok(false);
        }
        pair.client().send_slice(REQUEST)?;
        Ok(true)
    })
}

/// Two connected sockets.
struct Pair<'a> {
    network: Network<Ring>,
    sockets: SocketSet<'a>,
    server: SocketHandle,
    client: SocketHandle,
    start: Instant,
}

impl<'a> Pair<'a> {
    /// The limit of polls for a round trip, more than any takes.
    const POLLS: usize = 1_000_000;

    fn connect(
        server: Socket<'a>,
        client: Socket<'a>,
        storage: &'a mut [SocketStorage<'a>],
    ) -> Result<Self, Box<dyn Error>> {
        let mut sockets = SocketSet::new(storage);
        let mut pair = Self {
            network: Network::new(Ring::new(), time::Instant::ZERO),
            server: sockets.add(server),
            client: sockets.add(client),
            sockets,
            start: Instant::now(),
        };
        pair.server().listen(PORT)?;
        let socket = pair.sockets.get_mut(pair.client);
        pair.network.connect(socket, PORT, 49152)?;
        for _ in 0..Self::POLLS {
            pair.poll();
            if pair.server().may_send() {
                return Ok(pair);
            }
        }
        Err("the sockets did not connect".into())
    }

    fn server(&mut self) -> &mut Socket<'a> {
        self.sockets.get_mut(self.server)
    }

    fn client(&mut self) -> &mut Socket<'a> {
        self.sockets.get_mut(self.client)
    }

    fn poll(&mut self) {
        let micros = i64::try_from(self.start.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.network.now = time::Instant::from_micros(micros);
        self.network.poll(&mut self.sockets);
    }

    /// Polls the interface and `turn` for one round, and returns the round trips a second. `turn`
    /// returns whether it has completed a round trip.
    fn rate(
        mut self,
        mut turn: impl FnMut(&mut Self) -> Result<bool, Box<dyn Error>>,
    ) -> Result<f64, Box<dyn Error>> {
        let begun = Instant::now();
        let mut trips = 0u32;
        let mut polls = 0;
        loop {
            self.poll();
            polls += 1;
            if turn(&mut self)? {
                trips += 1;
                polls = 0;
                // Reading the clock more often would slow the round down.
                if trips.is_multiple_of(64) && begun.elapsed() >= ROUND {
                    return Ok(f64::from(trips) / begun.elapsed().as_secs_f64());
                }
            }
            if polls > Self::POLLS {
                return Err("a round trip over smoltcp did not end".into());
            }
        }
    }
}

/// An observer that ignores all values.
struct Nobody;

impl Observer for Nobody {
    fn text(&mut self, _text: &str) {}

    fn data(&mut self, _data: &ComplexData) {}
}

fn median(mut rates: [f64; ROUNDS]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[ROUNDS / 2]
}
