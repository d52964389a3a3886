//! Async handlers that are ready at once cost no more than plain handlers.

use super::sent::{Sent, Writes};
use bellwire::{Command, Line, Reply};
use bellwire_std::Endpoint;
use bellwire_tests::running::{PATIENCE, line};
use metrics::with_local_recorder;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

const ASK: Command<Line, Line> = Command::new("ASK");
const REQUESTS: usize = 1000;

/// Cause: each reply of a future was written separately, with 1000 writes for these requests.
#[test]
fn ready_futures_need_as_many_writes_as_plain_handlers() {
    let plain = writes(|endpoint| {
        let handler = |(): &mut (), text: &str, reply: Reply<'_, Line>| reply.send(text);
        endpoint.handle(ASK, handler).unwrap();
    });
    let ready = writes(|endpoint| {
        let handler = |(): &mut (), text: &str| {
            let text = text.to_owned();
            async move { move |reply: Reply<'_, Line>| reply.send(&text) }
        };
        endpoint.handle_async(ASK, handler).unwrap();
    });
    // Turns of 128 requests, and one that a read cuts short.
    assert!(plain <= REQUESTS / 128 + 2, "{plain} writes");
    assert_eq!(ready, plain);
}

/// Returns the number of writes that a server needs for its replies, if all requests arrive before it
/// reads them.
fn writes(add_ask: impl FnOnce(&Endpoint<()>)) -> usize {
    const BLOCK: Command<Line, Line> = Command::new("BLOCK");
    let endpoint = Arc::new(Endpoint::<()>::new());
    add_ask(&endpoint);
    let (blocked, is_blocked) = mpsc::channel();
    let (unblock, unblocked) = mpsc::channel::<()>();
    let unblocked = std::sync::Mutex::new(unblocked);
    // While this handler runs, the only thread reads nothing.
    let block = move |(): &mut (), _text: &str, reply: Reply<'_, Line>| {
        blocked.send(()).unwrap();
        let _ = unblocked.lock().unwrap().recv_timeout(PATIENCE);
        reply.send("done")
    };
    endpoint.handle(BLOCK, block).unwrap();
    let server = bellwire_std::tokio::Server::bind("127.0.0.1:0", endpoint).unwrap();
    let (address, shutdown) = (server.local_addr().tcp().unwrap(), server.shutdown_handle());
    let writes = Arc::new(Writes::default());
    let recorder = Sent(Arc::clone(&writes));
    let run = move || with_local_recorder(&recorder, || server.run_on_threads(1));
    let running = thread::spawn(run);

    let connect = || {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let (mut asking, mut blocking) = (connect(), connect());
    asking.write_all(b"ASK\nhi\n").unwrap();
    assert_eq!(line(&mut asking), "hi\n");
    blocking.write_all(b"BLOCK\nnow\n").unwrap();
    is_blocked.recv_timeout(PATIENCE).unwrap();
    let before = writes.number();
    asking
        .write_all("ASK\nhi\n".repeat(REQUESTS).as_bytes())
        .unwrap();
    unblock.send(()).unwrap();
    let mut replies = vec![0; REQUESTS * 3];
    asking.read_exact(&mut replies).unwrap();
    assert_eq!(replies, "hi\n".repeat(REQUESTS).as_bytes());
    // A write is counted after its bytes have left, so the last count comes with the end.
    shutdown.stop();
    running.join().unwrap().unwrap();
    let blocking = 1;
    writes.number() - before - blocking
}
