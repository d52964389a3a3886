//! A server and a client over smoltcp and a network that loses, damages, doubles, delays and reorders
//! packets, by a clock that goes as fast as they can. `--nocapture` shows what came of each case.
//!
//! Whatever the network does, each call ends in its own reply or in an error by its deadline, what the
//! server runs on a connection is the beginning of what was sent on it, each request once and in
//! order, and what was answered was run. Once the network is well, a call is answered.

use bellwire::smoltcp::{Client, Lost, Patience, Server};
use bellwire::{Answer, Code, Command, Connection, Endpoint, Error, Fault, Line, NoReply};
use bellwire_tests::cable::{Cable, End};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::FaultInjector;
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::task::Poll;

const ECHO: Command<Line, Line> = Command::new("ECHO");
const NOTE: Command<Line, NoReply> = Command::new("NOTE");

/// What a network does, and how much of the traffic it lets through all the same.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// Percent of the packets that are lost, in each direction.
    loss: u8,
    /// Percent of the packets in which one bit is turned, in each direction.
    damage: u8,
    /// Percent of the packets that arrive twice.
    doubled: u8,
    /// Up to so many milliseconds more than others a packet is under way.
    jitter: u64,
    /// So many seconds without any packet, a third of the way.
    silence: u64,
    /// Bytes of each socket's buffers, and so of the windows.
    window: usize,
    /// Bytes of the longest packet.
    mtu: usize,
    /// So many percent of the calls must be answered.
    answered: usize,
}

const WELL: Case = Case {
    name: "nothing",
    loss: 0,
    damage: 0,
    doubled: 0,
    jitter: 0,
    silence: 0,
    window: 1024,
    mtu: 1500,
    answered: 100,
};

#[rustfmt::skip]
const CASES: &[Case] = &[
    WELL,
    Case { name: "loss 1 %", loss: 1, ..WELL },
    Case { name: "loss 5 %", loss: 5, ..WELL },
    Case { name: "loss 20 %", loss: 20, answered: 95, ..WELL },
    Case { name: "loss 40 %", loss: 40, answered: 50, ..WELL },
    Case { name: "loss 70 %", loss: 70, answered: 10, ..WELL },
    Case { name: "damage 5 %", damage: 5, ..WELL },
    Case { name: "damage 30 %", damage: 30, answered: 80, ..WELL },
    Case { name: "reordering", jitter: 50, ..WELL },
    Case { name: "reordering across seconds", jitter: 2500, ..WELL },
    Case { name: "doubles 50 %", doubled: 50, ..WELL },
    Case { name: "doubles 100 %, reordered", doubled: 100, jitter: 200, ..WELL },
    Case { name: "windows of 64", window: 64, ..WELL },
    Case { name: "windows of 100, loss 5 %", window: 100, loss: 5, ..WELL },
    Case { name: "windows of 200, reordering", window: 200, jitter: 50, ..WELL },
    Case { name: "packets of 68", mtu: 68, ..WELL },
    Case { name: "packets of 68, reordering", mtu: 68, jitter: 50, ..WELL },
    Case { name: "packets of 68, loss 20 %", mtu: 68, loss: 20, answered: 80, ..WELL },
    Case { name: "silence for 5 s", silence: 5, ..WELL },
    Case { name: "silence for 3 min", silence: 180, answered: 70, ..WELL },
    Case { name: "all at once", loss: 5, damage: 5, doubled: 20, jitter: 100, window: 100, mtu: 100, answered: 95, ..WELL },
    Case { name: "all at once, and worse", loss: 20, damage: 10, doubled: 20, jitter: 300, silence: 90, window: 64, mtu: 68, answered: 50 },
];

/// Each case is run with so many seeds.
const SEEDS: u64 = 8;

/// Calls in each run.
const CALLS: usize = 60;

/// How long the client waits for a reply.
const PATIENCE: Duration = Duration::from_secs(30);

/// Within so long of the end of all faults a call is answered: the server waits so long for a client
/// that is gone without its knowledge.
const RECOVERY: Duration = Duration::from_secs(60 + 5 + 5);

/// The client gives a connection up when so many calls in a row failed on it.
const FAILURES: usize = 3;

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
struct Log {
    ran: Vec<String>,
    rejected: Vec<Fault>,
}

/// What came of all the runs of a case.
#[derive(Default)]
struct Tally {
    done: usize,
    timed_out: usize,
    /// Calls that could not begin because a reply to an earlier one was under way.
    waiting: usize,
    /// Calls of which the server said that they came too slowly.
    refused: usize,
    lost: usize,
    connections: usize,
    packets: usize,
    overtaken: usize,
    seconds: u64,
    /// The most seconds until a call was answered after the end of all faults.
    recovery: u64,
}

impl Tally {
    fn count(&mut self, result: &Result<(), Error<Lost>>) {
        let count = match result {
            Ok(()) => &mut self.done,
            Err(Error::Fault(Fault::TimedOut)) => &mut self.timed_out,
            Err(Error::Fault(Fault::ReplyPending)) => &mut self.waiting,
            Err(Error::Refused(refusal)) if refusal.code == Code::TimedOut => &mut self.refused,
            Err(Error::Closed | Error::Transport(Lost)) => &mut self.lost,
            Err(error) => panic!("no network makes this error: {error}"),
        };
        *count += 1;
    }

    fn row(&self, name: &str) -> [String; 11] {
        [
            name.to_owned(),
            self.done.to_string(),
            self.timed_out.to_string(),
            self.waiting.to_string(),
            self.refused.to_string(),
            self.lost.to_string(),
            self.connections.to_string(),
            self.packets.to_string(),
            self.overtaken.to_string(),
            self.seconds.to_string(),
            self.recovery.to_string(),
        ]
    }
}

/// A network with a server of one socket, and a client.
struct Network {
    now: Instant,
    cable: Rc<RefCell<Cable>>,
    near: Host,
    far: Host,
    client: Client<'static>,
    server: Server<'static>,
    endpoint: Endpoint<Log, 2>,
    log: Log,
    connections: u16,
    /// The requests that were sent on the present connection.
    sent: Vec<String>,
    turns: usize,
}

impl Network {
    fn new(case: &Case, seed: u64) -> Self {
        let mut endpoint = Endpoint::new();
        endpoint
            .on_rejection(|log: &mut Log, rejection| log.rejected.push(rejection.fault.clone()));
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
    fn suffer(&mut self, case: &Case) {
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

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.turn(end);
        }
    }

    fn connect(&mut self) {
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
    fn check_what_ran(&self) {
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
    fn echo(&mut self, text: &str) -> Result<(), Error<Lost>> {
        let poll = |network: &mut Self| {
            let socket = network.near.sockets.get_mut(network.near.socket);
            let reply = network.client.poll_reply(ECHO, socket, network.now);
            reply.map_ok(|reply| assert_eq!(reply, text, "the reply to another call"))
        };
        self.call(ECHO, text, poll)?;
        assert_eq!(self.ran(), self.sent, "the reply is there, so all has run");
        Ok(())
    }

    fn note(&mut self, text: &str) -> Result<(), Error<Lost>> {
        self.call(NOTE, text, |network| {
            let socket = network.near.sockets.get_mut(network.near.socket);
            network.client.poll_sent(NOTE, socket, network.now)
        })
    }

    /// Calls until one is answered; how long that took.
    fn recover(&mut self) -> Duration {
        let begun = self.now;
        for number in CALLS + 1.. {
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
    fn text(&self, number: usize) -> String {
        let filler = "x".repeat(number * 37 % 120);
        format!("{}/{number} {filler}", self.connections)
    }
}

/// Makes all the calls of a run, and checks what came of each.
fn run(case: &Case, seed: u64, tally: &mut Tally) {
    let mut network = Network::new(case, seed);
    network.suffer(case);
    network.connect();
    let mut failures = 0;
    for number in 1..=CALLS {
        if number == CALLS / 3 {
            network.cable.borrow_mut().silent_until =
                network.now + Duration::from_secs(case.silence);
        }
        let text = network.text(number);
        let result = match number % 4 {
            3 => network.note(&text),
            _ => network.echo(&text),
        };
        network.check_what_ran();
        tally.count(&result);
        failures = if result.is_ok() { 0 } else { failures + 1 };
        if let Err(error) = result {
            network.pass(Duration::from_secs(1));
            let over = matches!(error, Error::Closed | Error::Transport(_));
            if over || failures == FAILURES {
                network.connect();
                failures = 0;
            }
        }
    }
    tally.seconds += network.now.secs().unsigned_abs();
    network.suffer(&WELL);
    let recovery = network.recover();
    assert!(recovery <= RECOVERY, "it took {recovery} to recover");
    tally.recovery = tally.recovery.max(recovery.secs());
    network.check_what_ran();
    let timed_out = |fault: &Fault| matches!(fault, Fault::TimedOut);
    let rejected = &network.log.rejected;
    assert!(rejected.iter().all(timed_out), "{rejected:?}");
    let different: HashSet<_> = network.log.ran.iter().collect();
    assert_eq!(
        different.len(),
        network.log.ran.len(),
        "{:?}",
        network.log.ran
    );
    let cable = network.cable.borrow();
    tally.connections += usize::from(network.connections);
    tally.packets += cable.sent;
    tally.overtaken += cable.overtaken;
}

#[test]
fn whatever_a_network_does_each_call_ends_and_what_runs_is_what_was_sent() {
    let all = CALLS * usize::try_from(SEEDS).expect("few");
    println!("{all} calls in each case, {SEEDS} runs with different seeds");
    let columns = [
        "case",
        "done",
        "timed out",
        "waiting",
        "too slow",
        "lost",
        "dialled",
        "packets",
        "overtaken",
        "seconds",
        "recovered",
    ];
    print_row(columns.map(String::from));
    for case in CASES {
        let mut tally = Tally::default();
        for seed in 0..SEEDS {
            run(case, seed, &mut tally);
        }
        print_row(tally.row(case.name));
        let answered = tally.done * 100 / all;
        let name = case.name;
        assert!(
            answered >= case.answered,
            "{name}: {answered} % were answered"
        );
    }
}

fn print_row(cells: [String; 11]) {
    let [name, rest @ ..] = cells;
    let rest = rest.map(|cell| format!("{cell:>11}"));
    println!("{name:<26}{}", rest.concat());
}
