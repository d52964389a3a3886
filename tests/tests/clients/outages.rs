//! The async client against servers that are slow, cut off, or away for a while.

use bellwire::{Command, Line, Postcard};
use bellwire_std::tokio::Client;
use bellwire_std::{CallError, Cause};
use bellwire_tests::certificates::Authority;
use bellwire_tests::net::{Manner, SHORT, host};
use bellwire_tests::running::{Kind, PATIENCE, SLOW, STRING, serve, serve_over_tls};
use bellwire_tests::script::Scripted;
use bellwire_tests::script::Step::{Close, Hear, Say};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

const A: Command<Line, Line> = Command::new("A");

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Forwards connections to `server`. Returns the address to connect to, and the clients' connections.
fn relay(server: SocketAddr) -> (SocketAddr, Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (opened, connections) = channel();
    thread::spawn(move || {
        for near in listener.incoming() {
            let (near, far) = (near.unwrap(), TcpStream::connect(server).unwrap());
            let clone = |stream: &TcpStream| stream.try_clone().unwrap();
            forward(clone(&near), clone(&far));
            forward(far, clone(&near));
            let _ = opened.send(near);
        }
    });
    (address, connections)
}

/// Copies in a thread. Bytes that `to` refuses are discarded, so that `from` sees a peer that reads on.
fn forward(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut bytes) {
            let _ = to.write_all(&bytes[..n]);
        }
    });
}

#[test]
fn a_call_over_tls_that_is_cut_may_have_run_and_the_next_call_succeeds() {
    let authority = Authority::new();
    let server = serve_over_tls(Kind::Threads, &authority.acceptor(None), |_| {});
    let (address, connections) = relay(server.address);
    runtime().block_on(async {
        let builder = Client::builder().tls(authority.connector(None), "localhost");
        let client = builder.connect(&address.to_string()).await.unwrap();
        let near = connections.recv_timeout(PATIENCE).unwrap();
        let cut = async {
            sleep(SHORT / 4).await;
            near.shutdown(Shutdown::Both).unwrap();
        };
        let (outcome, ()) = tokio::join!(client.call(SLOW, ()), cut);
        let error = outcome.unwrap_err();
        // Without an alert that ends TLS, the end is not clean.
        assert!(
            matches!(&error, CallError::MayHaveRun(Cause::Transport(error))
                if error.kind() == ErrorKind::UnexpectedEof),
            "{error:?}"
        );
        assert_eq!(client.call(STRING, "a").await.unwrap(), "Thank you.");
    });
}

#[test]
fn a_call_over_tls_that_stalls_ends_at_the_time_limit_and_the_next_call_succeeds() {
    let authority = Authority::new();
    let server = serve_over_tls(Kind::Threads, &authority.acceptor(None), |_| {});
    runtime().block_on(async {
        let builder = Client::builder()
            .tls(authority.connector(None), "localhost")
            .timeout(Some(SHORT));
        let client = builder.connect(&server.address.to_string()).await.unwrap();
        let error = client.call(SLOW, ()).await.unwrap_err();
        assert!(
            matches!(error, CallError::MayHaveRun(Cause::TimedOut)),
            "{error}"
        );
        assert_eq!(client.call(STRING, "a").await.unwrap(), "Thank you.");
    });
}

#[test]
fn connecting_to_a_server_that_never_accepts_ends_at_the_time_limit() {
    let full = host(&[("127.0.0.1", Manner::Ignores)]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = Authority::new();
    runtime().block_on(async {
        let builder = Client::builder().connect_timeout(SHORT);
        let tls = builder.clone().tls(authority.connector(None), "localhost");
        let full = builder.connect(&format!("127.0.0.1:{}", full.port)).await;
        assert_eq!(full.unwrap_err().kind(), ErrorKind::TimedOut);
        // The system completes the connection; the handshake waits for the server.
        let silent = tls.connect(&silent.local_addr().unwrap().to_string()).await;
        assert_eq!(silent.unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_call_to_a_server_that_never_accepts_may_have_run() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    runtime().block_on(async {
        let builder = Client::builder().timeout(Some(SHORT));
        let address = silent.local_addr().unwrap().to_string();
        let client = builder.connect(&address).await.unwrap();
        let error = client.call(A, "x").await.unwrap_err();
        assert!(
            matches!(error, CallError::MayHaveRun(Cause::TimedOut)),
            "{error}"
        );
    });
}

#[test]
fn a_request_of_3_mib_reaches_a_server_that_reads_slowly() {
    const SIZE: usize = 3 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut heard = Vec::new();
        let mut part = vec![0; 1 << 16];
        while heard.len() < "A\n\nA\nx\n".len() + SIZE {
            let n = stream.read(&mut part).unwrap();
            assert_ne!(n, 0, "the client closed");
            heard.extend_from_slice(&part[..n]);
            thread::sleep(Duration::from_millis(2));
        }
        stream.write_all(b"long\nshort\n").unwrap();
        heard
    });
    let text = "y".repeat(SIZE);
    runtime().block_on(async {
        let builder = Client::builder().max_request(SIZE + 10);
        let client = builder.connect(&address).await.unwrap();
        let (long, short) = tokio::join!(client.call(A, &text), client.call(A, "x"));
        assert_eq!(
            (long.unwrap(), short.unwrap()),
            ("long".into(), "short".into())
        );
    });
    assert!(server.join().unwrap() == format!("A\n{text}\nA\nx\n").as_bytes());
}

#[test]
fn calls_wait_with_few_attempts_until_the_server_is_back() {
    let first = Scripted::start(&[&[Hear("A\nx\n"), Say("1\n"), Close]]);
    let address = first.address;
    runtime().block_on(async {
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        let client = Client::builder()
            .on_disconnect(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
            })
            .connect(&address.to_string())
            .await
            .unwrap();
        assert_eq!(client.call(A, "x").await.unwrap(), "1");
        // Before this the end may not have arrived, and a call may be written to the old connection.
        while told.load(Ordering::Relaxed) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        let server = thread::spawn(move || {
            thread::sleep(3 * SHORT);
            let listener = TcpListener::bind(address).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for _ in 0..2 {
                assert_eq!(lines.next().unwrap().unwrap(), "A");
                let text = lines.next().unwrap().unwrap();
                stream.write_all(format!("{text}\n").as_bytes()).unwrap();
            }
        });
        let (one, two) = tokio::join!(client.call(A, "1"), client.call(A, "2"));
        assert_eq!((one.unwrap(), two.unwrap()), ("1".into(), "2".into()));
        // The pauses are at least 25, 50, 100, 200 and 400 ms.
        let told = told.load(Ordering::Relaxed);
        assert!((2..=7).contains(&told), "{told} failures");
        server.join().unwrap();
    });
}

#[test]
fn a_reply_beyond_the_limit_is_skipped_and_the_connection_stays_open() {
    const TEXT: Command<Postcard<usize>, Postcard<String>> = Command::new("TEXT");
    let server = serve(Kind::Threads, |_| {});
    server
        .endpoint
        .handle(TEXT, |(), size, reply| reply.send(&"x".repeat(size)))
        .unwrap();
    runtime().block_on(async {
        let client = Client::builder()
            .max_reply(100)
            .on_disconnect(|cause| panic!("{cause}"))
            .connect(&server.address.to_string())
            .await
            .unwrap();
        // The first reply arrives in one piece, the second does not.
        let long = (client.call(TEXT, &150), client.call(TEXT, &20_000));
        let (one, two, short) = tokio::join!(long.0, long.1, client.call(STRING, "a"));
        for outcome in [one, two] {
            assert!(
                matches!(
                    outcome,
                    Err(CallError::Reply(bellwire::ErrorKind::MessageTooLong {
                        limit: 100
                    }))
                ),
                "{outcome:?}"
            );
        }
        assert_eq!(short.unwrap(), "Thank you.");
    });
}

#[test]
fn an_idle_client_connects_again_only_for_the_next_call() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    runtime().block_on(async {
        let client = Client::connect(&address).await.unwrap();
        drop(listener.accept().unwrap());
        sleep(SHORT).await;
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(client);
    });
}

#[test]
fn a_server_that_closes_after_each_reply_is_connected_to_without_growing_pauses() {
    const ONE: &[bellwire_tests::script::Step] = &[Hear("A\nx\n"), Say("1\n"), Close];
    let server = Scripted::start(&[ONE; 10]);
    let start = Instant::now();
    runtime().block_on(async {
        let client = Client::connect(&server.address.to_string()).await.unwrap();
        for _ in 0..10 {
            assert_eq!(client.call(A, "x").await.unwrap(), "1");
            server.wait();
            sleep(SHORT / 10).await;
        }
    });
    // Pauses that double from 50 ms would take more than 5 seconds.
    assert!(start.elapsed() < Duration::from_secs(5));
}
