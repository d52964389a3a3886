//! Every duration and size that a user sets, at 0, 1 and its maximum.

use bellwire::{Buffer, Limits, Next, Reply, ReplySent, RequestError, Route, ServerConnection};
use bellwire::{Command, Line, Service, Session, Step};
use bellwire_std::{Conn, Dialer, Endpoint, Listener, Network, Server, ServerLimits, dial};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::net::pair;
use bellwire_tests::running::{BUSY, Kind, each, rest, serve, serve_over_tls};
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

const NONE: Duration = Duration::ZERO;
const SHORTEST: Duration = Duration::from_nanos(1);
const FOREVER: Duration = Duration::MAX;

/// The fate of a request to a server with such a limit.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Served,
    /// It is told that the server is busy.
    Busy,
    /// Its connection ends, with the reply or without.
    Ends,
    /// The server does not run, and says so.
    Invalid(&'static str),
}

use Fate::{Busy, Ends, Invalid, Served};

type Row = (&'static str, fn(&mut ServerLimits), Fate);

#[rustfmt::skip]
const ROWS: [Row; 32] = [
    ("no connections",            |l| l.connections = 0,                         Busy),
    ("one connection",            |l| l.connections = 1,                         Served),
    ("any number of connections", |l| l.connections = usize::MAX,                Served),
    ("none from an address",      |l| l.connections_per_address = Some(0),       Busy),
    ("one from an address",       |l| l.connections_per_address = Some(1),       Served),
    ("any number from one",       |l| l.connections_per_address = Some(usize::MAX), Served),
    ("no idle time",              |l| l.idle = NONE,                             Invalid("the time limit `idle` is zero; use `Duration::MAX` for none")),
    ("hardly any idle time",      |l| l.idle = SHORTEST,                         Ends),
    ("any idle time",             |l| l.idle = FOREVER,                          Served),
    ("no time for a handshake",   |l| l.handshake = NONE,                        Invalid("the time limit `handshake` is zero; use `Duration::MAX` for none")),
    ("hardly any for one",        |l| l.handshake = SHORTEST,                    Served),
    ("any time for one",          |l| l.handshake = FOREVER,                     Served),
    ("no time for a request",     |l| l.request = NONE,                          Invalid("the time limit `request` is zero; use `Duration::MAX` for none")),
    ("hardly any for one",        |l| l.request = SHORTEST,                      Served),
    ("any time for one",          |l| l.request = FOREVER,                       Served),
    ("no time for replies",       |l| l.reply = NONE,                            Invalid("the time limit `reply` is zero; use `Duration::MAX` for none")),
    ("hardly any for them",       |l| l.reply = SHORTEST,                        Served),
    ("any time for them",         |l| l.reply = FOREVER,                         Served),
    ("no time to stop",           |l| l.stop = NONE,                             Served),
    ("hardly any to stop",        |l| l.stop = SHORTEST,                         Served),
    ("any time to stop",          |l| l.stop = FOREVER,                          Served),
    ("no receive buffer",         |l| l.receive_buffer = 0,                      Invalid("`receive_buffer` must be 64 to 1073741824 bytes, not 0")),
    ("a byte of one",             |l| l.receive_buffer = 1,                      Invalid("`receive_buffer` must be 64 to 1073741824 bytes, not 1")),
    ("the smallest one",          |l| l.receive_buffer = 64,                     Served),
    ("the largest there is",      |l| l.receive_buffer = usize::MAX,             Invalid("`receive_buffer` must be 64 to 1073741824 bytes, not ")),
    ("no transmit buffer",        |l| l.transmit_buffer = 0,                     Invalid("`transmit_buffer` must be 160 to 1073741824 bytes, not 0")),
    ("a byte of one",             |l| l.transmit_buffer = 1,                     Invalid("`transmit_buffer` must be 160 to 1073741824 bytes, not 1")),
    ("the smallest one",          |l| l.transmit_buffer = 160,                   Served),
    ("the largest there is",      |l| l.transmit_buffer = usize::MAX,            Invalid("`transmit_buffer` must be 160 to 1073741824 bytes, not ")),
    ("no bytes in flight",        |l| l.bytes_in_flight = 0,                     Served),
    ("one in flight",             |l| l.bytes_in_flight = 1,                     Served),
    ("any number of them",        |l| l.bytes_in_flight = usize::MAX,            Served),
];

#[test]
fn each_limit_of_a_server_at_0_1_and_its_maximum_serves_or_refuses() {
    each(|kind| {
        for (name, limit, fate) in ROWS {
            println!("{name}: {fate:?}");
            if let Invalid(sentence) = fate {
                let error = run(kind, limit).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                assert!(error.to_string().starts_with(sentence), "{error}");
                continue;
            }
            let mut server = serve(kind, limit);
            let answer = server.answer("STRING\nhi\n");
            match fate {
                Served => assert_eq!(answer, "Thank you.\n"),
                Busy => assert_eq!(answer, BUSY),
                _ => assert!(["Thank you.\n", ""].contains(&&*answer), "{answer}"),
            }
            // It stops with a connection open.
            let _idle = server.connect();
            server.stop();
        }
    });
}

/// Runs a server that is not expected to run.
fn run(kind: Kind, limit: fn(&mut ServerLimits)) -> io::Result<()> {
    let endpoint = Endpoint::new();
    if kind == Kind::Threads {
        let mut server = Server::bind("127.0.0.1:0", endpoint)?;
        limit(&mut server.limits);
        return server.run();
    }
    let mut server = bellwire_std::tokio::Server::bind("127.0.0.1:0", endpoint)?;
    limit(&mut server.limits);
    match kind {
        Kind::Workers => server.run_on_threads(2),
        _ => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(server.run()),
    }
}

/// Cause: `Instant + Duration::MAX` panicked in every connection and in the stop.
#[test]
fn a_server_without_any_limit_serves_and_stops() {
    fn unlimited(limits: &mut ServerLimits) {
        limits.connections = usize::MAX;
        limits.connections_per_address = Some(usize::MAX);
        limits.bytes_in_flight = usize::MAX;
        for time in [
            &mut limits.idle,
            &mut limits.handshake,
            &mut limits.request,
            &mut limits.reply,
            &mut limits.stop,
        ] {
            *time = FOREVER;
        }
    }
    each(|kind| {
        let mut server = serve(kind, unlimited);
        let mut stream = server.connect();
        stream.write_all(b"STRI").unwrap();
        assert!(server.is_well());
        // Replies that have to wait for room.
        let long = server.answer("LONG\n".repeat(8000));
        assert_eq!(long.len(), 8_000_000);
        stream.write_all(b"NG\nhi\n").unwrap();
        server.stop();
        assert_eq!(rest(&mut stream), "Thank you.\n");

        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), unlimited);
        let conn = dial(server.address, FOREVER).unwrap();
        let mut conn = authority.connector(None).connect(conn, HOST).unwrap();
        conn.write_all(b"STRING\nhi\n").unwrap();
        conn.close_write().unwrap();
        let mut reply = String::new();
        conn.read_to_string(&mut reply).unwrap();
        assert_eq!(reply, "Thank you.\n");
    });
}

#[test]
fn a_server_runs_on_1_to_1024_threads() {
    for threads in [0, 1025, usize::MAX] {
        let endpoint = Endpoint::new();
        let server = bellwire_std::tokio::Server::bind("127.0.0.1:0", endpoint).unwrap();
        let error = server.run_on_threads(threads).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let sentence = format!("{threads} threads; a server runs on 1 to 1024");
        assert_eq!(error.to_string(), sentence);
    }
}

#[test]
fn each_time_of_a_dialer_at_0_1_and_its_maximum_connects_or_times_out() {
    type Row = (&'static str, fn(Dialer) -> Dialer, bool);
    #[rustfmt::skip]
    let rows: [Row; 10] = [
        ("no time-out at all",     |d| d.timeout(NONE),                   false),
        ("any time-out",           |d| d.timeout(FOREVER),                true),
        ("a deadline now",         |d| d.deadline(Instant::now()),        false),
        ("a deadline far away",    |d| d.deadline(far_away()),            true),
        ("no fallback delay",      |d| d.fallback_delay(Some(NONE)),      true),
        ("hardly any",             |d| d.fallback_delay(Some(SHORTEST)),  true),
        ("any fallback delay",     |d| d.fallback_delay(Some(FOREVER)),   true),
        ("no time to keep alive",  |d| d.keep_alive(Some(NONE)),          true),
        ("hardly any",             |d| d.keep_alive(Some(SHORTEST)),      true),
        ("any time to keep alive", |d| d.keep_alive(Some(FOREVER)),       true),
    ];
    let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
    let port = listener.local_addr().tcp().unwrap().port();
    // Of three addresses the last answers, so that delays and turns are worked out.
    let resolver = |_: &str| {
        let addresses = ["127.0.0.9", "127.0.0.8", "127.0.0.1"];
        Ok(addresses.map(|ip| ip.parse().unwrap()).to_vec())
    };
    for (name, set, connects) in rows {
        let dialer = set(Dialer::new().resolver(resolver));
        match dialer.dial(Network::Tcp, &format!("bell.example:{port}")) {
            Ok(_) => assert!(connects, "{name}"),
            Err(error) => {
                assert!(!connects, "{name}: {error}");
                assert_eq!(error.kind(), ErrorKind::TimedOut, "{name}");
            }
        }
    }
    let too_short = dial(listener.local_addr(), NONE).unwrap_err();
    assert_eq!(too_short.kind(), ErrorKind::TimedOut);
}

/// About as late as an `Instant` can be.
fn far_away() -> Instant {
    let halves = (0..63).rev().map(|bit| Duration::from_secs(1 << bit));
    halves.fold(Instant::now(), |time, half| {
        time.checked_add(half).unwrap_or(time)
    })
}

#[test]
fn each_deadline_of_a_connection_now_and_far_away_passes_or_does_not() {
    type Row = (&'static str, fn(&mut Conn, Instant) -> io::Result<usize>);
    let rows: [Row; 2] = [
        ("a read", |conn, deadline| {
            conn.set_read_deadline(Some(deadline));
            conn.read(&mut [0; 8])
        }),
        ("a write", |conn, deadline| {
            conn.set_write_deadline(Some(deadline));
            conn.write(b"x")
        }),
    ];
    for (name, act) in rows {
        let (mut conn, mut peer) = pair();
        peer.write_all(b"x").unwrap();
        let passed = act(&mut conn, Instant::now()).unwrap_err();
        assert_eq!(passed.kind(), ErrorKind::TimedOut, "{name}");
        assert_eq!(act(&mut conn, far_away()).unwrap(), 1, "{name}");
    }
    for (bytes, deadline) in [
        (0, far_away()),
        (1, far_away()),
        (usize::MAX, Instant::now()),
    ] {
        let (mut conn, mut peer) = pair();
        peer.write_all(b"xxx").unwrap();
        conn.linger(bytes, deadline);
        assert_eq!(rest(&mut peer), "");
    }
    let (mut conn, peer) = pair();
    drop(peer);
    conn.linger(usize::MAX, far_away());
}

/// A service with one command, which gives back the text that it is sent.
struct Echo;

impl Service for Echo {
    fn find(&self, name: &[u8]) -> Option<Route> {
        const ECHO: Command<Line, Line> = Command::new("ECHO");
        (name == b"ECHO").then(|| ECHO.route(0))
    }

    fn call(&mut self, _index: usize, payload: &[u8], reply: Reply<'_>) -> ReplySent {
        let text = str::from_utf8(payload).unwrap().trim_end();
        reply.typed::<Line>().send(text)
    }

    fn rejected(&mut self, _rejection: &RequestError) {}
}

#[test]
fn each_limit_of_a_session_at_0_1_and_its_maximum_answers_or_refuses() {
    type Row = (&'static str, fn(&mut Limits), &'static str);
    const HI: &str = "ECHO\nhi\n";
    const WHOLE: &str = "hi\n";
    let name = "!too-large no line feed";
    let payload = "!too-large ECHO: ";
    let reply = "!failed ECHO: ";
    #[rustfmt::skip]
    let rows: [Row; 12] = [
        ("no name",            |l| l.name = 0,                                       name),
        ("a byte of a name",   |l| l.name = 1,                                       name),
        ("any name",           |l| l.name = usize::MAX,                              WHOLE),
        ("no payload",         |l| l.payload = 0,                                    payload),
        ("a byte of one",      |l| l.payload = 1,                                    payload),
        ("any payload",        |l| l.payload = usize::MAX,                           WHOLE),
        ("no reply",           |l| l.reply = 0,                                      reply),
        ("a byte of one",      |l| l.reply = 1,                                      reply),
        ("any reply",          |l| l.reply = usize::MAX,                             WHOLE),
        ("nothing to skip",    |l| { l.payload = 1; l.skip = 0; },                   payload),
        ("a byte to skip",     |l| { l.payload = 1; l.skip = 1; },                   payload),
        ("anything to skip",   |l| { l.payload = 1; l.skip = usize::MAX; },          payload),
    ];
    for (name, set, expected) in rows {
        let mut limits = Limits::for_buffers(256, 512);
        set(&mut limits);
        for step in [1, 3, HI.len()] {
            let (lent, alone) = (over_buffers(limits, HI, step), alone(limits, HI, step));
            for said in [lent, alone] {
                assert!(
                    said.starts_with(expected),
                    "{name}, {step} at a time: {said:?}"
                );
            }
        }
    }
    for size in [0, 1, usize::MAX] {
        let limits = Limits::for_buffers(size, size);
        assert!(limits.name <= 64 && limits.skip >= size, "{limits:?}");
    }
}

#[test]
fn a_connection_over_buffers_of_0_and_1_bytes_ends() {
    for (rx, tx) in [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (0, 512),
        (1, 512),
        (256, 0),
        (256, 1),
    ] {
        let (mut rx, mut tx) = (vec![0; rx], vec![0; tx]);
        let mut connection = ServerConnection::new(&mut rx, &mut tx);
        drive(&mut connection, "ECHO\nhi\n", 3);
    }
}

/// All that a connection with these limits says to `input`, given so many bytes at a time.
fn over_buffers(limits: Limits, input: &str, step: usize) -> String {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx).with_limits(limits);
    drive(&mut connection, input, step)
}

fn drive(connection: &mut ServerConnection<'_>, input: &str, step: usize) -> String {
    let mut pieces = input.as_bytes().chunks(step);
    let mut said = Vec::new();
    for _ in 0..100 {
        let next = connection.advance(&mut Echo);
        said.extend_from_slice(connection.pending());
        connection.sent(connection.pending().len());
        match next {
            Next::Close => return String::from_utf8(said).unwrap(),
            Next::Send => {}
            Next::Receive => match pieces.next() {
                Some(piece) => {
                    let space = connection.space();
                    let n = piece.len().min(space.len());
                    space[..n].copy_from_slice(&piece[..n]);
                    connection.received(n);
                }
                None => connection.end(),
            },
        }
    }
    panic!("it does not end");
}

/// The same of a session whose limits nobody lowers.
fn alone(limits: Limits, input: &str, step: usize) -> String {
    let mut session = Session::new(limits);
    let mut memory = [0; 512];
    let mut out = Buffer::new(&mut memory);
    let (mut said, mut shown) = (Vec::new(), 0);
    let mut rest = input.as_bytes();
    for _ in 0..100 {
        let mut seen = &rest[..shown.min(rest.len())];
        let before = seen.len();
        let next = session.next(&mut Echo, &mut seen, &mut out);
        let used = before - seen.len();
        let received = match next {
            Step::Close => true,
            Step::Receive if shown >= rest.len() => {
                session.end(seen, &mut Echo, &mut out);
                false
            }
            Step::Receive => {
                shown += step;
                false
            }
            Step::Send => false,
            Step::Request { index, payload } => {
                let answered = Echo.call(index, payload, session.reply(&mut out));
                session.answered(answered, &mut Echo, &mut out);
                false
            }
        };
        rest = &rest[used..];
        shown = shown.saturating_sub(used);
        said.extend_from_slice(out.filled());
        out.clear();
        if received {
            return String::from_utf8(said).unwrap();
        }
    }
    panic!("it does not end");
}
