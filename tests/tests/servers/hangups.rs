//! A client that is gone, or a handler that takes too long: the future is dropped and the place is free.

use bellwire::{Command, Line, Reply};
use bellwire_std::{Endpoint, Listener, Network, ServerLimits, tokio};
use bellwire_tests::net::{SHORT, reset};
use bellwire_tests::running::{Kind, PATIENCE, Running, line, rest, serve};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Never answers `ever`, and answers another text after 200 ms.
const WAIT: Command<Line, Line> = Command::new("WAIT");

const BOTH: [Kind; 2] = [Kind::Threads, Kind::Tasks];

/// Tells when a handler's future is dropped.
struct Dropped(Sender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// Adds `WAIT`. The first receiver is told when a handler begins, the second when its future is dropped.
fn add_wait(endpoint: &Endpoint<()>) -> (Receiver<()>, Receiver<()>) {
    let ((begins, begun), (drops, dropped)) = (channel(), channel());
    let channels = Arc::new(Mutex::new((begins, drops)));
    let handler = move |(): &mut (), text: &str| {
        let (begins, drops) = channels.lock().unwrap().clone();
        let guard = Dropped(drops);
        begins.send(()).unwrap();
        let text = text.to_owned();
        async move {
            let _guard = guard;
            if text == "ever" {
                std::future::pending::<()>().await;
            }
            later().await;
            move |reply: Reply<'_, Line>| reply.send("done")
        }
    };
    endpoint.handle_async(WAIT, handler).unwrap();
    (begun, dropped)
}

/// Is ready after 200 ms, with or without a runtime.
async fn later() {
    let (wake, mut begun) = (Instant::now() + Duration::from_millis(200), false);
    std::future::poll_fn(|context| {
        if Instant::now() >= wake {
            return std::task::Poll::Ready(());
        }
        if !std::mem::replace(&mut begun, true) {
            let waker = context.waker().clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(210));
                waker.wake();
            });
        }
        std::task::Poll::Pending
    })
    .await;
}

fn connect(server: &Running) -> TcpStream {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn only_one(limits: &mut ServerLimits) {
    limits.connections = 1;
}

#[test]
fn a_reset_drops_the_waiting_future_and_frees_its_place() {
    for kind in BOTH {
        // The requests behind it are unread, or not there.
        for unread in ["", "STRING\na\nSTRING\nb\n"] {
            let server = serve(kind, only_one);
            let (begun, dropped) = add_wait(&server.endpoint);
            let mut client = connect(&server);
            client.write_all(b"WAIT\never\n").unwrap();
            begun.recv_timeout(PATIENCE).unwrap();
            client.write_all(unread.as_bytes()).unwrap();
            reset(client);
            dropped.recv_timeout(PATIENCE).unwrap();
            let start = Instant::now();
            loop {
                let mut next = connect(&server);
                next.write_all(b"STRING\nc\n").unwrap();
                if line(&mut next) == "Thank you.\n" {
                    break;
                }
                assert!(start.elapsed() < PATIENCE, "{kind:?}");
            }
            assert_eq!(*server.texts.lock().unwrap(), ["c"], "{kind:?}");
        }
    }
}

/// The servers also look at each waiting handler once a second.
#[test]
fn a_waiting_handler_is_woken_at_once() {
    for kind in BOTH {
        let server = serve(kind, |_| {});
        let (_begun, _dropped) = add_wait(&server.endpoint);
        let mut client = connect(&server);
        let begin = Instant::now();
        for _ in 0..5 {
            client.write_all(b"WAIT\na while\n").unwrap();
            assert_eq!(line(&mut client), "done\n");
        }
        assert!(begin.elapsed() < Duration::from_secs(5), "{kind:?}");
    }
}

#[test]
fn an_end_of_the_sending_alone_still_gets_the_reply() {
    for kind in BOTH {
        let server = serve(kind, |_| {});
        let (_begun, _dropped) = add_wait(&server.endpoint);
        let mut client = connect(&server);
        client.write_all(b"WAIT\na while\n").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut client), "done\n", "{kind:?}");
    }
}

#[test]
fn a_unix_client_that_closes_drops_the_waiting_future() {
    for kind in BOTH {
        let name = format!("bellwire-hangup-{}-{kind:?}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = Listener::bind(Network::Unix, path.to_str().unwrap()).unwrap();
        let endpoint = Arc::new(Endpoint::<()>::new());
        let (begun, dropped) = add_wait(&endpoint);
        let running = if kind == Kind::Threads {
            let server = bellwire_std::Server::from_listener(listener.clone(), endpoint);
            thread::spawn(move || server.run())
        } else {
            let server = tokio::Server::from_listener(listener.clone(), endpoint);
            thread::spawn(move || server.run_on_threads(1))
        };
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(b"WAIT\never\n").unwrap();
        begun.recv_timeout(PATIENCE).unwrap();
        drop(client);
        dropped.recv_timeout(PATIENCE).unwrap();
        listener.close();
        running.join().unwrap().unwrap();
    }
}

#[test]
fn a_handler_that_takes_too_long_is_dropped_and_its_client_is_told() {
    for kind in BOTH {
        let server = serve(kind, |limits| limits.answer_timeout = SHORT);
        let (_begun, dropped) = add_wait(&server.endpoint);
        let mut client = connect(&server);
        client
            .write_all(b"STRING\na\nWAIT\never\nSTRING\nb\n")
            .unwrap();
        let expected = "Thank you.\n!timed-out WAIT: request took too long\n";
        assert_eq!(rest(&mut client), expected, "{kind:?}");
        dropped.recv_timeout(PATIENCE).unwrap();
        assert_eq!(*server.texts.lock().unwrap(), ["a"], "{kind:?}");
        let mut next = connect(&server);
        next.write_all(b"STRING\nc\n").unwrap();
        assert_eq!(line(&mut next), "Thank you.\n");
    }
}
