//! A server over sockets, for one test.

use bellwire::{Command, HeapComplexData, Line, NoReply, Postcard};
use bellwire_std::{Endpoint, Listener, Network, Server, ServerLimits, ShutdownHandle, tls};
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

/// The time limit for events that should happen at once.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The error line for a connection beyond the limit.
pub const BUSY: &str = "!busy temporarily unavailable\n";

/// Replies `Thank you.`.
pub const STRING: Command<Line, Line> = Command::new("STRING");
/// Replies the field `S`.
pub const POSTCARD: Command<Postcard<HeapComplexData>, Line> = Command::new("POSTCARD");
/// Has no reply.
pub const NOTE: Command<Line, NoReply> = Command::new("NOTE");
/// Replies a line of 999 bytes.
pub const LONG: Command<(), Line> = Command::new("LONG");
/// Panics in the handler.
pub const PANIC: Command<(), Line> = Command::new("PANIC");
/// Replies `done` after 300 ms.
pub const SLOW: Command<(), Line> = Command::new("SLOW");

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `bellwire_std::Server`, with a thread for each connection.
    Threads,
    /// `bellwire_std::tokio::Server` on one runtime, with a task for each connection.
    Tasks,
    /// `bellwire_std::tokio::Server` on several threads with a runtime each.
    Workers,
}

/// Runs a test against each kind of server.
pub fn each(test: impl Fn(Kind)) {
    for kind in [Kind::Threads, Kind::Tasks, Kind::Workers] {
        // Shown if the test fails.
        println!("the server of {kind:?}");
        test(kind);
    }
}

/// A server that runs until dropped.
#[derive(Debug)]
pub struct Running {
    /// The address that the server listens on.
    pub address: SocketAddr,
    /// The server's commands; more can be added.
    pub endpoint: Arc<Endpoint<()>>,
    /// The texts that `STRING` and `NOTE` received.
    pub texts: Arc<Mutex<Vec<String>>>,
    shutdown: ShutdownHandle,
    thread: Option<JoinHandle<()>>,
}

/// Starts a server with these limits.
pub fn serve(kind: Kind, limit: impl FnOnce(&mut ServerLimits)) -> Running {
    serve_over(kind, any_port(), limit)
}

/// Starts a server with TLS.
pub fn serve_over_tls(
    kind: Kind,
    acceptor: &tls::Acceptor,
    limit: impl FnOnce(&mut ServerLimits),
) -> Running {
    start(kind, any_port(), Some(acceptor.clone()), limit)
}

/// Starts a server on `listener`.
pub fn serve_over(
    kind: Kind,
    listener: Listener,
    limit: impl FnOnce(&mut ServerLimits),
) -> Running {
    start(kind, listener, None, limit)
}

/// Starts a server with TLS, whose send buffers have the system's smallest size.
pub fn serve_over_tls_with_small_buffers(
    kind: Kind,
    acceptor: &tls::Acceptor,
    limit: impl FnOnce(&mut ServerLimits),
) -> Running {
    let listener = listen_with_send_buffers(1);
    start(kind, listener, Some(acceptor.clone()), limit)
}

/// Listens for connections whose send buffers have this size in bytes. The system may round it up.
pub fn listen_with_send_buffers(bytes: usize) -> Listener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Accepted sockets inherit the buffer size.
    let socket = SockRef::from(&listener);
    socket.set_send_buffer_size(bytes).unwrap();
    listener.try_into().unwrap()
}

fn any_port() -> Listener {
    Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap()
}

fn start(
    kind: Kind,
    listener: Listener,
    acceptor: Option<tls::Acceptor>,
    limit: impl FnOnce(&mut ServerLimits),
) -> Running {
    if kind == Kind::Threads {
        return serve_threads(listener, acceptor, limit);
    }
    let run = match kind {
        Kind::Workers => |server: bellwire_std::tokio::Server<()>| server.run_on_threads(2),
        _ => on_runtime,
    };
    serve_on(listener, run, |server| {
        limit(&mut server.limits);
        server.tls = acceptor;
    })
}

fn serve_threads(
    listener: Listener,
    acceptor: Option<tls::Acceptor>,
    limit: impl FnOnce(&mut ServerLimits),
) -> Running {
    let (endpoint, texts) = endpoint();
    let mut server = Server::from_listener(listener, Arc::clone(&endpoint));
    server.tls = acceptor;
    limit(&mut server.limits);
    Running {
        address: server.local_addr().tcp().unwrap(),
        endpoint,
        texts,
        shutdown: server.shutdown_handle(),
        thread: Some(thread::spawn(move || server.run().unwrap())),
    }
}

/// Starts a server with tasks, after `set_up`.
pub fn serve_tasks(set_up: impl FnOnce(&mut bellwire_std::tokio::Server<()>)) -> Running {
    serve_on(any_port(), on_runtime, set_up)
}

fn on_runtime(server: bellwire_std::tokio::Server<()>) -> io::Result<()> {
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build()?;
    runtime.block_on(server.run())
}

/// Starts a server whose tasks all run on one thread, so that their steps have an order.
pub fn serve_on_one_thread(set_up: impl FnOnce(&mut bellwire_std::tokio::Server<()>)) -> Running {
    let run = |server: bellwire_std::tokio::Server<()>| server.run_on_threads(1);
    serve_on(any_port(), run, set_up)
}

fn serve_on(
    listener: Listener,
    run: impl FnOnce(bellwire_std::tokio::Server<()>) -> io::Result<()> + Send + 'static,
    set_up: impl FnOnce(&mut bellwire_std::tokio::Server<()>),
) -> Running {
    let (endpoint, texts) = endpoint();
    let mut server = bellwire_std::tokio::Server::from_listener(listener, Arc::clone(&endpoint));
    set_up(&mut server);
    Running {
        address: server.local_addr().tcp().unwrap(),
        endpoint,
        texts,
        shutdown: server.shutdown_handle(),
        thread: Some(thread::spawn(move || run(server).unwrap())),
    }
}

fn endpoint() -> (Arc<Endpoint<()>>, Arc<Mutex<Vec<String>>>) {
    let endpoint = Endpoint::new();
    let texts = Arc::new(Mutex::new(Vec::new()));
    let (strings, notes) = (Arc::clone(&texts), Arc::clone(&texts));
    let keep = |texts: &Mutex<Vec<String>>, text: &str| texts.lock().unwrap().push(text.into());
    endpoint
        .handle(STRING, move |(), text, reply| {
            keep(&strings, text);
            reply.send("Thank you.")
        })
        .unwrap();
    endpoint
        .handle(NOTE, move |(), text, reply| {
            keep(&notes, text);
            reply.none()
        })
        .unwrap();
    endpoint
        .handle(POSTCARD, |(), data, reply| reply.send(&data.s))
        .unwrap();
    endpoint
        .handle(LONG, |(), (), reply| reply.send(&"x".repeat(999)))
        .unwrap();
    endpoint
        .handle(PANIC, |(), (), _reply| panic!("this handler panics"))
        .unwrap();
    endpoint
        .handle(SLOW, |(), (), reply| {
            thread::sleep(Duration::from_millis(300));
            reply.send("done")
        })
        .unwrap();
    (Arc::new(endpoint), texts)
}

impl Running {
    /// Stops the server and waits until it has stopped.
    pub fn stop(&mut self) {
        self.begin_stop();
        let Some(thread) = self.thread.take() else {
            return;
        };
        // A server that does not stop fails its test instead of blocking it.
        until(|| thread.is_finished());
        thread.join().unwrap();
    }

    /// Tells the server to stop.
    pub fn begin_stop(&self) {
        self.shutdown.stop();
    }

    /// Connects to the server. Reads and writes fail after [`PATIENCE`].
    pub fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// Sends `bytes`, shuts down the sending, and returns all replies.
    pub fn answer(&self, bytes: impl AsRef<[u8]>) -> String {
        answer(self.address, bytes)
    }

    /// Returns whether the server still serves.
    pub fn is_well(&self) -> bool {
        self.answer("STRING\nstill there?\n") == "Thank you.\n"
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Connects to a server, sends `bytes`, shuts down the sending, and returns all replies.
pub fn answer(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = connect(address);
    // The server may end the connection before it has read all bytes.
    let _ = stream.write_all(bytes.as_ref());
    let _ = stream.shutdown(Shutdown::Write);
    rest(&mut stream)
}

/// Waits until `condition` is true. Panics after twice [`PATIENCE`].
pub fn until(mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(
            begin.elapsed() < 2 * PATIENCE,
            "the condition does not become true"
        );
        thread::sleep(Duration::from_millis(2));
    }
}

/// Reads all bytes up to the end of the stream.
pub fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        // The bytes before a reset have been received.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&bytes)),
    }
    String::from_utf8(bytes).unwrap()
}

/// Reads the next line, with its line feed.
pub fn line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') && stream.read(&mut byte).unwrap() > 0 {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}
