//! A server and a client over smoltcp, connected by a simulated network with a simulated clock.

use super::cases::Case;
use bellwire::smoltcp::{Client, ConnectionLost, Server, Timeouts};
use bellwire::{Command, Endpoint, Error, ErrorKind, Line, NoReply, ReplyFormat, ServerConnection};
use bellwire_tests::cable::{Cable, End};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::FaultInjector;
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;

const ECHO: Command<Line, Line> = Command::new("ECHO");
const NOTE: Command<Line, NoReply> = Command::new("NOTE");

/// The client's time limit for a reply.
const PATIENCE: Duration = Duration::from_secs(30);

/// An upper bound for the turns of the loop in one run.
const TURNS: usize = 1_000_000;

const PORT: u16 = 61000;
const ADDRESSES: [IpAddress; 2] = [IpAddress::v4(10, 0, 0, 1), IpAddress::v4(10, 0, 0, 2)];

/// One end's interface and its only socket.
struct Host {
    interface: Interface,
    device: FaultInjector<End>,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
}

impl Host {
    fn new(address: IpAddress, end: End, window: usize, seed: u64) -> Self {
        let mut device = FaultInjector::new(end, u32::try_from(seed).expect("a small seed"));
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut device, Instant::ZERO);
        interface.update_ip_addrs(|all| {
            all.push(IpCidr::new(address, 24))
                .expect("room for one address");
        });
        let mut sockets = SocketSet::new(Vec::new());
        let buffer = || SocketBuffer::new(vec![0; window]);
        let socket = sockets.add(Socket::new(buffer(), buffer()));
        Self {
            interface,
            device,
            sockets,
            socket,
        }
    }

    fn poll(&mut self, now: Instant) {
        self.interface
            .poll(now, &mut self.device, &mut self.sockets);
    }

    /// Returns the time of the next poll if no packet arrives before.
    fn due(&mut self, now: Instant) -> Option<Instant> {
        let delay = self.interface.poll_delay(now, &self.sockets)?;
        Some(now + delay)
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }
}

/// The requests that the server ran and rejected.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) ran: Vec<String>,
    pub(crate) rejected: Vec<ErrorKind>,
}

/// A network with a client and a server of one socket.
pub(crate) struct Network {
    pub(crate) now: Instant,
    pub(crate) cable: Rc<RefCell<Cable>>,
    near: Host,
    far: Host,
    client: Client<'static>,
    server: Server<'static>,
    endpoint: Endpoint<Log, 2>,
    pub(crate) log: Log,
    pub(crate) connections: u16,
    /// The requests sent on the current connection.
    sent: Vec<String>,
    turns: usize,
}

impl Network {
    pub(crate) fn new(case: &Case, seed: u64) -> Self {
        let mut endpoint = Endpoint::new();
        endpoint.on_rejection(|log: &mut Log, rejection| log.rejected.push(rejection.kind));
        let echo = endpoint.handle(ECHO, &|log, text, reply| {
            log.ran.push(text.to_owned());
            reply.send(text)
        });
        let note = endpoint.handle(NOTE, &|log, text, reply| {
            log.ran.push(text.to_owned());
            reply.none()
        });
        echo.and(note).expect("room for both commands");
        let memory = || vec![0; 256].leak();
        let connection = ServerConnection::new(memory(), memory());
        let (cable, [near, far]) = Cable::new(case.mtu, seed);
        let mut network = Self {
            now: Instant::ZERO,
            cable,
            near: Host::new(ADDRESSES[0], near, case.window, seed * 2 + 1),
            far: Host::new(ADDRESSES[1], far, case.window, seed * 2 + 2),
            client: Client::new(memory(), memory()),
            server: Server::new(connection, Timeouts::default()),
            endpoint,
            log: Log::default(),
            connections: 0,
            sent: Vec::new(),
            turns: 0,
        };
        network.turn(Instant::ZERO);
        network
    }

    /// Applies the faults of `case` from now on.
    pub(crate) fn suffer(&mut self, case: &Case) {
        let mut cable = self.cable.borrow_mut();
        cable.jitter = Duration::from_millis(case.jitter);
        cable.duplicated = case.duplicated;
        // An injector drops packets in both directions, but damages only those that arrive.
        self.near.device.set_drop_chance(case.loss);
        self.near.device.set_corrupt_chance(case.damage);
        self.far.device.set_corrupt_chance(case.damage);
    }

    /// Advances the clock to the next event, at most to `limit`, and polls everything once.
    fn turn(&mut self, limit: Instant) {
        self.turns += 1;
        assert!(
            self.turns < TURNS,
            "the run does not end; the clock is at {}",
            self.now
        );
        let due = [
            self.near.due(self.now),
            self.far.due(self.now),
            self.cable.borrow().next_arrival(),
            self.server.poll_at(),
        ];
        let due = due.into_iter().flatten().min().unwrap_or(limit);
        let next = due.max(self.now + Duration::from_micros(1));
        self.now = next.min(limit);
        self.near.poll(self.now);
        self.far.poll(self.now);
        let mut service = self.endpoint.with(&mut self.log);
        let socket = self.far.sockets.get_mut(self.far.socket);
        if self.server.poll(socket, &mut service, self.now).is_ready() {
            socket.listen(PORT).expect("a free socket");
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.turn(end);
        }
    }

    pub(crate) fn connect(&mut self) {
        self.check_what_ran();
        self.near.socket().abort();
        self.pass(Duration::from_millis(1)); // sends the reset
        self.connections += 1;
        self.sent.clear();
        self.client.reset();
        let socket = self.near.sockets.get_mut::<Socket<'_>>(self.near.socket);
        let context = self.near.interface.context();
        let connected = socket.connect(context, (ADDRESSES[1], PORT), 49152 + self.connections);
        connected.expect("a free socket");
    }

    /// Returns the requests of the current connection that ran.
    fn ran(&self) -> Vec<&str> {
        let ours = format!("{}/", self.connections);
        let ran = self.log.ran.iter().map(String::as_str);
        ran.filter(|text| text.starts_with(&ours)).collect()
    }

    /// Checks that the requests that ran are the first ones sent on the connection.
    pub(crate) fn check_what_ran(&self) {
        let ran = self.ran();
        assert!(ran.len() <= self.sent.len(), "{ran:?}");
        assert_eq!(ran, self.sent[..ran.len()]);
    }

    /// Makes a call and returns its result. Checks that it ends by its deadline.
    fn call<Rsp: ReplyFormat>(
        &mut self,
        command: Command<Line, Rsp>,
        text: &str,
        poll: impl Fn(&mut Self) -> Poll<Result<(), Error<ConnectionLost>>>,
    ) -> Result<(), Error<ConnectionLost>> {
        let deadline = self.now + PATIENCE;
        let socket = self.near.sockets.get_mut(self.near.socket);
        self.client.call(command, text, socket, deadline)?;
        self.sent.push(text.to_owned());
        loop {
            if let Poll::Ready(result) = poll(self) {
                return result;
            }
            assert!(self.now < deadline, "the call outlasts its deadline");
            self.turn(deadline);
        }
    }

    /// Calls ECHO. Checks that a reply equals `text` and that every earlier request ran.
    pub(crate) fn echo(&mut self, text: &str) -> Result<(), Error<ConnectionLost>> {
        let poll = |network: &mut Self| {
            let socket = network.near.sockets.get_mut(network.near.socket);
            let reply = network.client.poll_reply(ECHO, socket, network.now);
            reply.map_ok(|reply| assert_eq!(reply, text, "the reply to another call"))
        };
        self.call(ECHO, text, poll)?;
        assert_eq!(
            self.ran(),
            self.sent,
            "an answered call implies that every earlier request ran"
        );
        Ok(())
    }

    pub(crate) fn note(&mut self, text: &str) -> Result<(), Error<ConnectionLost>> {
        self.call(NOTE, text, |network| {
            let socket = network.near.sockets.get_mut(network.near.socket);
            network.client.poll_sent(NOTE, socket, network.now)
        })
    }

    /// Makes calls, numbered from `first`, until one is answered. Returns the time that this took.
    pub(crate) fn recover(&mut self, first: usize) -> Duration {
        let begun = self.now;
        for number in first.. {
            let text = self.text(number);
            if self.echo(&text).is_ok() {
                break;
            }
            self.pass(Duration::from_secs(1));
            self.connect();
        }
        self.now - begun
    }

    /// Returns a text that no other request has. Its length depends on `number`.
    pub(crate) fn text(&self, number: usize) -> String {
        let filler = "x".repeat(number * 37 % 120);
        format!("{}/{number} {filler}", self.connections)
    }
}
