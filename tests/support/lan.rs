//! A server and raw peers on one smoltcp interface, with a simulated clock.

pub use crate::bad_input::BUFFER;

use crate::arrived::Arrived;
use bellwire::smoltcp::{ConnectionLost, Server, Timeouts};
use bellwire::topics::{Published, Subscriptions};
use bellwire::{Command, Endpoint, Line, NoReply, Postcard, ServerConnection, Topic};
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Loopback, Medium, TxToken};
use smoltcp::socket::tcp::{RecvError, Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpProtocol, Ipv4Address};
use smoltcp::wire::{Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber};
use std::collections::HashMap;
use std::task::Poll;

/// A line, answered with `Thank you.`
pub const STRING: Command<Line, Line> = Command::new("STRING");
/// A number, answered with its double.
pub const DOUBLE: Command<Postcard<i64>, Postcard<i64>> = Command::new("DOUBLE");
/// A line without a reply.
pub const NOTE: Command<Line, NoReply> = Command::new("NOTE");
/// A number, published by [`Lan::publish`].
pub const TICK: Topic<Postcard<u32>> = Topic::new("TICK");

const ADDRESS: IpAddress = IpAddress::v4(127, 0, 0, 1);
const PORT: u16 = 61000;

/// An upper bound for the polls of one wait.
const POLLS: usize = 2_000_000;

/// One interface with a server of several sockets, and with peers whose sockets the tests drive.
#[allow(missing_debug_implementations)] // smoltcp's interface has none
pub struct Lan {
    interface: Interface,
    device: Busy,
    sockets: SocketSet<'static>,
    servers: Vec<(SocketHandle, Server<'static, Subscriptions<1>>)>,
    endpoint: Endpoint<Log, 5>,
    next_port: u16,
    /// The bytes that peers received and a test has not read.
    inboxes: HashMap<Peer, Vec<u8>>,
    /// The time of the simulated clock.
    pub now: Instant,
    /// The server's log.
    pub log: Log,
}

/// A loopback device that can be busy.
struct Busy {
    loopback: Loopback,
    /// The number of packets that it will refuse.
    refusals: usize,
}

impl Device for Busy {
    type RxToken<'a> = <Loopback as Device>::RxToken<'a>;
    type TxToken<'a> = <Loopback as Device>::TxToken<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        self.loopback.capabilities()
    }

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        self.loopback.receive(now)
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        if let Some(left) = self.refusals.checked_sub(1) {
            self.refusals = left;
            return None;
        }
        self.loopback.transmit(now)
    }
}

/// The lines, rejections and ends of conversations that the server saw.
#[derive(Debug, Default)]
pub struct Log {
    /// The values that arrived with STRING, POSTCARD and GOB.
    pub arrived: Arrived,
    /// The lines that arrived with STRING and NOTE.
    pub lines: Vec<String>,
    /// The rejections of requests.
    pub rejections: Vec<String>,
    /// The results of the conversations.
    pub ends: Vec<Result<(), ConnectionLost>>,
}

/// A socket that a test drives.
pub type Peer = SocketHandle;

impl Lan {
    /// Creates a server with `count` listening sockets.
    pub fn with_sockets(count: usize) -> Self {
        let mut endpoint = Endpoint::new();
        endpoint
            .on_rejection(|log: &mut Log, rejection| log.rejections.push(rejection.to_string()));
        let thank = endpoint.handle(STRING, &|log, text, reply| {
            log.lines.push(text.to_owned());
            commands::string(&mut log.arrived, text, reply)
        });
        let postcard = endpoint.handle(commands::POSTCARD, &|log, data, reply| {
            commands::postcard(&mut log.arrived, data, reply)
        });
        let gob = endpoint.handle(commands::GOB, &|log, data, reply| {
            commands::gob(&mut log.arrived, data, reply)
        });
        let double = endpoint.handle(DOUBLE, &|_, n, reply| reply.send(&(2 * n)));
        let note = endpoint.handle(NOTE, &|log, text, reply| {
            log.lines.push(text.to_owned());
            reply.none()
        });
        let all = thank.and(postcard).and(gob).and(double).and(note);
        all.expect("room for all commands");

        let mut device = Busy {
            loopback: Loopback::new(Medium::Ip),
            refusals: 0,
        };
        let now = Instant::ZERO;
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, now);
        interface.update_ip_addrs(|all| {
            all.push(IpCidr::new(ADDRESS, 8))
                .expect("room for one address");
        });
        let mut sockets = SocketSet::new(Vec::new());
        let servers = (0..count).map(|_| {
            let connection = ServerConnection::new(vec![0; BUFFER].leak(), vec![0; BUFFER].leak())
                .with_topics([TICK.name()]);
            (
                sockets.add(socket()),
                Server::new(connection, Timeouts::default()),
            )
        });
        let servers = servers.collect();
        let mut lan = Self {
            interface,
            device,
            sockets,
            servers,
            endpoint,
            next_port: 49152,
            inboxes: HashMap::new(),
            now,
            log: Log::default(),
        };
        lan.tick(); // makes each socket listen
        lan.log.ends.clear();
        lan
    }

    /// Connects a new peer to the server and waits for the handshake.
    pub fn connect(&mut self) -> Peer {
        self.connect_to(PORT)
    }

    /// Connects a new peer to `port` and waits for the handshake or a refusal.
    pub fn connect_to(&mut self, port: u16) -> Peer {
        let peer = self.begin_to_connect(port);
        self.until(|lan| lan.socket(peer).state() != State::SynSent);
        self.pass(Duration::from_millis(1));
        peer
    }

    /// Begins to connect a new peer to `port`, without a wait.
    pub fn begin_to_connect(&mut self, port: u16) -> Peer {
        let peer = self.sockets.add(socket());
        self.next_port += 1;
        let socket = self.sockets.get_mut::<Socket<'_>>(peer);
        socket
            .connect(self.interface.context(), (ADDRESS, port), self.next_port)
            .expect("a free port");
        peer
    }

    /// Sends the server a SYN from an unused address.
    pub fn forge_syn(&mut self) {
        let (from, to) = (Ipv4Address::new(127, 0, 0, 9), Ipv4Address::LOCALHOST);
        let tcp = TcpRepr {
            src_port: 1234,
            dst_port: PORT,
            control: TcpControl::Syn,
            seq_number: TcpSeqNumber(1),
            ack_number: None,
            window_len: 1000,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: &[],
        };
        let ip = Ipv4Repr {
            src_addr: from,
            dst_addr: to,
            next_header: IpProtocol::Tcp,
            payload_len: tcp.buffer_len(),
            hop_limit: 64,
        };
        let sums = ChecksumCapabilities::default();
        let token = self
            .device
            .transmit(self.now)
            .expect("a loopback without a limit");
        token.consume(ip.buffer_len() + tcp.buffer_len(), |packet| {
            let (head, body) = packet.split_at_mut(ip.buffer_len());
            ip.emit(&mut Ipv4Packet::new_unchecked(head), &sums);
            let body = &mut TcpPacket::new_unchecked(body);
            tcp.emit(body, &from.into(), &to.into(), &sums);
        });
    }

    /// Creates a peer that listens on `port`, which must not be the server's port.
    pub fn listen(&mut self, port: u16) -> Peer {
        let peer = self.sockets.add(socket());
        self.socket(peer).listen(port).expect("a new socket");
        peer
    }

    /// Returns a peer's socket.
    pub fn socket(&mut self, peer: Peer) -> &mut Socket<'static> {
        self.sockets.get_mut(peer)
    }

    /// Returns the number of the server's sockets that listen.
    pub fn listening(&self) -> usize {
        let handles = self.servers.iter().map(|(handle, _)| *handle);
        handles
            .filter(|handle| self.sockets.get::<Socket<'_>>(*handle).is_listening())
            .count()
    }

    /// Sends all of `bytes` from `peer`. Keeps the bytes that arrive meanwhile for a later read.
    pub fn send(&mut self, peer: Peer, mut bytes: &[u8]) {
        self.until(|lan| {
            let _end = lan.receive(peer);
            let sent = lan.socket(peer).send_slice(bytes).unwrap_or(bytes.len());
            bytes = &bytes[sent..];
            bytes.is_empty()
        });
    }

    /// Sends from `peer` as much of `bytes` as its socket takes within a minute. Receives nothing.
    pub fn push(&mut self, peer: Peer, mut bytes: &[u8]) {
        let end = self.now + Duration::from_secs(60);
        self.until(|lan| {
            let sent = lan.socket(peer).send_slice(bytes).unwrap_or(0);
            bytes = &bytes[sent..];
            lan.now >= end
        });
    }

    /// Returns the bytes that `peer` receives up to the end of the stream.
    pub fn read_to_end(&mut self, peer: Peer) -> String {
        self.until(|lan| match lan.receive(peer) {
            Ok(()) => false,
            Err(end) => {
                assert_eq!(end, RecvError::Finished, "the log is {:?}", lan.log);
                true
            }
        });
        self.inbox(peer)
    }

    /// Waits until `peer` has received `count` bytes, and returns all that it received.
    pub fn read(&mut self, peer: Peer, count: usize) -> String {
        self.until(|lan| {
            lan.receive(peer).expect("an open stream");
            lan.inboxes[&peer].len() >= count
        });
        self.inbox(peer)
    }

    /// Takes up to `count` bytes from the socket of `peer` and keeps them for a later read.
    pub fn read_some(&mut self, peer: Peer, count: usize) {
        let mut bytes = vec![0; count];
        let count = self.socket(peer).recv_slice(&mut bytes).unwrap_or(0);
        let inbox = self.inboxes.entry(peer).or_default();
        inbox.extend_from_slice(&bytes[..count]);
    }

    /// Connects a new peer, sends `request`, closes the sending side, and returns the whole reply.
    pub fn talk(&mut self, request: impl AsRef<[u8]>) -> String {
        let peer = self.connect();
        self.send(peer, request.as_ref());
        self.socket(peer).close();
        self.read_to_end(peer)
    }

    /// Publishes a number on each socket of the server. Returns how many were queued and how many lost.
    pub fn publish(&mut self, number: u32) -> (usize, usize) {
        let (mut queued, mut lost) = (0, 0);
        for (_, server) in &mut self.servers {
            match server.publish(TICK, &number) {
                Published::NotSubscribed => {}
                Published::Queued => queued += 1,
                Published::Lost => lost += 1,
            }
        }
        (queued, lost)
    }

    /// Returns the time at which the server's next time limit expires.
    pub fn due(&self) -> Option<Instant> {
        let limits = self.servers.iter();
        limits.filter_map(|(_, server)| server.poll_at()).min()
    }

    /// Polls everything for `time`.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.until(|lan| lan.now >= end);
    }

    /// Polls everything for `time` while every packet is lost.
    pub fn pass_in_silence(&mut self, time: Duration) {
        let end = self.now + time;
        self.until(|lan| {
            while lan.device.receive(lan.now).is_some() {}
            lan.now >= end
        });
    }

    /// Sets the clock to the server's next time limit and polls everything once.
    pub fn poll_when_due(&mut self) {
        self.now = self.due().expect("a time limit");
        self.tick();
    }

    /// Polls everything until `done` returns true.
    pub fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..POLLS {
            if done(self) {
                return;
            }
            self.tick();
        }
        panic!("the wait did not end; the log is {:?}", self.log);
    }

    /// Polls everything once while the device refuses `refusals` packets.
    pub fn poll_while_busy(&mut self, refusals: usize) {
        self.device.refusals = refusals;
        self.tick();
        assert_eq!(
            self.device.refusals, 0,
            "fewer packets were sent than the device had to refuse"
        );
    }

    /// Polls everything once. Advances the clock by 10 µs after activity, else by 5 ms.
    fn tick(&mut self) {
        let moved = self
            .interface
            .poll(self.now, &mut self.device, &mut self.sockets);
        for (handle, server) in &mut self.servers {
            let socket = self.sockets.get_mut::<Socket<'_>>(*handle);
            let mut ends = Vec::new();
            let mut service = self.endpoint.with(&mut self.log);
            if let Poll::Ready(end) = server.poll(socket, &mut service, self.now) {
                socket.listen(PORT).expect("a free socket");
                ends.push(end);
            }
            drop(service);
            self.log.ends.extend(ends);
        }
        self.now += match moved {
            PollResult::SocketStateChanged => Duration::from_micros(10),
            PollResult::None => Duration::from_millis(5),
        };
    }

    /// Moves the bytes that arrived for `peer` to its inbox.
    fn receive(&mut self, peer: Peer) -> Result<(), RecvError> {
        let inbox = self.inboxes.entry(peer).or_default();
        let socket = self.sockets.get_mut::<Socket<'_>>(peer);
        if matches!(socket.state(), State::SynSent | State::SynReceived) {
            return Ok(());
        }
        socket.recv(|bytes| {
            inbox.extend_from_slice(bytes);
            (bytes.len(), ())
        })
    }

    fn inbox(&mut self, peer: Peer) -> String {
        let bytes = self.inboxes.remove(&peer).unwrap_or_default();
        String::from_utf8(bytes).expect("replies in UTF-8")
    }
}

fn socket() -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; BUFFER]);
    Socket::new(buffer(), buffer())
}
