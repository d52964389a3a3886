//! What a connection that always has more to say leaves to others. Turns are counted, not time: the
//! server has one thread, and all bytes wait in the system's buffers before it looks at them.

use bellwire::{Command, Line, NoReply};
use bellwire_std::Endpoint;
use bellwire_tests::running::{PATIENCE, line};
use std::future::poll_fn;
use std::io::{ErrorKind, Write};
use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;

const FLOODS: usize = 4;

/// Requests that are not answered, so that nothing but the server holds them up.
const FLOOD: Command<Line, NoReply> = Command::new("FLOOD");

/// A connection that has sent all that the system's buffers take, in requests of so many bytes.
fn flood(address: SocketAddr, size: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("{}\n{}\n", FLOOD.name(), "x".repeat(size - 7));
    assert_eq!(request.len(), size);
    let mut sent = 0;
    stream.set_nonblocking(true).unwrap();
    // Whole requests only, however much the system takes at a time.
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

/// Cause: a connection whose requests kept coming gave others no turn for as long as it liked.
#[test]
fn between_two_requests_of_a_trickle_no_flood_has_more_than_a_turn() {
    // A turn ends with 8 KiB, and a read of as many beyond.
    shares(256, 2 * 8192 / 256, Flooded::AtOnce);
}

/// Cause: a turn of 8 KiB was eight hundred requests.
#[test]
fn nor_has_a_flood_of_short_requests() {
    shares(8, 2 * 128, Flooded::AtOnce);
}

/// Cause: such requests were not counted in a turn, and answered without a pause for others.
#[test]
fn a_flood_for_an_async_handler_that_is_ready_at_once_has_no_more_than_a_turn() {
    shares(8, 2 * 128, Flooded::Ready);
}

#[test]
fn a_flood_for_an_async_handler_that_is_ready_when_polled_again_has_no_more_than_a_turn() {
    shares(8, 2 * 128, Flooded::PolledAgain);
}

/// How the requests of a flood are handled.
#[derive(Clone, Copy)]
enum Flooded {
    AtOnce,
    /// By a future that is ready.
    Ready,
    /// By a future that is ready the second time it is polled, without having waited for anything.
    PolledAgain,
}

/// Has floods of requests of so many bytes meet a trickle, which waits for at most so many of each
/// flood.
fn shares(size: usize, turn: usize, flooded_how: Flooded) {
    const TRICKLE: Command<Line, Line> = Command::new("TRICKLE");
    const ROUNDS: usize = 10;
    let endpoint = Arc::new(Endpoint::<()>::new());
    let server = bellwire_std::tokio::Server::bind("127.0.0.1:0", Arc::clone(&endpoint)).unwrap();
    let address = server.local_addr().tcp().unwrap();

    let flooded = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&flooded);
    if matches!(flooded_how, Flooded::AtOnce) {
        let handler = move |(): &mut (), _text: &str, reply: bellwire::Reply<'_, NoReply>| {
            count.fetch_add(1, Ordering::SeqCst);
            reply.none()
        };
        endpoint.handle(FLOOD, handler).unwrap();
    } else {
        let handler = move |(): &mut (), _text: &str| {
            count.fetch_add(1, Ordering::SeqCst);
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
    let floods: Vec<_> = (0..FLOODS).map(|_| flood(address, size)).collect();

    // Two connections, so that each request has to wait for its connection's turn: the handler of one
    // sends the other's next.
    let mut trickles = [(); 2].map(|()| TcpStream::connect(address).unwrap());
    trickles[0].write_all(b"TRICKLE\n0\n").unwrap();
    let senders = trickles
        .each_ref()
        .map(|stream| stream.try_clone().unwrap());
    let (senders, counts) = (Mutex::new(senders), Arc::new(Mutex::new(Vec::new())));
    let (count, seen) = (Arc::clone(&flooded), Arc::clone(&counts));
    let handler = move |(): &mut (), text: &str, reply: bellwire::Reply<'_, Line>| {
        let round = text.parse::<usize>().unwrap() + 1;
        seen.lock().unwrap().push(count.load(Ordering::SeqCst));
        if round < ROUNDS {
            let request = format!("TRICKLE\n{round}\n");
            let sent = senders.lock().unwrap()[round % 2].write_all(request.as_bytes());
            sent.unwrap();
        }
        reply.send("Thank you.")
    };
    endpoint.handle(TRICKLE, handler).unwrap();

    let stopper = server.shutdown_handle();
    let running = thread::spawn(move || server.run_on_threads(1).unwrap());
    for round in 0..ROUNDS {
        let trickle = &mut trickles[round % 2];
        trickle.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(line(trickle), "Thank you.\n");
    }
    drop((floods, trickles));
    stopper.stop();
    running.join().unwrap();

    let counts = counts.lock().unwrap();
    println!("requests of the floods seen by then: {counts:?}");
    let mut before = 0;
    for count in counts.iter() {
        // Its connection's turn may just have passed when a request arrives, hence two.
        let most = FLOODS * 2 * turn;
        assert!(count - before <= most, "{} > {most}", count - before);
        before = *count;
    }
    assert!(before > ROUNDS * turn / 2, "the floods did not flow");
}
