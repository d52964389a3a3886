//! The firmware on a board that QEMU emulates, for one test.

use crate::mission::{self, GOB, POSTCARD, STRING, TEXT};
use crate::not_tested;
use bellwire::blocking::Client;
use bellwire_std::dial;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The top of the project.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// How long building the firmware and booting it may take.
pub const BOOT: Duration = Duration::from_mins(10);
/// How long the board may take for what it should do at once, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How `qemu.sh` exits where QEMU or the compiler's target is not installed.
const NOT_INSTALLED: i32 = 2;

/// A board that runs until it is dropped.
#[derive(Debug)]
pub struct Board {
    /// Where its port 61000 can be reached.
    pub address: SocketAddr,
    /// Where its UART0 can be reached.
    pub uart: SocketAddr,
    child: Child,
    console: Receiver<String>,
}

impl Board {
    /// Boots the server. `None`, which a test takes as its end, where QEMU or the target are not
    /// installed, except in continuous integration, where they must be.
    pub fn server() -> Option<Self> {
        Self::serving(&[])
    }

    /// The same with the program that sends back what comes.
    pub fn echo() -> Option<Self> {
        Self::serving(&["--echo"])
    }

    /// Boots the client, which dials this port here. Where a server boots, so does a client.
    pub fn client(port: u16) -> Self {
        Self::boot(&["--client", &port.to_string()], free(), free())
    }

    /// Boots a program that panics at once.
    pub fn panic() -> Self {
        Self::boot(&["--panic"], free(), free())
    }

    fn serving(program: &[&str]) -> Option<Self> {
        let (address, uart) = (free(), free());
        let (port, uart_port) = (address.port().to_string(), uart.port().to_string());
        let arguments = [program, &[&port, &uart_port]].concat();
        let mut board = Self::boot(&arguments, address, uart);
        if board.says("up", BOOT) {
            return Some(board);
        }
        let exited = board.child.wait().unwrap();
        assert!(exits_where_not_installed(exited), "it did not come up");
        None
    }

    fn boot(arguments: &[&str], address: SocketAddr, uart: SocketAddr) -> Self {
        let script = Path::new(ROOT).join("demo/firmware/qemu.sh");
        let mut child = Command::new(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, console) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        Self {
            address,
            uart,
            child,
            console,
        }
    }

    /// Whether a line that contains `text` comes on the console within `patience`.
    pub fn says(&mut self, text: &str, patience: Duration) -> bool {
        self.line_with(text, patience).is_some()
    }

    /// The line that contains `text`, unless the board ends before it comes.
    pub fn line_with(&mut self, text: &str, patience: Duration) -> Option<String> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.console.recv_timeout(left) {
                Ok(line) if line.contains(text) => return Some(line),
                Ok(line) => assert!(!line.starts_with("panicked"), "{line}"),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("the board does not say {text:?}"),
            }
        }
    }

    /// The bytes of its stack that it has used at most.
    pub fn stack(&mut self) -> usize {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let line = self.line_with("stack: ", PATIENCE).unwrap();
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// How it exits.
    pub fn exit(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the board does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// A connection to its port 61000.
    pub fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// A connection to its UART0.
    pub fn serial(&self) -> TcpStream {
        connect(self.uart)
    }

    /// Sends `bytes`, ends the sending, and returns all that comes back.
    pub fn answer(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        // The board may end the conversation before it has read everything.
        let _ = stream.write_all(bytes.as_ref());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        crate::running::rest(&mut stream)
    }

    /// Says to it what the demo's client says.
    pub fn hears_the_demos_client(&self) {
        let conn = dial(self.address, PATIENCE).unwrap();
        let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
        let mut client = Client::new(conn, &mut rx, &mut tx);
        let deadline = Some(Instant::now() + PATIENCE);
        client.stream().set_deadline(deadline);
        assert_eq!(client.call(STRING, TEXT).unwrap(), "Thank you.");
        let value = mission::value();
        assert_eq!(client.call(POSTCARD, &value).unwrap(), "Received.");
        client.send(GOB, &value).unwrap();
        // GOB is not answered; what follows it is, if it was taken.
        assert_eq!(client.call(STRING, TEXT).unwrap(), "Thank you.");
    }

    /// Whether it still serves, once a socket is free.
    pub fn is_well(&self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.answer("STRING\nstill there?\n") == "Thank you.\n" {
                return true;
            }
        }
        false
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a script ended because it needs what is not installed. Then a test is skipped, which is
/// said loudly; continuous integration skips none.
pub fn exits_where_not_installed(status: ExitStatus) -> bool {
    if status.code() != Some(NOT_INSTALLED) {
        return false;
    }
    let test = thread::current().name().unwrap_or("a test").to_owned();
    not_tested(&test, "the board's tools are not installed");
    true
}

/// What comes within a moment.
pub fn soon(stream: &mut TcpStream) -> String {
    stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let mut bytes = Vec::new();
    let mut some = [0; 256];
    while let Ok(count @ 1..) = stream.read(&mut some) {
        bytes.extend(&some[..count]);
    }
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// An address that nobody listens on.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
