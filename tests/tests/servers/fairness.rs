//! The service that other connections get beside a flood. Turns are counted, not time: the server
//! has one thread, and all bytes are in the system's buffers before the server reads them.

use super::sent::{Sent, Writes};
use bellwire::{Command, Line, NoReply, Topic};
use bellwire_std::{Endpoint, Publisher};
use bellwire_tests::running::{PATIENCE, answer, line};
use metrics::{CounterFn, with_local_recorder};
use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;

const FLOODS: usize = 4;

const TRICKLE: Command<Line, Line> = Command::new("TRICKLE");

/// A command without reply, so that only the server limits the flood.
const FLOOD: Command<Line, NoReply> = Command::new("FLOOD");

/// A connection that has filled the system's buffers with these requests.
fn flood(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let (size, mut sent) = (request.len(), 0);
    stream.set_nonblocking(true).unwrap();
    // Writes whole requests only, however much the system accepts at a time.
    let many = request.repeat(16384 / size);
    loop {
        match stream.write(&many.as_bytes()[sent % size..]) {
            Ok(n) => sent += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(sent > 1 << 20, "the system's buffers hold {sent} bytes");
    stream
}

/// Cause: a connection whose requests kept coming could take all the time of the others.
#[test]
fn a_flood_gets_at_most_one_turn_before_other_connections() {
    // A turn ends with 8 KiB, plus as many in a read beyond it.
    shares(249, 2 * 8192 / 256, Flooded::AtOnce);
}

/// Cause: a turn of 8 KiB was eight hundred requests.
#[test]
fn a_flood_of_short_requests_gets_at_most_one_turn() {
    shares(1, 2 * 128, Flooded::AtOnce);
}

/// Cause: such requests were not counted in a turn, and were answered without a pause for others.
#[test]
fn a_flood_to_a_ready_async_handler_gets_at_most_one_turn() {
    shares(1, 2 * 128, Flooded::Ready);
}

#[test]
fn a_flood_to_an_async_handler_ready_on_second_poll_gets_at_most_one_turn() {
    shares(1, 2 * 128, Flooded::PolledAgain);
}

/// Each reply exceeds the transmit buffer, and a turn of 8 KiB holds over a thousand of these requests.
#[test]
fn a_flood_of_help_requests_gets_at_most_one_turn() {
    shares(0, 2 * 128, Flooded::Help);
}

/// How the requests of a flood are handled.
#[derive(Clone, Copy)]
enum Flooded {
    /// By the server itself, with a long `HELP`. Its writes are counted.
    Help,
    AtOnce,
    /// By a future that is ready when first polled.
    Ready,
    /// By a future that is ready when polled the second time, without waiting for anything.
    PolledAgain,
}

/// Runs floods of requests with texts of `size` bytes beside a trickle. Between two requests of the trickle,
/// each flood may have at most two turns of `turn` requests.
fn shares(size: usize, turn: usize, flooded_how: Flooded) {
    const ROUNDS: usize = 10;
    let endpoint = Arc::new(Endpoint::<()>::new());
    let mut server =
        bellwire_std::tokio::Server::bind("127.0.0.1:0", Arc::clone(&endpoint)).unwrap();
    let address = server.local_addr().tcp().unwrap();

    let mut request = format!("{}\n{}\n", FLOOD.name(), "x".repeat(size));
    let flooded = Arc::new(Writes::default());
    let count = Arc::clone(&flooded);
    let mut recorder = Sent(Arc::default());
    if matches!(flooded_how, Flooded::Help) {
        for number in 0..10 {
            let name = format!("COMMAND-{number}-{}", "x".repeat(100)).leak();
            let added = endpoint.handle(Command::<Line, NoReply>::new(name), |(), _, reply| {
                reply.none()
            });
            added.unwrap();
        }
        endpoint.describe(&[]);
        server.limits.transmit_buffer = 512;
        "HELP\n".clone_into(&mut request);
        recorder = Sent(count);
    } else if matches!(flooded_how, Flooded::AtOnce) {
        let handler = move |(): &mut (), _text: &str, reply: bellwire::Reply<'_, NoReply>| {
            count.increment(1);
            reply.none()
        };
        endpoint.handle(FLOOD, handler).unwrap();
    } else {
        let handler = move |(): &mut (), _text: &str| {
            count.increment(1);
            let mut ready = matches!(flooded_how, Flooded::Ready);
            poll_fn(move |_| {
                if !mem::replace(&mut ready, true) {
                    return Poll::Pending;
                }
                Poll::Ready(|reply: bellwire::Reply<'_, NoReply>| reply.none())
            })
        };
        endpoint.handle_async(FLOOD, handler).unwrap();
    }
    let floods: Vec<_> = (0..FLOODS).map(|_| flood(address, &request)).collect();

    // Each request waits for its connection's turn: the handler of one connection sends the next
    // request of the other.
    let mut trickles = [(); 2].map(|()| TcpStream::connect(address).unwrap());
    trickles[0].write_all(b"TRICKLE\n0\n").unwrap();
    let senders = trickles
        .each_ref()
        .map(|stream| stream.try_clone().unwrap());
    let (senders, counts) = (Mutex::new(senders), Arc::new(Mutex::new(Vec::new())));
    let (count, seen) = (Arc::clone(&flooded), Arc::clone(&counts));
    let handler = move |(): &mut (), text: &str, reply: bellwire::Reply<'_, Line>| {
        let round = text.parse::<usize>().unwrap() + 1;
        seen.lock().unwrap().push(count.number());
        if round < ROUNDS {
            let request = format!("TRICKLE\n{round}\n");
            let sent = senders.lock().unwrap()[round % 2].write_all(request.as_bytes());
            sent.unwrap();
        }
        reply.send("Thank you.")
    };
    endpoint.handle(TRICKLE, handler).unwrap();

    let shutdown = server.shutdown_handle();
    let running =
        thread::spawn(move || with_local_recorder(&recorder, || server.run_on_threads(1)));
    for round in 0..ROUNDS {
        let trickle = &mut trickles[round % 2];
        trickle.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(line(trickle), "Thank you.\n");
    }
    drop((floods, trickles));
    shutdown.stop();
    running.join().unwrap().unwrap();

    let counts = counts.lock().unwrap();
    println!("requests of the floods seen by then: {counts:?}");
    let mut before = 0;
    for count in counts.iter() {
        // The connection's turn may just have passed when a request arrives, hence two turns.
        let most = FLOODS * 2 * turn;
        assert!(count - before <= most, "{} > {most}", count - before);
        before = *count;
    }
    assert!(before > ROUNDS * turn / 2, "the floods did not flow");
}

/// Publishes a value after each write of the server, on the server's own thread.
struct Publishes(Publisher<Line>);

impl CounterFn for Publishes {
    fn increment(&self, _bytes: u64) {
        self.0.publish("value").unwrap();
    }

    fn absolute(&self, _bytes: u64) {}
}

/// Cause: a turn counted the values that were due together. Those that became due one after the other had no end.
#[test]
fn values_that_keep_coming_get_at_most_one_turn() {
    const LOG: Topic<Line> = Topic::new("LOG");
    let endpoint = Arc::new(Endpoint::<()>::new());
    let echo = endpoint.handle(TRICKLE, |(), text, reply| reply.send(text));
    echo.unwrap();
    let log = endpoint.topic(LOG).unwrap();
    let server = bellwire_std::tokio::Server::bind("127.0.0.1:0", endpoint).unwrap();
    let (address, shutdown) = (server.local_addr().tcp().unwrap(), server.shutdown_handle());
    let recorder = Sent(Arc::new(Publishes(log)));
    let running =
        thread::spawn(move || with_local_recorder(&recorder, || server.run_on_threads(1)));

    let mut subscriber = TcpStream::connect(address).unwrap();
    subscriber.write_all(b"SUBSCRIBE\nLOG\n").unwrap();
    let mut reader = subscriber.try_clone().unwrap();
    let reading = thread::spawn(move || {
        let (mut bytes, mut piece) = (0, [0; 4096]);
        // The end is a reset, because the server still writes.
        while let Ok(n @ 1..) = reader.read(&mut piece) {
            bytes += n;
        }
        bytes
    });
    for _ in 0..10 {
        assert_eq!(answer(address, "TRICKLE\nhi\n"), "hi\n");
    }
    subscriber.shutdown(Shutdown::Both).unwrap();
    let bytes = reading.join().unwrap();
    assert!(bytes > 10_000, "nothing was published");
    shutdown.stop();
    running.join().unwrap().unwrap();
}
