//! A server over real sockets, for one test.

use bellwire::{Command, HeapComplexData, Line, NoReply, Postcard};
use bellwire_std::{Endpoint, Server, ServerLimits, Stopper};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a test waits for what should come at once.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Answered with `Thank you.`
pub const STRING: Command<Line, Line> = Command::new("STRING");
/// Answered with the string inside.
pub const POSTCARD: Command<Postcard<HeapComplexData>, Line> = Command::new("POSTCARD");
/// Not answered.
pub const NOTE: Command<Line, NoReply> = Command::new("NOTE");
/// Answered with 1000 bytes.
pub const LONG: Command<(), Line> = Command::new("LONG");
/// Never answered: the handler panics.
pub const PANIC: Command<(), Line> = Command::new("PANIC");
/// Answered with `done` after 300 ms.
pub const SLOW: Command<(), Line> = Command::new("SLOW");

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it serves, and can be added to.
    pub endpoint: Arc<Endpoint<()>>,
    /// All texts that came with `STRING` and `NOTE`.
    pub texts: Arc<Mutex<Vec<String>>>,
    stopper: Stopper,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Starts a server with these limits.
pub fn serve(limit: impl FnOnce(&mut ServerLimits)) -> Running {
    let texts = Arc::new(Mutex::new(Vec::new()));
    let endpoint = Arc::new(endpoint(&texts));
    let mut server = Server::bind("127.0.0.1:0", Arc::clone(&endpoint)).unwrap();
    limit(&mut server.limits);
    Running {
        address: server.local_addr().tcp().unwrap(),
        endpoint,
        texts,
        stopper: server.stopper(),
        thread: Some(thread::spawn(move || server.run(|_peer| ()))),
    }
}

fn endpoint(texts: &Arc<Mutex<Vec<String>>>) -> Endpoint<()> {
    let endpoint = Endpoint::new();
    let (strings, notes) = (Arc::clone(texts), Arc::clone(texts));
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
        .handle(PANIC, |(), (), _reply| panic!("as the test wants it"))
        .unwrap();
    endpoint
        .handle(SLOW, |(), (), reply| {
            thread::sleep(Duration::from_millis(300));
            reply.send("done")
        })
        .unwrap();
    endpoint
}

impl Running {
    /// Stops it and waits until it has.
    pub fn stop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }

    /// Wishes that it stops.
    pub fn begin_stop(&self) {
        self.stopper.stop();
    }

    /// A connection to it, on which reads and writes fail after [`PATIENCE`].
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends `bytes`, ends the sending, and returns all that comes back.
    pub fn answer(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        // The server may end the conversation before it has read everything.
        let _ = stream.write_all(bytes.as_ref());
        let _ = stream.shutdown(Shutdown::Write);
        rest(&mut stream)
    }

    /// Whether it still serves.
    pub fn is_well(&self) -> bool {
        self.answer("STRING\nstill there?\n") == "Thank you.\n"
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// All that still comes.
pub fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        // What came before a reset was received all the same.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&bytes)),
    }
    String::from_utf8(bytes).unwrap()
}

/// The next line, with its line feed.
pub fn line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') && stream.read(&mut byte).unwrap() > 0 {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}
