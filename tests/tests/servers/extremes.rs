//! Every duration and size that users can set, at 0, 1 and its maximum.

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

/// The result of a request to a server with a certain limit.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Served,
    /// The client gets the error "busy".
    Busy,
    /// The connection ends, with or without a reply.
    Ends,
    /// The server does not run, and returns this error.
    Invalid(&'static str),
}

use Fate::{Busy, Ends, Invalid, Served};

type Row = (&'static str, fn(&mut ServerLimits), Fate);

#[rustfmt::skip]
const ROWS: [Row; 32] = [
    ("connections 0",             |l| l.connections = 0,                         Busy),
    ("connections 1",             |l| l.connections = 1,                         Served),
    ("connections maximum",       |l| l.connections = usize::MAX,                Served),
    ("connections_per_address 0", |l| l.connections_per_address = Some(0),       Busy),
    ("connections_per_address 1", |l| l.connections_per_address = Some(1),       Served),
    ("connections_per_address maximum", |l| l.connections_per_address = Some(usize::MAX), Served),
    ("idle_timeout zero",         |l| l.idle_timeout = NONE,                     Invalid("the time limit `idle_timeout` is zero; use `Duration::MAX` for none")),
    ("idle_timeout 1 ns",         |l| l.idle_timeout = SHORTEST,                 Ends),
    ("idle_timeout maximum",      |l| l.idle_timeout = FOREVER,                  Served),
    ("handshake_timeout zero",    |l| l.handshake_timeout = NONE,                Invalid("the time limit `handshake_timeout` is zero; use `Duration::MAX` for none")),
    ("handshake_timeout 1 ns",    |l| l.handshake_timeout = SHORTEST,            Served),
    ("handshake_timeout maximum", |l| l.handshake_timeout = FOREVER,             Served),
    ("request_timeout zero",      |l| l.request_timeout = NONE,                  Invalid("the time limit `request_timeout` is zero; use `Duration::MAX` for none")),
    ("request_timeout 1 ns",      |l| l.request_timeout = SHORTEST,              Served),
    ("request_timeout maximum",   |l| l.request_timeout = FOREVER,               Served),
    ("reply_timeout zero",        |l| l.reply_timeout = NONE,                    Invalid("the time limit `reply_timeout` is zero; use `Duration::MAX` for none")),
    ("reply_timeout 1 ns",        |l| l.reply_timeout = SHORTEST,                Served),
    ("reply_timeout maximum",     |l| l.reply_timeout = FOREVER,                 Served),
    ("stop_timeout zero",         |l| l.stop_timeout = NONE,                     Served),
    ("stop_timeout 1 ns",         |l| l.stop_timeout = SHORTEST,                 Served),
    ("stop_timeout maximum",      |l| l.stop_timeout = FOREVER,                  Served),
    ("receive_buffer 0",          |l| l.receive_buffer = 0,                      Invalid("`receive_buffer` must be 64 to 1073741824 bytes, not 0")),
    ("receive_buffer 1",          |l| l.receive_buffer = 1,                      Invalid("`receive_buffer` must be 64 to 1073741824 bytes, not 1")),
    ("receive_buffer 64",         |l| l.receive_buffer = 64,                     Served),
    ("receive_buffer maximum",    |l| l.receive_buffer = usize::MAX,             Invalid("`receive_buffer` must be 64 to 1073741824 bytes, not ")),
    ("transmit_buffer 0",         |l| l.transmit_buffer = 0,                     Invalid("`transmit_buffer` must be 160 to 1073741824 bytes, not 0")),
    ("transmit_buffer 1",         |l| l.transmit_buffer = 1,                     Invalid("`transmit_buffer` must be 160 to 1073741824 bytes, not 1")),
    ("transmit_buffer 160",       |l| l.transmit_buffer = 160,                   Served),
    ("transmit_buffer maximum",   |l| l.transmit_buffer = usize::MAX,            Invalid("`transmit_buffer` must be 160 to 1073741824 bytes, not ")),
    ("bytes_in_flight 0",         |l| l.bytes_in_flight = 0,                     Served),
    ("bytes_in_flight 1",         |l| l.bytes_in_flight = 1,                     Served),
    ("bytes_in_flight maximum",   |l| l.bytes_in_flight = usize::MAX,            Served),
];

#[test]
fn each_server_limit_at_0_1_and_maximum_serves_or_is_an_error() {
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
            // The server stops although a connection is open.
            let _idle = server.connect();
            server.stop();
        }
    });
}

/// Runs a server that should return an error.
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
fn a_server_with_all_limits_at_maximum_serves_and_stops() {
    fn unlimited(limits: &mut ServerLimits) {
        limits.connections = usize::MAX;
        limits.connections_per_address = Some(usize::MAX);
        limits.bytes_in_flight = usize::MAX;
        for time in [
            &mut limits.idle_timeout,
            &mut limits.handshake_timeout,
            &mut limits.request_timeout,
            &mut limits.reply_timeout,
            &mut limits.stop_timeout,
        ] {
            *time = FOREVER;
        }
    }
    each(|kind| {
        let mut server = serve(kind, unlimited);
        let mut stream = server.connect();
        stream.write_all(b"STRI").unwrap();
        assert!(server.is_well());
        // These replies exceed the send buffer.
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
fn thread_counts_outside_1_to_1024_are_errors() {
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
fn each_dialer_time_at_0_1_and_maximum_connects_or_times_out() {
    type Row = (&'static str, fn(Dialer) -> Dialer, bool);
    #[rustfmt::skip]
    let rows: [Row; 10] = [
        ("timeout zero",           |d| d.timeout(NONE),                   false),
        ("timeout maximum",        |d| d.timeout(FOREVER),                true),
        ("deadline now",           |d| d.deadline(Instant::now()),        false),
        ("deadline far away",      |d| d.deadline(far_away()),            true),
        ("fallback_delay zero",    |d| d.fallback_delay(Some(NONE)),      true),
        ("fallback_delay 1 ns",    |d| d.fallback_delay(Some(SHORTEST)),  true),
        ("fallback_delay maximum", |d| d.fallback_delay(Some(FOREVER)),   true),
        ("keep_alive zero",        |d| d.keep_alive(Some(NONE)),          true),
        ("keep_alive 1 ns",        |d| d.keep_alive(Some(SHORTEST)),      true),
        ("keep_alive maximum",     |d| d.keep_alive(Some(FOREVER)),       true),
    ];
    let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
    let port = listener.local_addr().tcp().unwrap().port();
    // Only the last of three addresses answers, so the dialer computes delays and turns.
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

/// Returns nearly the latest possible `Instant`.
fn far_away() -> Instant {
    let halves = (0..63).rev().map(|bit| Duration::from_secs(1 << bit));
    halves.fold(Instant::now(), |time, half| {
        time.checked_add(half).unwrap_or(time)
    })
}

#[test]
fn deadlines_now_pass_and_deadlines_far_away_do_not() {
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

/// A service with one command that returns its text.
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
fn each_session_limit_at_0_1_and_maximum_answers_or_is_an_error() {
    type Row = (&'static str, fn(&mut Limits), &'static str);
    const HI: &str = "ECHO\nhi\n";
    const WHOLE: &str = "hi\n";
    let name = "!too-large command line exceeds";
    let payload = "!too-large ECHO: ";
    let reply = "!failed ECHO: ";
    #[rustfmt::skip]
    let rows: [Row; 12] = [
        ("name 0",             |l| l.name = 0,                                       name),
        ("name 1",             |l| l.name = 1,                                       name),
        ("name maximum",       |l| l.name = usize::MAX,                              WHOLE),
        ("payload 0",          |l| l.payload = 0,                                    payload),
        ("payload 1",          |l| l.payload = 1,                                    payload),
        ("payload maximum",    |l| l.payload = usize::MAX,                           WHOLE),
        ("reply 0",            |l| l.reply = 0,                                      reply),
        ("reply 1",            |l| l.reply = 1,                                      reply),
        ("reply maximum",      |l| l.reply = usize::MAX,                             WHOLE),
        ("skip 0",             |l| { l.payload = 1; l.skip = 0; },                   payload),
        ("skip 1",             |l| { l.payload = 1; l.skip = 1; },                   payload),
        ("skip maximum",       |l| { l.payload = 1; l.skip = usize::MAX; },          payload),
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

/// Returns the whole output of a connection with these limits, given `input` in pieces of `step` bytes.
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
    panic!("the connection does not end");
}

/// Does the same with a session, whose limits are not lowered to its buffers.
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
    panic!("the session does not end");
}
