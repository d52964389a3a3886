//! A server and a client over smoltcp, with a network between them, and a clock of their own.

use crate::cases::Case;
use bellwire::smoltcp::{Client, Lost, Patience, Server};
use bellwire::{Answer, Command, Connection, Endpoint, Error, Fault, Line, NoReply};
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

/// How long the client waits for a reply.
const PATIENCE: Duration = Duration::from_secs(30);

/// More turns of the loop than any run takes.
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
        let mut device = FaultInjector::new(end, u32::try_from(seed).expect("a small one"));
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut device, Instant::ZERO);
        interface.update_ip_addrs(|all| all.push(IpCidr::new(address, 24)).expect("the first"));
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

    /// When it is to be polled again, if nothing arrives before.
    fn due(&mut self, now: Instant) -> Option<Instant> {
        let delay = self.interface.poll_delay(now, &self.sockets)?;
        Some(now + delay)
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }
}

/// What the server was told and did.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) ran: Vec<String>,
    pub(crate) rejected: Vec<Fault>,
}

/// A network with a server of one socket, and a client.
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
    /// The requests that were sent on the present connection.
    sent: Vec<String>,
    turns: usize,
}

impl Network {
    pub(crate) fn new(case: &Case, seed: u64) -> Self {
        let mut endpoint = Endpoint::new();
        endpoint.on_rejection(|log: &mut Log, rejection| log.rejected.push(rejection.fault));
        let echo = endpoint.handle(ECHO, &|log, text, reply| {
            log.ran.push(text.to_owned());
            reply.send(text)
        });
        let note = endpoint.handle(NOTE, &|log, text, reply| {
            log.ran.push(text.to_owned());
            reply.none()
        });
        echo.and(note).expect("there is room for both");
        let memory = || vec![0; 256].leak();
        let connection = Connection::new(memory(), memory());
        let (cable, [near, far]) = Cable::new(case.mtu, seed);
        let mut network = Self {
            now: Instant::ZERO,
            cable,
            near: Host::new(ADDRESSES[0], near, case.window, seed * 2 + 1),
            far: Host::new(ADDRESSES[1], far, case.window, seed * 2 + 2),
            client: Client::new(memory(), memory()),
            server: Server::new(connection, Patience::default()),
            endpoint,
            log: Log::default(),
            connections: 0,
            sent: Vec::new(),
            turns: 0,
        };
        network.turn(Instant::ZERO);
        network
    }

    /// Has the network do as `case` says from now on.
    pub(crate) fn suffer(&mut self, case: &Case) {
        let mut cable = self.cable.borrow_mut();
        cable.jitter = Duration::from_millis(case.jitter);
        cable.doubled = case.doubled;
        // One that loses does so with what passes either way, one that damages with what arrives.
        self.near.device.set_drop_chance(case.loss);
        self.near.device.set_corrupt_chance(case.damage);
        self.far.device.set_corrupt_chance(case.damage);
    }

    /// Polls everything once, at the next time at which something happens, but not after `limit`.
    fn turn(&mut self, limit: Instant) {
        self.turns += 1;
        assert!(self.turns < TURNS, "it came to no end at {}", self.now);
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
            socket.listen(PORT).expect("it is free");
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
        self.pass(Duration::from_millis(1)); // The reset goes out.
        self.connections += 1;
        self.sent.clear();
        self.client.reset();
        let socket = self.near.sockets.get_mut::<Socket<'_>>(self.near.socket);
        let context = self.near.interface.context();
        let connected = socket.connect(context, (ADDRESSES[1], PORT), 49152 + self.connections);
        connected.expect("it is free");
    }

    /// What ran that was sent on the present connection. What came before on others has been checked.
    fn ran(&self) -> Vec<&str> {
        let ours = format!("{}/", self.connections);
        let ran = self.log.ran.iter().map(String::as_str);
        ran.filter(|text| text.starts_with(&ours)).collect()
    }

    /// What ran is the beginning of what was sent.
    pub(crate) fn check_what_ran(&self) {
        let ran = self.ran();
        assert!(ran.len() <= self.sent.len(), "{ran:?}");
        assert_eq!(ran, self.sent[..ran.len()]);
    }

    /// A call from its beginning to its end, which comes by its deadline.
    fn call<Rsp: Answer>(
        &mut self,
        command: Command<Line, Rsp>,
        text: &str,
        poll: impl Fn(&mut Self) -> Poll<Result<(), Error<Lost>>>,
    ) -> Result<(), Error<Lost>> {
        let deadline = self.now + PATIENCE;
        let socket = self.near.sockets.get_mut(self.near.socket);
        self.client.call(command, text, socket, deadline)?;
        self.sent.push(text.to_owned());
        loop {
            if let Poll::Ready(result) = poll(self) {
                return result;
            }
            assert!(self.now < deadline, "it goes on after its deadline");
            self.turn(deadline);
        }
    }

    /// A call that is answered with what was sent, or fails.
    pub(crate) fn echo(&mut self, text: &str) -> Result<(), Error<Lost>> {
        let poll = |network: &mut Self| {
            let socket = network.near.sockets.get_mut(network.near.socket);
            let reply = network.client.poll_reply(ECHO, socket, network.now);
            reply.map_ok(|reply| assert_eq!(reply, text, "the reply to another call"))
        };
        self.call(ECHO, text, poll)?;
        assert_eq!(self.ran(), self.sent, "the reply is there, so all has run");
        Ok(())
    }

    pub(crate) fn note(&mut self, text: &str) -> Result<(), Error<Lost>> {
        self.call(NOTE, text, |network| {
            let socket = network.near.sockets.get_mut(network.near.socket);
            network.client.poll_sent(NOTE, socket, network.now)
        })
    }

    /// Calls, with numbers from `first` on, until one is answered; how long that took.
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

    /// The text of a request: told from that of every other, and of some length.
    pub(crate) fn text(&self, number: usize) -> String {
        let filler = "x".repeat(number * 37 % 120);
        format!("{}/{number} {filler}", self.connections)
    }
}
